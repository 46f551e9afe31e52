"""The seat map, and its changes since a cursor."""

import datetime as dt
import re
import uuid
from dataclasses import dataclass
from typing import NamedTuple

from django.db.models import BigIntegerField, BooleanField, F, Func, Q, QuerySet, Value

from accounts.models import User
from concertbook.db.statements import fetch_row
from concerts.models import ConcertSchedule, Seat, SeatStatusHistory
from concerts.services.programme import get_schedule
from queueing.services.gate import require_admission

OWN_TRANSACTION = Func(
    template="pg_current_xact_id_if_assigned()::text::bigint", output_field=BigIntegerField()
)
# The last transaction whose changes are visible: a finished one, or our own.
LATEST_TRANSACTION = Func(
    template="greatest(pg_snapshot_xmax(pg_current_snapshot()),"
    " pg_current_xact_id_if_assigned())::text::bigint",
    output_field=BigIntegerField(),
)
# Eighteen digits of transactions and twelve of milliseconds suffice.
CURSOR = re.compile(r"[0-9]{1,18}\.[0-9]{1,13}(-[0-9]{1,18}){0,65}")
MOST_OPEN = 64


@dataclass(frozen=True)
class Cursor:
    """A state of a seat map: the finished transactions, and the time (ms since 1970).

    Finished are all before ``oldest``, and those before ``next`` that are not in ``open``. Without
    ``open``, a long transaction would repeat every later change in each poll. As text:
    ``oldest.at``, and where they differ from oldest, ``-next-open-open...`` relative to ``oldest``.
    """

    oldest: int
    at: int
    next: int
    open: tuple[int, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Raises ValueError."""
        if CURSOR.fullmatch(text) is None:
            raise ValueError(text)
        head, *offsets = text.split("-")
        oldest, at = map(int, head.split("."))
        # PostgreSQL accepts no snapshot of transaction 0, which does not exist.
        oldest = max(oldest, 1)
        following, *running = [oldest + int(offset) for offset in offsets] or [oldest]
        # As in a pg_snapshot: in order, without duplicates, all before ``next``.
        if running != sorted(set(running)) or (running and running[-1] >= following):
            raise ValueError(text)
        return cls(oldest, at, following, tuple(running))

    @property
    def snapshot(self) -> str:
        """The text of a pg_snapshot."""
        return f"{self.oldest}:{self.next}:{','.join(map(str, self.open))}"

    @property
    def moment(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self.at / 1000, dt.UTC)

    def __str__(self) -> str:
        following, running = self.next, self.open
        if len(running) > MOST_OPEN:
            # Later ones all count as open: a change is repeated rather than lost.
            following, running = running[MOST_OPEN], running[:MOST_OPEN]
        text = f"{self.oldest}.{self.at}"
        if following == self.oldest:
            return text
        return "-".join([text, *(str(each - self.oldest) for each in (following, *running))])


class SeatOnMap(NamedTuple):
    """``seat_in_row`` is the number on the seat; ``status`` is held during a cooldown, too."""

    number: int
    label: str
    section: str
    row: str
    seat_in_row: int
    grade: str
    price: int
    status: str


COLUMNS = (*SeatOnMap._fields[:-1], "offer")


@dataclass(frozen=True)
class SeatMap:
    """``cursor`` is for the next request of changes."""

    cursor: Cursor
    seats: list[SeatOnMap]


def seat_map(
    *,
    user: User,
    schedule_id: uuid.UUID,
    token: uuid.UUID | None = None,
    since: Cursor | None = None,
) -> SeatMap:
    """All seats, or those that changed since a cursor, for an admitted user.

    A new or edited seat has changed, too. Each change is returned once: those that were not
    committed at the cursor and are committed now. A seat in its cooldown looks held: it is returned
    when it begins to look so, and when its cooldown ends. A change committed between reading the
    cursor and the seats may be returned twice; none is lost. A cursor of the future (the database
    was restored from a dump) gets all seats. Raises NotFound, ScheduleCancelled, QueueNotAdmitted.
    """
    schedule = get_schedule(schedule_id, viewer=user)
    schedule.require_not_cancelled()
    require_admission(user=user, room_id=schedule.concert.waiting_room_id, token=token)
    now = _current_cursor()
    seats = schedule.seats.with_offer(now.moment).order_by("number")
    if since is not None and since.next <= now.next:
        seats = seats.filter(pk__in=_changed_between(schedule, since, now).values("pk"))
    return SeatMap(cursor=now, seats=list(map(SeatOnMap._make, seats.values_list(*COLUMNS))))


def _current_cursor() -> Cursor:
    # Rounded down: a cooldown that ends in this millisecond is returned for the next cursor.
    row = fetch_row(
        "SELECT pg_current_snapshot()::text,"
        " floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint,"
        " pg_current_xact_id_if_assigned()::text"
    )
    return cursor_of(*row)


def cursor_of(snapshot: str, at: int, own: str | None) -> Cursor:
    """The cursor of a statement: its pg_snapshot, the clock in ms, its own transaction."""
    oldest, next_one, running = snapshot.split(":")
    # A snapshot does not list our own transaction, which may make changes after this cursor.
    opened = {int(each) for each in (*running.split(","), own) if each}
    following = int(next_one)
    return Cursor(
        int(oldest), at, following, tuple(sorted(each for each in opened if each < following))
    )


class IsOver(Func):
    """Whether the transaction ``xid`` was finished at ``cursor``."""

    template = "pg_visible_in_snapshot(%(expressions)s::pg_snapshot)"
    arg_joiner = "::text::xid8, "
    output_field = BooleanField()

    def __init__(self, xid: str, cursor: Cursor) -> None:
        super().__init__(F(xid), Value(cursor.snapshot))


def _changed_between(schedule: ConcertSchedule, since: Cursor, now: Cursor) -> QuerySet[Seat]:
    """Seats with a change or edit committed since the cursor, or whose cooldown has ended."""
    changed = SeatStatusHistory.objects.filter(_made_between("xid", since, now)).exclude(
        # It looked held before, and still does.
        from_status=Seat.Status.HELD,
        to_status=Seat.Status.AVAILABLE,
        available_from__gt=now.moment,
    )
    edited = _made_between("edit_xid", since, now)
    cooled_down = Q(available_from__gt=since.moment, available_from__lte=now.moment)
    return schedule.seats.filter(edited | cooled_down | Q(pk__in=changed.values("seat")))


def _made_between(xid: str, since: Cursor, now: Cursor) -> Q:
    # The range lets the index be used, which cannot test snapshots. Higher ids are from the
    # cluster of a restored dump, not changes of this one.
    lately = Q((f"{xid}__range", (since.oldest, LATEST_TRANSACTION)))
    made_by_now = Q(IsOver(xid, now)) | Q((xid, OWN_TRANSACTION))
    return lately & ~Q(IsOver(xid, since)) & made_by_now
