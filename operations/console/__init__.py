"""The console: pages of the staff that are no model's list. Mounted at /admin/ before Django's own.

- page: the decorator of every page; urls: their addresses
- one file a page: today, ...; its rules are in operations/services or in the app below
- templates/operations/console/, static/console/: what they look like

docs/console.md says what each page is for.
"""
