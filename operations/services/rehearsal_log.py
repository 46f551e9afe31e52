"""The rehearsals that were started from the console: their beginning and end are in the log, and
what they are doing meanwhile is in Redis.

One runs at a time. Its mark in Redis ends with it, or a minute after its last sign of life.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.core.cache import cache
from django.db import transaction

from accounts.models import Activity, User
from accounts.services import activity
from concertbook.db.clock import database_now

BEGUN, ENDED = "rehearsal.begin", "rehearsal.end"
PROGRESS = "rehearsal:progress"
# From the request until the worker prints its first line, and between two lines.
ALIVE_SECONDS = 60


@dataclass(frozen=True)
class Figures:
    """How large a rehearsal is; ``within`` are the seconds in which the buyers come."""

    buyers: int
    seats: int
    capacity: int
    within: int


@dataclass(frozen=True)
class Outcome:
    """What came of the last rehearsal; without ``wrongs`` it went well."""

    at: dt.datetime
    wrongs: Sequence[str]
    report: str


def begin(*, actor: User, figures: Figures, reason: str = "") -> bool:
    """Log that a rehearsal begins; the caller starts it then. False where one runs already."""
    if not cache.add(PROGRESS, "", timeout=ALIVE_SECONDS):
        return False
    with transaction.atomic():
        activity.record(actor=actor, act=BEGUN, new=vars(figures), reason=reason)
    return True


def tell_progress(line: str) -> None:
    cache.set(PROGRESS, line, timeout=ALIVE_SECONDS)


def progress() -> str | None:
    """The last line of the rehearsal that runs, None when none does."""
    line: str | None = cache.get(PROGRESS)
    return line


def end(*, actor: User | None, wrongs: Sequence[str], report: str) -> None:
    """Log what came of it."""
    with transaction.atomic():
        found = {"wrongs": list(wrongs), "report": report}
        activity.record(actor=actor, act=ENDED, new=found)
    cache.delete(PROGRESS)


def last_outcome() -> Outcome | None:
    entry = Activity.objects.filter(act=ENDED).order_by("-id").first()
    if entry is None:
        return None
    new = entry.new or {}
    return Outcome(entry.at, new.get("wrongs", []), new.get("report", ""))


@dataclass(frozen=True)
class Point:
    """One of the conditions for an opening: whether it is met, and since when that is known."""

    name: str
    is_met: bool
    at: dt.datetime | None = None


# How old what speaks for an opening may be.
FRESH = {"rehearsal": dt.timedelta(days=7), "audit": dt.timedelta(days=1)}


def go_or_no_go(*, urgent: int) -> list[Point]:
    """The conditions for an opening; ``urgent`` is the number of urgent warnings now."""
    now = database_now()
    outcome = last_outcome()
    audit = Activity.objects.filter(act="audit.run").order_by("-id").first()
    audit_is_clean = audit is not None and not (audit.new or {}).get("findings")
    return [
        Point("warnings", not urgent),
        Point(
            "rehearsal",
            outcome is not None and not outcome.wrongs and now - outcome.at < FRESH["rehearsal"],
            outcome.at if outcome else None,
        ),
        Point(
            "audit",
            audit is not None and audit_is_clean and now - audit.at < FRESH["audit"],
            audit.at if audit else None,
        ),
    ]
