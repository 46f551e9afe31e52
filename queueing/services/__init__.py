"""The line, a module for each use case: places, admission, gate, rooms. PostgreSQL is the truth."""
