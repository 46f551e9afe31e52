"""The admin pages of the programme: concerts, schedules, seats."""

from concerts.admin import concerts, schedules, seats

__all__ = ["concerts", "schedules", "seats"]
