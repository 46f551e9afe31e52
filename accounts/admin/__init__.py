"""The admin pages of users, groups, money and legal pages; the log-in of the admin."""

from accounts.admin import documents, money, records, site, users

__all__ = ["documents", "money", "records", "site", "users"]
