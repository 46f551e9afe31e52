"""Formats of the admin's times, to the second (settings.FORMAT_MODULE_PATH). The site's own pages
use concertbook/templatetags/times.py."""
