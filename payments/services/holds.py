"""Hold seats for five minutes: one person's, or many people's in one transaction."""

import datetime as dt
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from operator import attrgetter

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from psycopg.errors import CheckViolation

from accounts.idempotency import IdempotentRequest, claim_new, save_answers
from accounts.models import User
from concertbook.db.arrays import array
from concertbook.db.literals import checked
from concertbook.errors import DomainError
from concerts.errors import ScheduleCancelled, SeatNotFound, SeatTaken
from concerts.models import Seat, save_statuses
from concerts.services.nearest_seats import suggest_seats
from concerts.services.programme import get_schedule
from concerts.services.seating import lock_free_seats, lock_seats
from payments.errors import DuplicateSeats, TooManySeats
from payments.models import Reservation
from payments.services.releases import expire_overdue, lock_overdue_seats, release_overdue
from payments.services.standing import NEWCOMER, Sale, Standing, read_standings
from queueing.errors import QueueNotAdmitted
from queueing.models import QueueToken, room_of
from queueing.services.gate import (
    extend_stays,
    lock_admission,
    lock_free_admissions,
    require_still_inside,
)

# Seats held, or paid, by one request.
MOST_AT_ONCE = 50
# The trigger's name (migration 0003).
NOTHING_SOLD = "payments_nothing_sold_once_cancelled"


@dataclass(frozen=True)
class Wish:
    """Somebody's wish for seats of a schedule, by their numbers, each once.

    ``token`` is the queue token that the client showed, None for the user's own in the room;
    ``once`` is the request's key, None without one.
    """

    user: User
    schedule_id: uuid.UUID
    numbers: Sequence[int]
    token: uuid.UUID | None = None
    once: IdempotentRequest | None = None


@dataclass(frozen=True)
class Grant:
    """Somebody may have these seats, which are held, and not yet saved."""

    admission: QueueToken
    reservations: list[Reservation]


def hold_seats(
    *,
    user: User,
    schedule_id: uuid.UUID,
    numbers: Sequence[int],
    token: uuid.UUID | None = None,
    once: IdempotentRequest | None = None,
    suggest: bool = True,
) -> list[Reservation]:
    """Hold all of these seats for the user, or none; returns the reservations in seat order.

    ``token`` is the queue token that the client showed, None for the user's own in the room.
    Raises TooManySeats, DuplicateSeats, NotFound, SeatNotFound, QueueNotAdmitted, SaleNotOpen,
    SaleClosed, ScheduleCancelled, PurchaseLimitExceeded, GivenUpTooOften; SeatTaken, which names
    the seats to try instead (``nearest``) when told to ``suggest``; with ``once`` also what its
    claim raises.
    """
    if len(numbers) > MOST_AT_ONCE:
        raise TooManySeats
    if len(set(numbers)) != len(numbers):
        raise DuplicateSeats
    try:
        return _hold(Wish(user, schedule_id, numbers, token, once))
    except (SeatNotFound, QueueNotAdmitted):
        get_schedule(schedule_id, viewer=user)  # that there is no such schedule says more
        raise
    except SeatTaken as taken:
        # After the transaction, which undid it: the hold that stood in the way may be overdue.
        holds = Reservation.objects.filter(checked("status", "HOLD"), schedule=schedule_id)
        release_overdue(holds.filter(seat__number__in=numbers))
        # And whoever looks for other seats should hold no locks.
        if suggest:
            taken.extra["nearest"] = suggest_seats(schedule_id=schedule_id, numbers=numbers)
        raise


def _hold(wish: Wish) -> list[Reservation]:
    """Seven round trips: BEGIN, the token, the seats, what the user has with the schedule and
    the clock, two that write, COMMIT. One more where the stay has to be extended, and three
    with ``once``.
    """
    user, schedule_id, token = wish.user, wish.schedule_id, wish.token
    room_id = room_of(token) if token else _room_behind(user, schedule_id)
    with refused_once_cancelled(), transaction.atomic(durable=True):
        if wish.once:
            wish.once.claim()
        admission = lock_admission(user=user, room_id=room_id, token=token)
        seats = lock_seats(schedule_id=schedule_id, numbers=wish.numbers)
        sale, standing = _read_standing(wish)
        expire_overdue(seats, now=sale.now)
        if standing.has_overdue(sale.now):
            mine = Reservation.objects.filter(
                checked("status", "HOLD"), user=user, schedule=schedule_id
            )
            expire_overdue(lock_overdue_seats(mine.overdue(sale.now)), now=sale.now)
            sale, standing = _read_standing(wish)
        grant = _grant(wish, admission, seats, sale, standing)
        _write([grant], sale.now)
        if wish.once:
            wish.once.save(grant.reservations)
    return grant.reservations


def _room_behind(user: User, schedule_id: uuid.UUID) -> int:
    return get_schedule(schedule_id, viewer=user).concert.waiting_room_id


def _read_standing(wish: Wish) -> tuple[Sale, Standing]:
    sale, standings = read_standings(wish.schedule_id, [wish.user.pk])
    return sale, standings.get(wish.user.pk, NEWCOMER)


def hold_for_many(wishes: Sequence[Wish]) -> list[list[Reservation] | None]:
    """What hold_seats does for each of these, in one transaction: as few round trips for all.

    For wishes of one schedule, each with a token. It waits for nobody and refuses nobody: where
    a lock, an earlier answer or a rule stands in the way, or a second wish of one user, the answer
    is None, nothing was done, and hold_seats will wait, or say why not. An exception undoes all of
    it. The answers to wishes with a key are in their ``once``. Only such wishes cost its round
    trips: three, however many they are.
    """
    schedule_id = wishes[0].schedule_id
    with refused_once_cancelled(), transaction.atomic(durable=True):
        new = _claim_keys(wishes)
        admissions = lock_free_admissions(
            user_ids=[wish.user.pk for wish in wishes],
            tokens=[wish.token for wish in wishes if wish.token],
        )
        numbers = {number for wish in wishes for number in wish.numbers}
        seats = lock_free_seats(schedule_id=schedule_id, numbers=numbers)
        sale, standings = read_standings(schedule_id, [wish.user.pk for wish in wishes])
        granted: list[Grant | None] = []
        for wish in wishes:
            # Taken out, so that no other wish in here has them as well.
            wanted = [seats.pop(number, None) for number in wish.numbers]
            admission = admissions.pop((wish.user.pk, wish.token), None) if new(wish) else None
            standing = standings.get(wish.user.pk, NEWCOMER)
            granted.append(_grant_at_once(wish, admission, wanted, sale, standing))
        _write([grant for grant in granted if grant], sale.now)
        answered = [
            (wish.once, grant.reservations)
            for wish, grant in zip(wishes, granted, strict=True)
            if wish.once and grant
        ]
        if answered:
            save_answers(answered)
    return [grant.reservations if grant else None for grant in granted]


def _claim_keys(wishes: Sequence[Wish]) -> Callable[[Wish], bool]:
    """Whether a wish has no key, or one that nobody has used and nobody is using."""
    keys = [wish.once for wish in wishes if wish.once]
    claimed = claim_new(keys) if keys else []
    return lambda wish: wish.once is None or wish.once in claimed


def _grant_at_once(
    wish: Wish,
    admission: QueueToken | None,
    seats: Sequence[Seat | None],
    sale: Sale,
    standing: Standing,
) -> Grant | None:
    free = [seat for seat in seats if seat]
    # What is overdue is theirs no more, and counts as given up: alone that is put right first.
    if admission and len(free) == len(seats) and not standing.has_overdue(sale.now):
        with suppress(DomainError):
            return _grant(wish, admission, free, sale, standing)
    return None


@contextmanager
def refused_once_cancelled() -> Iterator[None]:
    """Around a transaction that sells: raises ScheduleCancelled when the database refuses it.

    The schedule was then cancelled between our reading it and our writing.
    """
    try:
        yield
    except IntegrityError as exc:
        refusal = exc.__cause__
        if not isinstance(refusal, CheckViolation) or refusal.diag.constraint_name != NOTHING_SOLD:
            raise
        raise ScheduleCancelled from exc


def _grant(
    wish: Wish, admission: QueueToken, seats: Iterable[Seat], sale: Sale, standing: Standing
) -> Grant:
    """All the rules of a hold, before it is written. The caller has locked every row."""
    schedule, now = sale.schedule, sale.now
    if sale.room_id != admission.room_id:
        raise QueueNotAdmitted
    require_still_inside(admission, now)
    schedule.require_on_sale(now)
    standing.require_no_hoarding(now)
    slots = standing.free_slots(len(wish.numbers), limit=schedule.purchase_limit)
    until = now + dt.timedelta(seconds=settings.HOLD_SECONDS)
    reservations = []
    for seat, slot in zip(sorted(seats, key=attrgetter("number")), slots, strict=True):
        seat.hold(user=wish.user, until=until, now=now)
        reservations.append(
            Reservation(
                user=wish.user,
                seat=seat,
                schedule=schedule,
                slot=slot,
                price=seat.price,
                created_at=now,
                expires_at=until,
            )
        )
    return Grant(admission, reservations)


def _write(grants: Sequence[Grant], now: dt.datetime) -> None:
    if not grants:
        return
    reservations = [each for grant in grants for each in grant.reservations]
    save_statuses(
        [(reservation.seat, reservation.user) for reservation in reservations],
        from_status=Seat.Status.AVAILABLE,
        reason="held",
        now=now,
    )
    _insert(reservations)
    extend_stays([grant.admission for grant in grants], until=reservations[0].expires_at)


def _insert(reservations: Sequence[Reservation]) -> None:
    """All of one schedule, and of one moment."""
    first = reservations[0]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO payments_reservation
                (id, user_id, seat_id, slot, price, schedule_id, status, created_at, expires_at)
            SELECT held.*, %(schedule)s, 'HOLD', %(now)s, %(until)s
            FROM unnest(%(ids)s::uuid[], %(users)s::uuid[], %(seats)s::uuid[],
                        %(slots)s::smallint[], %(prices)s::bigint[]) AS held
            """,
            {
                "schedule": first.schedule_id,
                "now": first.created_at,
                "until": first.expires_at,
                "ids": array(each.pk for each in reservations),
                "users": array(each.user_id for each in reservations),
                "seats": array(each.seat_id for each in reservations),
                "slots": array(each.slot for each in reservations),
                "prices": array(each.price for each in reservations),
            },
        )
    for reservation in reservations:
        reservation._state.adding = False
