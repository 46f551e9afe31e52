"""What the database holds of one round when all is over."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import connection

from accounts.models import Balance, Charge, User
from operations.load.fixtures import Sale
from operations.services.snapshot import snapshot
from payments.models import Payment, Refund, Reservation, Ticket
from queueing.models import QueueToken


@dataclass(frozen=True)
class Held:
    id: str
    user: str
    seat: int
    status: str


@dataclass(frozen=True)
class Paid:
    """A successful payment."""

    id: str
    user: str
    reservation: str
    amount: int


@dataclass(frozen=True)
class Sold:
    """A ticket."""

    id: str
    user: str
    reservation: str
    seat: int
    status: str


@dataclass(frozen=True)
class Refunded:
    ticket: str
    user: str
    amount: int


@dataclass(frozen=True)
class Charged:
    id: str
    user: str
    key: str
    amount: int
    status: str


@dataclass(frozen=True)
class QueueEntry:
    """One place in the line. ``left`` is when it ended; ``outcome`` is how, empty before."""

    token: str
    user: str
    position: int
    status: str
    admitted: dt.datetime | None = None
    left: dt.datetime | None = None
    outcome: str = ""


@dataclass(frozen=True)
class Truth:
    """``opening`` is what each user had before the round, in won; ``balances`` what they have."""

    capacity: int
    opening: dict[str, int]
    balances: dict[str, int]
    held: list[Held] = field(default_factory=list)
    paid: list[Paid] = field(default_factory=list)
    sold: list[Sold] = field(default_factory=list)
    refunded: list[Refunded] = field(default_factory=list)
    charged: list[Charged] = field(default_factory=list)
    entries: list[QueueEntry] = field(default_factory=list)
    deadlocks: int = 0


@dataclass(frozen=True)
class Opening:
    """What there was before the round, so that what came after it can be told from it."""

    balances: dict[str, int]
    charges: frozenset[str]
    deadlocks: int


def read_opening(sale: Sale) -> Opening:
    users = _users(sale)
    charges = Charge.objects.filter(user__in=users).values_list("pk", flat=True)
    return Opening(_balances(users), frozenset(map(str, charges)), count_deadlocks())


def read_truth(sale: Sale, opening: Opening) -> Truth:
    """In one snapshot: requests that were given up may still be on their way."""
    with snapshot(statement_timeout="1min"):
        users = _users(sale)
        return Truth(
            capacity=sale.capacity,
            opening=opening.balances,
            balances=_balances(users),
            held=list(_held(users)),
            paid=list(_paid(users)),
            sold=list(_sold(users)),
            refunded=list(_refunded(users)),
            charged=[each for each in _charged(users) if each.id not in opening.charges],
            entries=list(_entries(sale)),
            # A server that crashed counts from 0 again.
            deadlocks=max(0, count_deadlocks() - opening.deadlocks),
        )


def _users(sale: Sale) -> list[User]:
    return list(User.objects.filter(rehearsal=sale.slug))


def _balances(users: list[User]) -> dict[str, int]:
    rows = Balance.objects.filter(user__in=users).values_list("user_id", "amount")
    return {str(user): amount for user, amount in rows}


def _held(users: list[User]) -> Iterable[Held]:
    rows = Reservation.objects.filter(user__in=users)
    for pk, user, seat, status in rows.values_list("pk", "user_id", "seat__number", "status"):
        yield Held(str(pk), str(user), seat, status)


def _paid(users: list[User]) -> Iterable[Paid]:
    rows = Payment.objects.filter(user__in=users, status=Payment.Status.SUCCESS)
    for pk, user, reservation, won in rows.values_list("pk", "user_id", "reservation_id", "amount"):
        yield Paid(str(pk), str(user), str(reservation), won)


def _sold(users: list[User]) -> Iterable[Sold]:
    columns = "pk", "user_id", "reservation_id", "seat__number", "status"
    for pk, user, reservation, seat, status in Ticket.objects.filter(user__in=users).values_list(
        *columns
    ):
        yield Sold(str(pk), str(user), str(reservation), seat, status)


def _refunded(users: list[User]) -> Iterable[Refunded]:
    rows = Refund.objects.filter(payment__user__in=users)
    columns = "payment__reservation__ticket", "payment__user_id", "amount"
    for ticket, user, amount in rows.values_list(*columns):
        yield Refunded(str(ticket), str(user), amount)


def _charged(users: list[User]) -> Iterable[Charged]:
    rows = Charge.objects.filter(user__in=users)
    columns = "pk", "user_id", "key", "amount", "status"
    for pk, user, key, amount, status in rows.values_list(*columns):
        yield Charged(str(pk), str(user), key or "", amount, status)


def _entries(sale: Sale) -> Iterable[QueueEntry]:
    tokens = QueueToken.objects.filter(room__slug=sale.slug).select_related("entry")
    columns = "pk", "user_id", "position", "status", "available_at", "expires_at", "entry__outcome"
    for token, user, position, status, admitted, expires, outcome in tokens.values_list(*columns):
        left = expires if status == QueueToken.Status.EXPIRED else None
        yield QueueEntry(str(token), str(user), position, status, admitted, left, outcome or "")


def count_deadlocks() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        (count,) = cursor.fetchone()
    return int(count)
