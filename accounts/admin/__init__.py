"""The admin pages of users, groups, money, messages and legal pages; the log-in of the admin."""

from accounts.admin import documents, messages, money, records, site, users

__all__ = ["documents", "messages", "money", "records", "site", "users"]
