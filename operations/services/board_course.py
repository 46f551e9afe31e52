"""The course of a sale over the last hour, in steps of ten seconds, for the charts of the board.

A step is read from the tables once, five seconds after its end, and kept in Redis: it does not
change any more. The ranges of time are found by BRIN indexes, which cost a sale nothing. Refusals
are in no table: they are counted as they are sent (concertbook/http/refusal_counts.py).
"""

import datetime as dt
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.cache import cache

from concertbook.db.clock import database_now
from concertbook.db.single_flight import SingleFlight
from concertbook.db.statements import fetch_all
from concertbook.http.refusal_counts import STEP, read_refusals
from operations.services.board import WAITS_FROM

STEPS = 3600 // STEP
SETTLED_AFTER = 5
KEPT_SECONDS = 3600 + 600
MEASURES = ("joined", "admitted", "left", "held", "sold", "won", "wait_p95")

_flight: SingleFlight[None] = SingleFlight()
_kept: "OrderedDict[int, Step]" = OrderedDict()


@dataclass(frozen=True)
class Step:
    """What happened in ten seconds: by room the measures that are not 0, and refusals by code."""

    rooms: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    refusals: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Course:
    """Columns of equal length, one value for each step from ``first``, in STEPs since 1970.

    ``wait_p95`` is in seconds, None for a step without admissions.
    """

    first: int
    columns: Mapping[str, Sequence[float | None]]
    refusals: Mapping[str, Sequence[int]]


def read_course(*, rooms: Iterable[int], since: int = 0) -> Course:
    """The steps of the last hour after ``since``, summed over ``rooms``; of waits the longest.

    Refusals are those of the whole site.
    """
    now = database_now()
    end = int(now.timestamp() - SETTLED_AFTER) // STEP
    numbers = range(max(end - STEPS, min(since + 1, end)), end)
    steps = _steps(numbers)
    wanted = set(rooms)
    columns = {name: [_sum(step, name, wanted) for step in steps] for name in MEASURES}
    codes = sorted({code for step in steps for code in step.refusals})
    refusals = {code: [step.refusals.get(code, 0) for step in steps] for code in codes}
    return Course(numbers.start, columns, refusals)


def _sum(step: Step, name: str, rooms: set[int]) -> float | None:
    values = [step.rooms[room].get(name) for room in rooms & step.rooms.keys()]
    known = [value for value in values if value is not None]
    if name == "wait_p95":
        return max(known, default=None)
    return sum(known)


def _steps(numbers: Sequence[int]) -> list[Step]:
    if missing := [number for number in numbers if number not in _kept]:
        _take(cache.get_many([_key(number) for number in missing]))
    if any(number not in _kept for number in numbers):
        _flight.do("course", lambda: _build([each for each in numbers if each not in _kept]))
    return [_kept.get(number, Step()) for number in numbers]


def _take(found: Mapping[str, Step]) -> None:
    for key, step in found.items():
        _kept[int(key.rpartition(":")[2])] = step
    while len(_kept) > 2 * STEPS:
        _kept.popitem(last=False)


def _build(missing: Sequence[int]) -> None:
    """Read all steps from the first to the last missing one, in one statement a measure."""
    if not missing:
        return
    first, last = missing[0], missing[-1]
    rooms = _measured(first, last + 1)
    refusals = read_refusals(range(first, last + 1))
    steps = {
        _key(number): Step(rooms.get(number, {}), refusals.get(number, {}))
        for number in range(first, last + 1)
    }
    cache.set_many(steps, timeout=KEPT_SECONDS)
    _take(steps)


def _key(number: int) -> str:
    return f"board:step:{number}"


def _measured(first: int, end: int) -> Mapping[int, Mapping[int, Mapping[str, float]]]:
    """By step and room."""
    span = {
        "first": dt.datetime.fromtimestamp(first * STEP, dt.UTC),
        "end": dt.datetime.fromtimestamp(end * STEP, dt.UTC),
    }
    found: Any = defaultdict(lambda: defaultdict(dict))
    for names, statement in STATEMENTS.items():
        for step, room, *values in fetch_all(statement, span):
            found[step][room].update(zip(names, map(float, values), strict=True))
    return {step: dict(rooms) for step, rooms in found.items()}


def _grouped(column: str, values: str, tables: str) -> str:
    return f"""
        SELECT floor(extract(epoch FROM {column}) / {STEP})::bigint, room.id, {values}
        FROM {tables}
        WHERE {column} >= %(first)s AND {column} < %(end)s
        GROUP BY 1, 2
        """


TOKENS = "queueing_queuetoken token JOIN queueing_waitingroom room ON room.id = token.room_id"
TO_ROOM = (
    " JOIN concerts_concertschedule schedule ON schedule.id = reservation.schedule_id"
    " JOIN concerts_concert concert ON concert.id = schedule.concert_id"
    " JOIN queueing_waitingroom room ON room.id = concert.waiting_room_id"
)
STATEMENTS = {
    ("joined",): _grouped("token.issued_at", "count(*)", TOKENS),
    ("admitted", "wait_p95"): _grouped(
        "token.available_at",
        "count(*), percentile_cont(0.95) WITHIN GROUP ("
        f"ORDER BY extract(epoch FROM token.available_at - {WAITS_FROM})::float8)",
        TOKENS,
    ),
    # Who paid is not one who left.
    ("left",): _grouped(
        "entry.exited_at",
        "count(*) FILTER (WHERE entry.outcome <> 'PAID')",
        "queueing_queueentryhistory entry JOIN queueing_queuetoken token"
        " ON token.token = entry.token_id"
        " JOIN queueing_waitingroom room ON room.id = token.room_id",
    ),
    ("held",): _grouped(
        "reservation.created_at", "count(*)", f"payments_reservation reservation{TO_ROOM}"
    ),
    ("sold", "won"): _grouped(
        "payment.paid_at",
        "count(*) FILTER (WHERE payment.is_success),"
        " coalesce(sum(payment.amount) FILTER (WHERE payment.is_success), 0)",
        "payments_payment payment JOIN payments_reservation reservation"
        f" ON reservation.id = payment.reservation_id{TO_ROOM}",
    ),
}
