"""Shared by all pages of the admin: base classes, columns, versions of forms. Imports no app."""
