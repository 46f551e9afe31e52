"""Tickets in the wallets of phones: apple (a signed file), google (a signed link).

Both are off without the keys in the settings (docs/operations.md).
"""
