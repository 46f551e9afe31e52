"""What is on sale, and which seats of it are free."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import (
    Case,
    Exists,
    F,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)

from accounts.models import User
from concertbook.clock import database_now
from concertbook.errors import NotFound
from concerts.errors import SeatNotFound
from concerts.models import Concert, ConcertSchedule, ConcertScheduleQuerySet, Seat
from queueing.services import require_admission

SEAT_FIELDS = ("number", "label", "section", "row", "grade", "price", "status")


def find_concerts(*, search: str = "", on_sale: bool = False) -> QuerySet[Concert]:
    """Concerts that are not over yet, soonest first; ``on_sale`` keeps those one can buy now."""
    now = database_now()
    concerts = Concert.objects.select_related("waiting_room").filter(end_time__gt=now)
    if search:
        concerts = concerts.filter(
            Q(title__icontains=search)
            | Q(description__icontains=search)
            | Q(venue__icontains=search)
        )
    if on_sale:
        open_now = ConcertSchedule.objects.filter(reserve_from__lte=now, reserve_until__gt=now)
        concerts = concerts.filter(pk__in=open_now.values("concert"))
    return concerts


def find_offers(*, search: str = "", on_sale: bool = False) -> QuerySet[Concert]:
    """find_concerts with what a poster says of each.

    ``from_price`` (won; None without seats), ``is_on_sale``, and ``next_sale``: when the next
    sale opens, None when none will.
    """
    now = database_now()
    mine = ConcertSchedule.objects.filter(concert=OuterRef("pk")).order_by()
    seats = Seat.objects.filter(schedule__concert=OuterRef("pk")).order_by("price")
    upcoming = mine.filter(reserve_from__gt=now).order_by("reserve_from")
    return find_concerts(search=search, on_sale=on_sale).annotate(
        from_price=Subquery(seats.values("price")[:1]),
        is_on_sale=Exists(mine.filter(reserve_from__lte=now, reserve_until__gt=now)),
        next_sale=Subquery(upcoming.values("reserve_from")[:1]),
    )


def get_concert(concert_id: uuid.UUID) -> Concert:
    """Raises NotFound."""
    concert = Concert.objects.select_related("waiting_room").filter(pk=concert_id).first()
    if concert is None:
        raise NotFound
    return concert


def find_schedules(concert: Concert) -> ConcertScheduleQuerySet:
    return concert.schedules.with_seats_available()


def find_performances(concert: Concert) -> QuerySet[ConcertSchedule]:
    """find_schedules with what a buyer asks first.

    ``lowest`` and ``highest`` seat price (won; None without seats), and ``sale``: upcoming, open
    or over by the database's clock.
    """
    now = database_now()
    return find_schedules(concert).annotate(
        lowest=Min("seats__price"),
        highest=Max("seats__price"),
        sale=Case(
            When(reserve_from__gt=now, then=Value("upcoming")),
            When(reserve_until__lte=now, then=Value("over")),
            default=Value("open"),
        ),
    )


def get_schedule(schedule_id: uuid.UUID, *, with_seats_available: bool = False) -> ConcertSchedule:
    """The schedule with its concert and room. Raises NotFound."""
    schedules = ConcertSchedule.objects.select_related("concert__waiting_room")
    if with_seats_available:
        schedules = schedules.with_seats_available()
    schedule = schedules.filter(pk=schedule_id).first()
    if schedule is None:
        raise NotFound
    return schedule


@dataclass(frozen=True)
class SeatMap:
    """``cursor`` names the moment of the map: ask for what changed since it."""

    cursor: int
    seats: list[dict[str, Any]]


def seat_map(
    *, user: User, schedule_id: uuid.UUID, token: uuid.UUID | None = None, since: int | None = None
) -> SeatMap:
    """All seats, or those that changed since a cursor, for somebody who was let in.

    A seat that changed right at the cursor may come twice, none is ever left out: the cursor is
    the oldest transaction still running, and it is read before the seats. A cursor of the future
    (a database restored from a dump) gets all seats. Raises NotFound, QueueNotAdmitted.
    """
    schedule = get_schedule(schedule_id)
    require_admission(user=user, room_id=schedule.concert.waiting_room_id, token=token)
    cursor = _oldest_running_transaction()
    seats = schedule.seats.order_by("number")
    if since is not None and since <= cursor:
        seats = seats.filter(history__xid__gte=since).distinct()
    return SeatMap(cursor=cursor, seats=list(seats.values(*SEAT_FIELDS)))


def _oldest_running_transaction() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
        (xmin,) = cursor.fetchone()
    return int(xmin)


def lock_seats(*, schedule_id: uuid.UUID, numbers: Iterable[int]) -> list[Seat]:
    """The schedule's seats of these distinct numbers, locked in key order.

    Inside a transaction only, after the queue token and before reservations and balance: every
    writer keeps that order, so that none waits in a circle. Raises SeatNotFound.
    """
    wanted = set(numbers)
    locked = Seat.objects.select_for_update(of=("self",), no_key=True).filter(
        schedule=schedule_id, number__in=wanted
    )
    seats = list(locked.order_by("pk"))
    if len(seats) != len(wanted):
        missing = wanted - {seat.number for seat in seats}
        raise SeatNotFound(seats=sorted(missing))
    return seats


@dataclass(frozen=True)
class Block:
    """Rows of seats alike: ``rows`` rows of ``seats_per_row``. ``price`` in won."""

    section: str
    rows: int
    seats_per_row: int
    grade: str
    price: int


def generate_seats(*, schedule_id: uuid.UUID, blocks: Iterable[Block]) -> int:
    """Add blocks of seats to a schedule, numbered on from the last seat; returns how many.

    Rows are lettered A, B, ... Z, AA, ... within each block. Raises NotFound.
    """
    with transaction.atomic():
        schedules = ConcertSchedule.objects.select_for_update(no_key=True)
        schedule = schedules.filter(pk=schedule_id).first()
        if schedule is None:
            raise NotFound
        number = schedule.seats.count()
        seats = []
        for block in blocks:
            for row in range(block.rows):
                for place in range(1, block.seats_per_row + 1):
                    number += 1
                    seats.append(_seat(schedule, block, number, row_letters(row), place))
        Seat.objects.bulk_create(seats, batch_size=2000)
        ConcertSchedule.objects.filter(pk=schedule.pk).update(
            seat_quantity=F("seat_quantity") + len(seats)
        )
        return len(seats)


def _seat(schedule: ConcertSchedule, block: Block, number: int, row: str, place: int) -> Seat:
    return Seat(
        schedule=schedule,
        number=number,
        section=block.section,
        row=row,
        label=f"{block.section} {row}-{place}".strip(),
        grade=block.grade,
        price=block.price,
    )


def row_letters(index: int) -> str:
    """A for 0, Z for 25, AA for 26."""
    letters = ""
    index += 1
    while index:
        index, letter = divmod(index - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return letters
