"""What happens at the doors of one show: for its phones, every few seconds."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from accounts.models import User
from concertbook.db.clock import database_now
from concerts.models import ConcertSchedule
from payments.models import CheckIn, CheckInConflict, Ticket
from payments.services.check_in_lists import hash_of, salt_of
from payments.services.check_in_schedules import require_schedule

# A check-in has the time before its commit: one that took so long is still found.
LONGEST_COMMIT = dt.timedelta(seconds=15)
MOST_CONFLICTS = 50


@dataclass(frozen=True)
class GateCount:
    gate: str
    inside: int


@dataclass(frozen=True)
class Use:
    """A check-in of the ticket with this hash (check_in_lists); of one that was undone, too."""

    hash: str
    check_in: uuid.UUID
    used_at: dt.datetime
    gate: str
    is_undone: bool


@dataclass(frozen=True)
class CheckInState:
    """``now`` is the cursor of the next question, and sets the phone's clock."""

    now: dt.datetime
    inside: int
    gates: Sequence[GateCount]
    uses: Sequence[Use]
    conflicts: Sequence[CheckInConflict]


def state_since(
    *, schedule_id: uuid.UUID, by: User, since: dt.datetime | None = None
) -> CheckInState:
    """The counts, the conflicts, and the check-ins made, recorded or undone since that time (all
    without it; some are told twice).

    Raises UnknownSchedule.
    """
    schedule = require_schedule(schedule_id=schedule_id, by=by)
    now = database_now()
    gates = inside_by_gate(schedule_id=schedule.pk)
    return CheckInState(
        now=now,
        inside=sum(each.inside for each in gates),
        gates=gates,
        uses=_uses(schedule.pk, since),
        conflicts=conflicts_of(schedule_id=schedule.pk),
    )


def inside_by_gate(*, schedule_id: uuid.UUID) -> list[GateCount]:
    """How many were let in at each gate, and not undone."""
    live = CheckIn.objects.filter(schedule=schedule_id, undone_at=None).order_by()
    counts = live.values_list("gate").annotate(inside=Count("pk")).order_by("gate")
    return [GateCount(gate, inside) for gate, inside in counts]


@dataclass(frozen=True)
class Counts:
    """Of one show: tickets that are good, those let in, and conflicts."""

    sold: int
    inside: int
    conflicts: int


def counts(*, schedule_id: uuid.UUID) -> Counts:
    """One statement."""
    tickets = Ticket.objects.filter(reservation__schedule=OuterRef("pk"), is_live=True)
    used = tickets.filter(status=Ticket.Status.USED)
    conflicts = CheckInConflict.objects.filter(schedule=OuterRef("pk"))
    show = ConcertSchedule.objects.filter(pk=schedule_id).order_by()
    (row,) = show.values_list(*(_number(rows) for rows in (tickets, used, conflicts)))
    return Counts(*row)


def _number(rows: QuerySet[Any]) -> Coalesce:
    counted = rows.order_by().annotate(same=Value(1)).values("same").annotate(n=Count("pk"))
    return Coalesce(Subquery(counted.values("n")), 0)


def conflicts_of(*, schedule_id: uuid.UUID) -> list[CheckInConflict]:
    """The latest by time of scan, each with its ticket and the other use."""
    related = ("ticket__seat", "ticket__user", "check_in__checked_in_by", "scanned_by")
    found = CheckInConflict.objects.filter(schedule=schedule_id).select_related(*related)
    return list(found[:MOST_CONFLICTS])


def recent_check_ins(*, schedule_id: uuid.UUID, by: User, most: int) -> list[CheckIn]:
    """What this member of the staff has let in last."""
    mine = CheckIn.objects.filter(schedule=schedule_id, checked_in_by=by)
    return list(mine.select_related("ticket__seat", "ticket__user")[:most])


def _uses(schedule_id: uuid.UUID, since: dt.datetime | None) -> list[Use]:
    check_ins = CheckIn.objects.filter(schedule=schedule_id)
    if since is not None:
        after = since - LONGEST_COMMIT
        check_ins = check_ins.filter(
            Q(checked_in_at__gt=after) | Q(recorded_at__gt=after) | Q(undone_at__gt=after)
        )
    salt = salt_of(schedule_id)
    columns = ("ticket__code", "pk", "checked_in_at", "gate", "undone_at")
    rows = check_ins.order_by("checked_in_at", "pk").values_list(*columns)
    return [
        Use(hash_of(code, salt), key, used_at, gate, undone_at is not None)
        for code, key, used_at, gate, undone_at in rows
    ]
