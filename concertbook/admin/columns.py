"""Columns of the admin's lists."""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import admin
from django.utils import timezone

from concertbook.templatetags.money import won as in_won

Column = Callable[[Any], Any]
Colors = Mapping[str, str]


def won(field: str, description: Any) -> Column:
    """A column that shows the amount in ``field``."""

    @admin.display(description=description, ordering=field)
    def show(row: Any) -> str:
        return in_won(getattr(row, field))

    return show


def colored(field: str, description: Any, colors: Colors) -> Column:
    """A column that shows a choice as a colored label: success, info, warning, danger; else
    grey."""

    @admin.display(description=description, ordering=field)
    def show(row: Any) -> tuple[str, str]:
        return getattr(row, field), getattr(row, f"get_{field}_display")()

    show.label = defaultdict(str, colors)  # type: ignore[attr-defined]
    return show


def to_the_second(moment: dt.datetime) -> str:
    """The time at the venue: 2026-11-30 20:04:12."""
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S}"
