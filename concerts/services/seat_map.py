"""Which seats are free, and what changed since."""

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
# No change that can be seen is of a later one: others' that are done, or our own.
LATEST_TRANSACTION = Func(
    template="greatest(pg_snapshot_xmax(pg_current_snapshot()),"
    " pg_current_xact_id_if_assigned())::text::bigint",
    output_field=BigIntegerField(),
)
# Eighteen digits of transactions and a dozen of milliseconds outlive us all.
CURSOR = re.compile(r"[0-9]{1,18}\.[0-9]{1,13}(-[0-9]{1,18}){0,65}")
MOST_OPEN = 64


@dataclass(frozen=True)
class Cursor:
    """A moment of a seat map: which transactions were over, and the time (ms since 1970).

    Over were all before ``oldest``, and those before ``next`` that are not in ``open``. Without
    ``open``, one transaction that stays open would have every later change told with each poll.
    As text: ``oldest.at``, and where they differ from oldest, ``-next-open-open...`` counted
    from ``oldest``.
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
        # PostgreSQL takes no snapshot of transaction 0, which never is.
        oldest = max(oldest, 1)
        following, *running = [oldest + int(offset) for offset in offsets] or [oldest]
        # As PostgreSQL writes a snapshot: in order, none twice, none that has not begun.
        if running != sorted(set(running)) or (running and running[-1] >= following):
            raise ValueError(text)
        return cls(oldest, at, following, tuple(running))

    @property
    def snapshot(self) -> str:
        """As PostgreSQL writes a pg_snapshot."""
        return f"{self.oldest}:{self.next}:{','.join(map(str, self.open))}"

    @property
    def moment(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self.at / 1000, dt.UTC)

    def __str__(self) -> str:
        following, running = self.next, self.open
        if len(running) > MOST_OPEN:
            # From there on all count as open: told again rather than left out.
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
    """Ask for what changed since ``cursor`` to keep the map up to date."""

    cursor: Cursor
    seats: list[SeatOnMap]


def seat_map(
    *,
    user: User,
    schedule_id: uuid.UUID,
    token: uuid.UUID | None = None,
    since: Cursor | None = None,
) -> SeatMap:
    """All seats, or those that changed since a cursor, for a user who was let in.

    A seat that is new or was edited has changed, too. Each change is told once: those that were
    not committed at the cursor and are by now. A seat in its cooldown looks held; it is told
    when it begins to look so, and when its cooldown is over. A change that is committed between
    reading the cursor and the seats may come twice, none is ever left out. A cursor of the future
    (a database restored from a dump) gets all seats. Raises NotFound, ScheduleCancelled,
    QueueNotAdmitted.
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
    # Rounded down: a cooldown that ends within this millisecond is told with the next cursor.
    snapshot, at, own = fetch_row(
        "SELECT pg_current_snapshot()::text,"
        " floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint,"
        " pg_current_xact_id_if_assigned()::text"
    )
    oldest, following, running = snapshot.split(":")
    # A snapshot does not name our own transaction, which may change more after this cursor.
    opened = {int(each) for each in (*running.split(","), own) if each}
    following = int(following)
    return Cursor(
        int(oldest), at, following, tuple(sorted(each for each in opened if each < following))
    )


class IsOver(Func):
    """Whether the transaction ``xid`` was over at ``cursor``."""

    template = "pg_visible_in_snapshot(%(expressions)s::pg_snapshot)"
    arg_joiner = "::text::xid8, "
    output_field = BooleanField()

    def __init__(self, xid: str, cursor: Cursor) -> None:
        super().__init__(F(xid), Value(cursor.snapshot))


def _changed_between(schedule: ConcertSchedule, since: Cursor, now: Cursor) -> QuerySet[Seat]:
    """Seats with a change or an edit that was committed in between, or whose cooldown has ended."""
    changed = SeatStatusHistory.objects.filter(_made_between("xid", since, now)).exclude(
        # Looked held before, and still does.
        from_status=Seat.Status.HELD,
        to_status=Seat.Status.AVAILABLE,
        available_from__gt=now.moment,
    )
    edited = _made_between("edit_xid", since, now)
    cooled_down = Q(available_from__gt=since.moment, available_from__lte=now.moment)
    return schedule.seats.filter(edited | cooled_down | Q(pk__in=changed.values("seat")))


def _made_between(xid: str, since: Cursor, now: Cursor) -> Q:
    # The range is for the index, which knows numbers and no snapshots. Later ones are of the
    # cluster that a dump was taken from, and no changes of this one.
    lately = Q((f"{xid}__range", (since.oldest, LATEST_TRANSACTION)))
    made_by_now = Q(IsOver(xid, now)) | Q((xid, OWN_TRANSACTION))
    return lately & ~Q(IsOver(xid, since)) & made_by_now
