"""The admin pages of users, groups, money, messages, legal pages, the log; the admin's log-in."""

from accounts.admin import documents, log, messages, money, records, site, users

__all__ = ["documents", "log", "messages", "money", "records", "site", "users"]
