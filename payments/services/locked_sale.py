"""The rows for the rules of a hold: locked in the one lock order, then read with the clock."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from accounts.models import User
from accounts.services.idempotency import IdempotentRequest
from concertbook.db.group_commit import Retry
from concerts.errors import SeatNotFound
from concerts.models import Seat
from concerts.services.seat_locks import lock_seats, read_seats
from payments.models import Reservation
from payments.services.buyer_holdings import NO_HOLDINGS, BuyerHoldings, Sale, read_holdings
from payments.services.releases import expire_overdue, lock_overdue_seats
from queueing.errors import QueueNotAdmitted
from queueing.models import QueueToken
from queueing.services.gate import lock_admissions, read_admissions


@dataclass(frozen=True)
class HoldRequest:
    """One user's request to hold seats of a schedule, by distinct numbers.

    ``token`` is the user's queue token; ``once`` is the request's key, None without one.
    """

    user: User
    schedule_id: uuid.UUID
    numbers: Sequence[int]
    token: uuid.UUID
    once: IdempotentRequest | None = None


@dataclass(frozen=True)
class LockedSale:
    """The rows of several requests of different users; ``sale.now`` was read after the last lock.

    With ``wait`` every row is locked. Without it ``tokens_elsewhere`` are those that another
    transaction has locked, and ``read_only`` the numbers of seats that were read without a lock:
    locked by another transaction, or taken.
    """

    wait: bool
    sale: Sale
    holdings: Mapping[uuid.UUID, BuyerHoldings]
    admissions: Mapping[tuple[uuid.UUID, uuid.UUID], QueueToken]
    tokens_elsewhere: Collection[tuple[uuid.UUID, uuid.UUID]]
    seats: Mapping[int, Seat]
    read_only: Collection[int]
    # The number of overdue holds on these seats that were ended.
    ended: int = 0

    def admission_of(self, request: HoldRequest) -> QueueToken:
        """Raises QueueNotAdmitted, or Retry."""
        shown = request.user.pk, request.token
        admission = self.admissions.get(shown)
        if admission is None:
            raise Retry if shown in self.tokens_elsewhere else QueueNotAdmitted
        return admission

    def seats_of(self, request: HoldRequest) -> list[Seat]:
        """In the order of their numbers. Raises SeatNotFound."""
        missing = [number for number in request.numbers if number not in self.seats]
        if missing:
            raise SeatNotFound(seats=sorted(missing))
        return [self.seats[number] for number in sorted(request.numbers)]

    def holdings_of(self, request: HoldRequest) -> BuyerHoldings:
        """Raises Retry while one of the user's holds is overdue: it must be ended first."""
        holdings = self.holdings.get(request.user.pk, NO_HOLDINGS)
        if not self.wait and holdings.has_overdue(self.sale.now):
            raise Retry
        return holdings

    def require_available(self, seats: Sequence[Seat], *, user: User) -> None:
        """Raises SeatTaken; Retry where a seat may be free, but is locked or its hold overdue."""
        is_unsure = False
        for seat in seats:
            if seat.number in self.read_only and self._may_be_free(seat):
                is_unsure = True
            else:
                seat.require_available(user=user, now=self.sale.now)
        if is_unsure:
            raise Retry

    def _may_be_free(self, seat: Seat) -> bool:
        return seat.status == Seat.Status.AVAILABLE or seat.has_overdue_hold(self.sale.now)


def lock_sale(requests: Sequence[HoldRequest], *, wait: bool) -> LockedSale:
    """Lock the rows of requests of one schedule: tokens, then the seats of admitted users.

    With ``wait`` also ends overdue holds that are in the way. Inside a transaction only. Raises
    NotFound for an unknown schedule.
    """
    schedule_id = requests[0].schedule_id
    users = [request.user.pk for request in requests]
    admissions = lock_admissions(
        user_ids=users, tokens=[request.token for request in requests], wait=wait
    )
    inside = [request for request in requests if (request.user.pk, request.token) in admissions]
    elsewhere = set()
    if not wait and len(inside) < len(requests):
        elsewhere = {(token.user_id, token.pk) for token in read_admissions(user_ids=users)}
    numbers = dict.fromkeys(number for request in inside for number in request.numbers)
    seats = lock_seats(schedule_id=schedule_id, numbers=numbers, wait=wait)
    read: dict[int, Seat] = {}
    if not wait and len(seats) < len(numbers):
        read = read_seats(schedule_id=schedule_id, numbers=numbers.keys() - seats.keys())
    sale, holdings = read_holdings(schedule_id, users)
    locked = LockedSale(wait, sale, holdings, admissions, elsewhere, seats | read, read.keys())
    return _end_overdue(locked, users) if wait else locked


def _end_overdue(locked: LockedSale, users: Sequence[uuid.UUID]) -> LockedSale:
    """End the overdue holds on the seats, and the users' own in the schedule."""
    now, schedule_id = locked.sale.now, locked.sale.schedule.pk
    locked = replace(locked, ended=expire_overdue(list(locked.seats.values()), now=now))
    late = [user for user in users if locked.holdings.get(user, NO_HOLDINGS).has_overdue(now)]
    if not late:
        return locked
    theirs = Reservation.objects.filter(status="HOLD", user__in=late, schedule=schedule_id)
    expire_overdue(lock_overdue_seats(theirs.overdue(now)), now=now)
    sale, holdings = read_holdings(schedule_id, users)
    return replace(locked, sale=sale, holdings=holdings)
