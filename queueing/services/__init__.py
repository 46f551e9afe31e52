"""The line, a module for each use case: places, admission, draw, gate, rooms.

PostgreSQL is the truth.
"""
