"""The admin pages of the line: rooms and their records."""

from queueing.admin import records, rooms

__all__ = ["records", "rooms"]
