"""The admin pages of users, groups and money; the log-in of the admin."""

from accounts.admin import money, records, site, users

__all__ = ["money", "records", "site", "users"]
