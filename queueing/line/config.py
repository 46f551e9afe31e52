"""The project's settings: all that the line knows of Django (import-linter holds it)."""

from django.conf import settings

__all__ = ["settings"]
