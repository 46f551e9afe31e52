"""Carts: the rows of a payment, locked in the one lock order, and its rules."""

import datetime as dt
import json
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace

from django.db.models import QuerySet

from accounts.errors import InsufficientBalance
from accounts.models import Balance, User
from accounts.services.idempotency import IdempotentRequest
from accounts.services.ledger import lock_balance, lock_balances
from concertbook.db.arrays import any_of, array
from concertbook.db.group_commit import Retry
from concertbook.db.prepared import AnyOf, PreparedLock
from concertbook.db.statements import fetch_row
from concertbook.errors import NotFound
from concerts.models import Seat
from payments.models import Reservation
from queueing.errors import QueueNotAdmitted
from queueing.models import QueueToken
from queueing.services.gate import locked_tokens, read_admissions, require_still_inside


@dataclass(frozen=True)
class PaymentRequest:
    """A user's request to pay reservations; ``once`` is the request's key, if any."""

    user: User
    reservation_ids: Sequence[uuid.UUID]
    once: IdempotentRequest | None = None


@dataclass(frozen=True)
class LockedCart:
    """The rows of a request that could be locked.

    ``existing`` are rows that another transaction has locked: reservations as (user, reservation),
    active tokens as (user, room).
    """

    request: PaymentRequest
    # The user's active tokens in the cart's rooms, by room.
    admissions: dict[int, QueueToken]
    # In seat order.
    reservations: list[Reservation]
    locked_balance: Balance | None
    # Read after the last lock.
    now: dt.datetime
    # The rooms in which the user holds other seats.
    busy_rooms: Collection[int]
    existing: Set[tuple[uuid.UUID, uuid.UUID | int]] = frozenset()

    @property
    def user(self) -> User:
        return self.request.user

    @property
    def seats(self) -> list[Seat]:
        return [reservation.seat for reservation in self.reservations]

    @property
    def total(self) -> int:
        return sum(reservation.price for reservation in self.reservations)

    @property
    def balance(self) -> Balance:
        """Raises Retry for a balance that is locked or does not exist yet."""
        if self.locked_balance is None:
            raise Retry
        return self.locked_balance

    @property
    def missing_reservations(self) -> set[uuid.UUID]:
        return set(self.request.reservation_ids) - {each.pk for each in self.reservations}

    @property
    def missing_rooms(self) -> set[int]:
        return _rooms_of(self.reservations) - self.admissions.keys()

    def require_payable(self) -> None:
        """Raises NotFound, AlreadyPaid, ScheduleCancelled, AlreadyCancelled, HoldExpired,
        QueueNotAdmitted, InsufficientBalance, or Retry.
        """
        # First, as it records failures too.
        balance = self.balance
        self.require_held()
        self.require_inside()
        if balance.amount < self.total:
            raise InsufficientBalance(balance=balance.amount, total=self.total)

    def require_held(self) -> None:
        """Raises NotFound, AlreadyPaid, ScheduleCancelled, AlreadyCancelled, HoldExpired, Retry."""
        if not self.request.reservation_ids:
            raise NotFound
        missing = {(self.user.pk, reservation_id) for reservation_id in self.missing_reservations}
        if missing:
            raise Retry if missing <= self.existing else NotFound
        # Paid ones come first: then no attempt has failed, and nothing is recorded.
        for reservation in sorted(self.reservations, key=lambda each: each.confirmed_at is None):
            reservation.require_payable(self.now)

    def require_inside(self) -> None:
        """Raises QueueNotAdmitted, or Retry."""
        missing = {(self.user.pk, room_id) for room_id in self.missing_rooms}
        if missing:
            raise Retry if missing <= self.existing else QueueNotAdmitted
        for admission in self.admissions.values():
            require_still_inside(admission, self.now)


def lock_carts(requests: Sequence[PaymentRequest], *, wait: bool) -> list[LockedCart]:
    """Lock the rows of these requests of different users: tokens, seats with their reservations,
    balances, in the one lock order. Inside a transaction only.

    Missing rows are judged by the carts: "already paid" is a better answer than "not admitted".
    """
    users = [request.user.pk for request in requests]
    wanted = list({pk for request in requests for pk in request.reservation_ids})
    admissions = ADMISSIONS.fetch(wait=wait, users=users, reservations=wanted)
    reservations = RESERVATIONS.fetch(wait=wait, users=users, reservations=wanted)
    balances = lock_balances(user_ids=users, wait=wait)
    if wait:
        balances |= {user: lock_balance(user_id=user) for user in users if user not in balances}
    of_requests = _by_request(requests, reservations)
    now, busy_rooms = _read_moment(users, [each.pk for some in of_requests for each in some])
    tokens = {(token.user_id, token.room_id): token for token in admissions}
    carts = [
        LockedCart(
            request=request,
            admissions=_admissions_to(_rooms_of(some), request.user, tokens),
            reservations=some,
            locked_balance=balances.get(request.user.pk),
            now=now,
            busy_rooms=busy_rooms[request.user.pk],
        )
        for request, some in zip(requests, of_requests, strict=True)
    ]
    return carts if wait else _with_existing(carts)


def _by_request(
    requests: Sequence[PaymentRequest], reservations: Sequence[Reservation]
) -> list[list[Reservation]]:
    """For each request its user's reservations among those that it names."""
    by_key = {(each.user_id, each.pk): each for each in reservations}
    named = [
        {(request.user.pk, pk) for pk in request.reservation_ids} & by_key.keys()
        for request in requests
    ]
    # Seats of two schedules may have the same number. Ordered by key then, so that the ledger's
    # lines and the answer have the same order, also when the request is sent again.
    return [
        sorted((by_key[key] for key in keys), key=lambda each: (each.seat.number, each.seat_id))
        for keys in named
    ]


def _admissions_to(
    rooms: Iterable[int], user: User, tokens: Mapping[tuple[uuid.UUID, int], QueueToken]
) -> dict[int, QueueToken]:
    return {room: tokens[user.pk, room] for room in rooms if (user.pk, room) in tokens}


def _rooms_of(reservations: Iterable[Reservation]) -> set[int]:
    return {each.schedule.concert.waiting_room_id for each in reservations}


def _with_existing(carts: list[LockedCart]) -> list[LockedCart]:
    """The carts, with ``existing`` set where rows are missing, which is rare."""
    ids = {pk for cart in carts for pk in cart.missing_reservations}
    if not ids and not any(cart.missing_rooms for cart in carts):
        return carts
    users = [cart.user.pk for cart in carts]
    rooms = {(token.user_id, token.room_id) for token in read_admissions(user_ids=users)}
    owned = Reservation.objects.filter(pk__in=ids, user__in=users).order_by()
    existing = rooms.union(owned.values_list("user_id", "pk"))
    return [replace(cart, existing=existing) for cart in carts]


def _wanted_reservations() -> QuerySet[Reservation]:
    return Reservation.objects.filter(AnyOf("pk", "reservations"), AnyOf("user", "users"))


def _locked_admissions(wait: bool) -> QuerySet[QueueToken]:
    rooms = _wanted_reservations().values("schedule__concert__waiting_room")
    return locked_tokens(wait).filter(room__in=rooms)


def _locked_reservations(wait: bool) -> QuerySet[Reservation]:
    reservations = _wanted_reservations()
    # Each seat is locked before its reservation, as in every transaction that locks reservations.
    locked = reservations.select_for_update(
        of=("seat", "self"), no_key=True, skip_locked=not wait
    ).order_by("seat_id")
    return locked.select_related("seat", "schedule__concert").only(
        *("user", "price", "status", "expires_at", "confirmed_at", "extended_at"),
        *("seat__schedule", "seat__number", "seat__label", "seat__status"),
        *("seat__hold_expires_at", "seat__available_from", "seat__version"),
        *("schedule__start_at", "schedule__end_at", "schedule__cancelled_at"),
        *("schedule__concert__title", "schedule__concert__refund_policy"),
        "schedule__concert__waiting_room",
    )


ADMISSIONS = PreparedLock(_locked_admissions)
RESERVATIONS = PreparedLock(_locked_reservations)
ANY_ID = any_of("%s", "uuid")


def _read_moment(
    user_ids: list[uuid.UUID], paid: list[uuid.UUID]
) -> tuple[dt.datetime, defaultdict[uuid.UUID, set[int]]]:
    """The clock, read after the last lock, and the rooms in which each user holds other seats."""
    now, found = fetch_row(
        f"""
        SELECT clock_timestamp(), (
            SELECT json_object_agg(user_id, rooms)::text FROM (
                SELECT held.user_id, json_agg(DISTINCT concert.waiting_room_id) AS rooms
                FROM payments_reservation AS held
                JOIN concerts_concertschedule AS schedule ON schedule.id = held.schedule_id
                JOIN concerts_concert AS concert ON concert.id = schedule.concert_id
                WHERE held.user_id = {ANY_ID} AND held.status = 'HOLD'
                    AND NOT held.id = {ANY_ID}
                GROUP BY held.user_id
            ) AS busy)
        """,
        [array(user_ids), array(paid)],
    )
    busy = defaultdict(set)
    for who, rooms in json.loads(found or "{}").items():
        busy[uuid.UUID(who)].update(rooms)
    return now, busy
