"""What is about to be paid, locked and judged."""

import datetime as dt
import json
import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from django.db import connection
from django.db.models import QuerySet

from accounts.errors import InsufficientBalance
from accounts.models import Balance, User
from accounts.services import lock_balance, lock_free_balances
from concertbook.db.arrays import array
from concertbook.db.prepared import AnyOf, Param, Prepared, PreparedLock
from concertbook.errors import NotFound
from concerts.models import Seat
from payments.models import Reservation
from queueing.errors import QueueNotAdmitted
from queueing.models import QueueToken
from queueing.services.gate import (
    locked_tokens,
    require_still_inside,
)

Owned = TypeVar("Owned", QueueToken, Reservation)


@dataclass(frozen=True)
class Basket:
    """Every row locked; ``now`` was read after the last lock."""

    user: User
    # Of the rooms that let the user in, by room.
    admissions: dict[int, QueueToken]
    reservations: list[Reservation]
    balance: Balance
    now: dt.datetime
    # Where the user holds other seats.
    busy_rooms: set[int]

    @property
    def seats(self) -> list[Seat]:
        return [reservation.seat for reservation in self.reservations]

    @property
    def rooms(self) -> set[int]:
        return {each.schedule.concert.waiting_room_id for each in self.reservations}

    @property
    def total(self) -> int:
        return sum(reservation.price for reservation in self.reservations)

    def require_payable(self) -> None:
        """Raises AlreadyPaid, ScheduleCancelled, AlreadyCancelled, HoldExpired, QueueNotAdmitted,
        InsufficientBalance.
        """
        # What is paid already comes first: then nothing has failed, and nothing is recorded.
        for reservation in sorted(self.reservations, key=lambda each: each.confirmed_at is None):
            reservation.require_payable(self.now)
        self.require_inside()
        if self.balance.amount < self.total:
            raise InsufficientBalance(balance=self.balance.amount, total=self.total)

    def require_inside(self) -> list[QueueToken]:
        if self.rooms != self.admissions.keys():
            raise QueueNotAdmitted
        for admission in self.admissions.values():
            require_still_inside(admission, self.now)
        return list(self.admissions.values())


@dataclass(frozen=True)
class Order:
    """Which of their reservations somebody wants to pay, each once."""

    user: User
    reservation_ids: Sequence[uuid.UUID]


def lock_basket(order: Order) -> Basket:
    """Lock in the one order of the house: tokens, seats, reservations, balance. Raises NotFound."""
    user, wanted = order.user, list(set(order.reservation_ids))
    # That nobody is let in is not raised yet: that it is already paid is the better answer.
    admissions = ADMISSIONS.fetch(wait=True, users=[user.pk], reservations=wanted)
    reservations = WANTED.fetch(user=user.pk, reservations=wanted)
    if not wanted or len(reservations) != len(wanted):
        raise NotFound
    balance = lock_balance(user_id=user.pk)
    now, busy = _moment([user.pk], wanted)
    return _basket(user, admissions, reservations, balance, now, busy[user.pk])


def lock_free_baskets(orders: Sequence[Order]) -> list[Basket | None]:
    """lock_basket for each of these, each of another user, waiting for nobody.

    None where one of the locks is somebody else's, or there is no such reservation. As many
    statements as for one.
    """
    users = [order.user for order in orders]
    ids = [user.pk for user in users]
    wanted = [pk for order in orders for pk in order.reservation_ids]
    admissions = _by_user(ADMISSIONS.fetch(wait=False, users=ids, reservations=wanted))
    reservations = _by_user(FREE_WANTED.fetch(users=ids, reservations=wanted))
    balances = lock_free_balances(user_ids=ids)
    now, busy = _moment(ids, wanted)
    baskets: list[Basket | None] = []
    for user, order in zip(users, orders, strict=True):
        who = user.pk
        balance, mine = balances.get(who), reservations[who]
        if balance and {each.pk for each in mine} == set(order.reservation_ids):
            baskets.append(_basket(user, admissions[who], mine, balance, now, busy[who]))
        else:
            baskets.append(None)
    return baskets


def _by_user(rows: Iterable[Owned]) -> defaultdict[uuid.UUID, list[Owned]]:
    by_user = defaultdict(list)
    for row in rows:
        by_user[row.user_id].append(row)
    return by_user


def _basket(
    user: User,
    admissions: Sequence[QueueToken],
    reservations: list[Reservation],
    balance: Balance,
    now: dt.datetime,
    busy_rooms: set[int],
) -> Basket:
    # Locked in key order, shown in seat order.
    reservations.sort(key=lambda reservation: reservation.seat.number)
    return Basket(
        user=user,
        admissions={admission.room_id: admission for admission in admissions},
        reservations=reservations,
        balance=balance,
        now=now,
        busy_rooms=busy_rooms,
    )


def _in_rooms_of(
    tokens: QuerySet[QueueToken], reservations: QuerySet[Reservation]
) -> QuerySet[QueueToken]:
    return tokens.filter(room__in=reservations.values("schedule__concert__waiting_room"))


def _of_user() -> QuerySet[Reservation]:
    return Reservation.objects.filter(AnyOf("pk", "reservations"), user=Param("user"))


def _of_users() -> QuerySet[Reservation]:
    return Reservation.objects.filter(AnyOf("pk", "reservations"), AnyOf("user", "users"))


def _with_all(reservations: QuerySet[Reservation]) -> QuerySet[Reservation]:
    # Each seat is locked before its reservation, as by everybody who locks a reservation.
    return (
        reservations.order_by("seat_id")
        .select_related("seat", "schedule__concert")
        .only(
            *("user", "price", "status", "expires_at", "confirmed_at", "extended_at"),
            *("seat__schedule", "seat__number", "seat__label", "seat__status"),
            *("seat__hold_expires_at", "seat__available_from", "seat__version"),
            *("schedule__start_at", "schedule__end_at", "schedule__cancelled_at"),
            *("schedule__concert__title", "schedule__concert__refund_policy"),
            "schedule__concert__waiting_room",
        )
    )


ADMISSIONS = PreparedLock(lambda wait: _in_rooms_of(locked_tokens(wait), _of_users()))
WANTED = Prepared(lambda: _with_all(_of_user().select_for_update(of=("seat", "self"), no_key=True)))
FREE_WANTED = Prepared(
    lambda: _with_all(
        _of_users().select_for_update(of=("seat", "self"), no_key=True, skip_locked=True)
    )
)


def _moment(
    user_ids: list[uuid.UUID], paid: list[uuid.UUID]
) -> tuple[dt.datetime, defaultdict[uuid.UUID, set[int]]]:
    """The clock, read after the last lock, and in which rooms each user holds anything else."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT clock_timestamp(), (
                SELECT json_object_agg(user_id, rooms)::text FROM (
                    SELECT held.user_id, json_agg(DISTINCT concert.waiting_room_id) AS rooms
                    FROM payments_reservation AS held
                    JOIN concerts_concertschedule AS schedule ON schedule.id = held.schedule_id
                    JOIN concerts_concert AS concert ON concert.id = schedule.concert_id
                    WHERE held.user_id = ANY(%s::uuid[]) AND held.status ~ '^(HOLD)$'
                        AND NOT held.id = ANY(%s::uuid[])
                    GROUP BY held.user_id
                ) AS busy)
            """,
            [array(user_ids), array(paid)],
        )
        now, found = cursor.fetchone()
    busy = defaultdict(set)
    for who, rooms in json.loads(found or "{}").items():
        busy[uuid.UUID(who)].update(rooms)
    return now, busy
