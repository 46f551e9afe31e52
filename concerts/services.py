"""What is on sale, and which seats of it are free."""

import datetime as dt
import re
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import (
    Case,
    Count,
    Exists,
    F,
    Func,
    IntegerField,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from concertbook.clock import database_now
from concertbook.errors import NotFound
from concerts.errors import SeatNotFound, SeatTaken
from concerts.models import (
    Concert,
    ConcertSchedule,
    ConcertScheduleQuerySet,
    Seat,
    SeatStatusHistory,
)
from queueing.services import require_admission

SEAT_FIELDS = ("number", "label", "section", "row", "grade", "price")


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


# What the column holds.
HIGHEST_NUMBER = 2**31 - 1
# Eighteen digits of transactions and a dozen of milliseconds outlive us all.
CURSOR = re.compile(r"(\d{1,18})\.(\d{1,13})")


@dataclass(frozen=True)
class Cursor:
    """A moment of a seat map: the oldest transaction then running, and the time (ms since 1970)."""

    transaction: int
    at: int

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Raises ValueError."""
        match = CURSOR.fullmatch(text)
        if match is None:
            raise ValueError(text)
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.transaction}.{self.at}"


@dataclass(frozen=True)
class SeatMap:
    """Ask for what changed since ``cursor`` to keep the map up to date."""

    cursor: Cursor
    seats: list[dict[str, Any]]


def seat_map(
    *,
    user: User,
    schedule_id: uuid.UUID,
    token: uuid.UUID | None = None,
    since: Cursor | None = None,
) -> SeatMap:
    """All seats, or those that changed since a cursor, for somebody who was let in.

    A seat that changed right at the cursor may come twice, none is ever left out: the cursor is
    read before the seats. A cursor of the future (a database restored from a dump) gets all
    seats. Raises NotFound, QueueNotAdmitted.
    """
    schedule = get_schedule(schedule_id)
    require_admission(user=user, room_id=schedule.concert.waiting_room_id, token=token)
    now = _current_cursor()
    seats = schedule.seats.with_offer().order_by("number")
    if since is not None and since.transaction <= now.transaction:
        seats = seats.filter(pk__in=_changed_since(schedule, since).values("pk"))
    return SeatMap(
        cursor=now,
        seats=[_as_offered(seat) for seat in seats.values(*SEAT_FIELDS, "offer")],
    )


def _as_offered(seat: dict[str, Any]) -> dict[str, Any]:
    seat["status"] = seat.pop("offer")
    return seat


def _current_cursor() -> Cursor:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint,"
            " (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
        )
        return Cursor(*cursor.fetchone())


def _changed_since(schedule: ConcertSchedule, since: Cursor) -> QuerySet[Seat]:
    """Seats with a change that was not committed yet then, or whose rest has ended since."""
    rested = Q(available_from__gte=dt.datetime.fromtimestamp(since.at / 1000, dt.UTC))
    return schedule.seats.filter(rested | Q(history__xid__gte=since.transaction))


def lock_seats(*, schedule_id: uuid.UUID, numbers: Iterable[int]) -> list[Seat]:
    """The schedule's seats of these distinct numbers, locked in key order.

    Inside a transaction only, after the queue token and before reservations and balance: every
    writer keeps that order, so that none waits in a circle. Raises SeatNotFound.
    """
    wanted = set(numbers)
    if not all(0 < number <= HIGHEST_NUMBER for number in wanted):
        raise SeatNotFound
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

    Rows are lettered A, B, ... Z, AA, ... within each section, on from its last row: so a section
    may have several blocks, for its grades. Raises NotFound.
    """
    with transaction.atomic():
        schedules = ConcertSchedule.objects.select_for_update(no_key=True)
        schedule = schedules.filter(pk=schedule_id).first()
        if schedule is None:
            raise NotFound
        number = schedule.seats.aggregate(last=Max("number", default=0))["last"]
        rows = _rows_by_section(schedule)
        seats = []
        for block in blocks:
            for _row in range(block.rows):
                row = row_letters(rows[block.section])
                rows[block.section] += 1
                for place in range(1, block.seats_per_row + 1):
                    number += 1
                    seats.append(_seat(schedule, block, number, row, place))
        Seat.objects.bulk_create(seats, batch_size=2000)
        ConcertSchedule.objects.filter(pk=schedule.pk).update(
            seat_quantity=F("seat_quantity") + len(seats)
        )
        return len(seats)


def _rows_by_section(schedule: ConcertSchedule) -> Counter[str]:
    rows = schedule.seats.order_by().values_list("section").annotate(Count("row", distinct=True))
    return Counter(dict(rows))


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


@dataclass(frozen=True)
class SeatDetails:
    """What an operator may say of a seat. ``price`` in won."""

    label: str
    section: str
    grade: str
    price: int


def edit_seat(*, seat_id: uuid.UUID, details: SeatDetails) -> Seat:
    """Change a seat that nobody has. Raises NotFound; SeatTaken once it is held or reserved."""
    with transaction.atomic():
        seat = Seat.objects.select_for_update(no_key=True).filter(pk=seat_id).first()
        if seat is None:
            raise NotFound
        if seat.status != Seat.Status.AVAILABLE:
            raise SeatTaken(seat=seat.number)
        seat.label = details.label
        seat.section = details.section
        seat.grade = details.grade
        seat.price = details.price
        seat.save(update_fields=["label", "section", "grade", "price"])
    return seat


def require_sale_kept(
    *,
    schedule_id: uuid.UUID,
    reserve_from: dt.datetime,
    reserve_until: dt.datetime,
    purchase_limit: int,
) -> None:
    """Refuse to change a sale so that what was held so far would have been against its rules.

    Raises ValidationError, by field.
    """
    holds = SeatStatusHistory.objects.filter(
        seat__schedule=schedule_id, to_status=Seat.Status.HELD
    ).aggregate(first=Min("changed_at"), last=Max("changed_at"))
    if holds["first"] is None:
        return
    errors = {}
    if reserve_from > holds["first"]:
        errors["reserve_from"] = _("The first seat was held before this.")
    if reserve_until <= holds["last"]:
        errors["reserve_until"] = _("The last seat was held after this.")
    if ConcertSchedule.objects.filter(pk=schedule_id, purchase_limit__gt=purchase_limit).exists():
        errors["purchase_limit"] = _("Seats were held under the old limit: it can only be raised.")
    if errors:
        raise ValidationError(errors)


def ever_held(schedules: QuerySet[ConcertSchedule]) -> QuerySet[ConcertSchedule]:
    """Those of which a seat was held at any time: they have a history and stay."""
    return schedules.filter(Exists(Seat.objects.filter(schedule=OuterRef("pk"), version__gt=0)))


def delete_schedules(schedules: QuerySet[ConcertSchedule]) -> None:
    """Delete schedules with their seats, all or none. Raises SeatTaken if any was ever held."""
    with transaction.atomic():
        keys = list(schedules.values_list("pk", flat=True))
        seats = Seat.objects.filter(schedule__in=keys)
        locked = seats.select_for_update(of=("self",)).order_by("pk")
        if any(version for version in locked.values_list("version", flat=True)):
            raise SeatTaken
        seats.delete()
        ConcertSchedule.objects.filter(pk__in=keys).delete()


def delete_concerts(concerts: QuerySet[Concert]) -> None:
    """Delete concerts with their schedules and seats. Raises SeatTaken if any was ever held."""
    with transaction.atomic():
        keys = list(concerts.values_list("pk", flat=True))
        delete_schedules(ConcertSchedule.objects.filter(concert__in=keys))
        Concert.objects.filter(pk__in=keys).delete()


def with_seat_counts(schedules: QuerySet[ConcertSchedule]) -> QuerySet[ConcertSchedule]:
    """Schedules with ``seat_counts``: [available, held, reserved], None without seats."""
    counted = [Count("pk", filter=Q(status=status)) for status in Seat.Status]
    counts = Func(
        *counted, template="ARRAY[%(expressions)s]", output_field=ArrayField(IntegerField())
    )
    of_schedule = Seat.objects.filter(schedule=OuterRef("pk")).order_by().values("schedule")
    return schedules.annotate(seat_counts=Subquery(of_schedule.annotate(n=counts).values("n")))
