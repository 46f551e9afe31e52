"""Hold seats for five minutes: one request, or many of one schedule, in one transaction.

1. Claim the keys of requests that have one.
2. Lock the queue tokens, then the seats, in the one lock order.
3. Read the sale, what each user has of it, and the clock: after the last lock.
4. Apply all rules to each request. A refusal is an outcome: the other requests go on.
5. Write the granted holds, with the answers to the keys, and commit.
"""

import datetime as dt
import logging
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from django.conf import settings
from django.db import transaction

from accounts.models import User
from accounts.services.idempotency import AnsweredBefore, IdempotentRequest, claim_keys, new_answers
from concertbook.db.group_commit import Retry, one_of_each
from concertbook.db.refusals import refused_by
from concertbook.db.rows import Insert, write_rows
from concertbook.errors import DomainError, NotFound
from concerts.errors import ScheduleCancelled, SeatNotFound, SeatTaken
from concerts.models import Seat, new_statuses
from concerts.services.programme import get_schedule
from payments.errors import (
    CompanionNeedsWheelchair,
    DuplicateSeats,
    PurchaseLimitExceeded,
    TooManySeats,
)
from payments.models import Reservation
from payments.services.early_refusals import explain_taken
from payments.services.locked_sale import HoldRequest, LockedSale, lock_sale
from payments.services.releases import release_overdue
from queueing.errors import QueueNotAdmitted
from queueing.models import QueueToken
from queueing.services.gate import (
    extend_admissions,
    find_admission,
    require_still_inside,
)

logger = logging.getLogger(__name__)

# The most seats that one request may hold or pay.
MOST_AT_ONCE = 50
# What triggers refuse although the rules have allowed it: the schedule was cancelled, or the buyer
# accepted a ticket, between our read and our write.
TRIGGERS = {
    "payments_no_sale_in_cancelled_schedule": ScheduleCancelled,
    "payments_received_within_limit": PurchaseLimitExceeded,
}
# The refusals of the last rules, about the wanted seats.
SEAT_REFUSALS = SeatTaken, CompanionNeedsWheelchair

Outcome = list[Reservation] | DomainError | AnsweredBefore | Retry


@dataclass(frozen=True)
class HoldGrant:
    """A request that passed all rules: its seats are held in memory, but not saved yet."""

    request: HoldRequest
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
    act: Callable[[HoldRequest], Outcome] | None = None,
) -> list[Reservation]:
    """Hold all of these seats for the user, or none; returns the reservations in seat order.

    ``token`` is the queue token that the client showed, None for the user's own in the room.
    ``act`` is hold_one, or group_commits.hold.
    Raises TooManySeats, DuplicateSeats, NotFound, SeatNotFound, QueueNotAdmitted, SaleNotOpen,
    SaleClosed, ScheduleCancelled, PurchaseLimitExceeded, GivenUpTooOften; SeatTaken, which names
    the seats to try instead (``nearest``) when told to ``suggest``; CompanionNeedsWheelchair; with
    ``once`` also what its claim raises.
    """
    if len(numbers) > MOST_AT_ONCE:
        raise TooManySeats
    if len(set(numbers)) != len(numbers):
        raise DuplicateSeats
    token = token or _own_token(user, schedule_id)
    request = HoldRequest(user, schedule_id, numbers, token, once)
    outcome = (act or hold_one)(request)
    if isinstance(outcome, SeatTaken) and not suggest:
        raise outcome
    if isinstance(outcome, DomainError):
        raise explain(outcome, user_id=user.pk, schedule_id=schedule_id, numbers=numbers)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _own_token(user: User, schedule_id: uuid.UUID) -> uuid.UUID:
    schedule = get_schedule(schedule_id, viewer=user)
    return find_admission(user=user, room_id=schedule.concert.waiting_room_id).pk


def explain(
    refusal: DomainError, *, user_id: uuid.UUID, schedule_id: uuid.UUID, numbers: Sequence[int]
) -> DomainError:
    """The refusal of a hold for the buyer. Called after the transaction, without locks.

    Adds the seats to try instead (``nearest``) to SeatTaken. For a schedule that the user cannot
    see, NotFound replaces refusals about its seats or its room.
    """
    if isinstance(refusal, SeatTaken):
        return explain_taken(refusal, user_id=user_id, schedule_id=schedule_id, numbers=numbers)
    if isinstance(refusal, SeatNotFound | QueueNotAdmitted):
        try:
            get_schedule(schedule_id, viewer=User.objects.get(pk=user_id))
        except NotFound as unknown:
            return unknown
    return refusal


def hold_one(request: HoldRequest) -> Outcome:
    """Hold in a transaction of its own, which waits for locks."""
    (outcome,) = hold([request], wait=True)
    return outcome


def hold_by_schedule(requests: Sequence[HoldRequest], *, wait: bool = False) -> list[Outcome]:
    """As hold, for requests of any schedules, in a transaction for each.

    Its failure does not undo the holds in other schedules: without ``wait`` it is a Retry for all
    requests of the schedule.
    """
    outcomes: dict[int, Outcome] = {}
    for schedule_id in {request.schedule_id for request in requests}:
        of_one = {at: each for at, each in enumerate(requests) if each.schedule_id == schedule_id}
        outcomes |= zip(of_one, _hold_or_retry(list(of_one.values()), wait=wait), strict=True)
    return [outcomes[at] for at in range(len(requests))]


def _hold_or_retry(requests: Sequence[HoldRequest], *, wait: bool) -> Sequence[Outcome]:
    try:
        return hold(requests, wait=wait)
    except Exception as exc:
        if wait:
            raise
        if not isinstance(exc, DomainError):
            logger.warning("A group commit failed; its holds are done alone", exc_info=True)
        return [Retry() for _request in requests]


def hold(requests: Sequence[HoldRequest], *, wait: bool = False) -> list[Outcome]:
    """Hold seats for each of these requests of one schedule, in one transaction.

    Returns the outcome of each: its reservations, in seat order; the refusal (those that
    hold_seats raises); AnsweredBefore for a key that has its answer; or Retry, when nothing was
    done: a lock of another transaction is in the way, an overdue hold has to be ended first, or
    another request of the same user is among these. With ``wait`` it waits for locks, ends what
    is overdue, and retries nothing. The answers to requests with a key are in their ``once``.

    Six round trips, however many requests: BEGIN, the tokens, the seats, the holdings and the
    clock, one that writes, COMMIT. One more where admissions have to be extended, two with keys,
    and one each where a token or a seat is missing, to know why.
    Raises ScheduleCancelled or PurchaseLimitExceeded when the database refuses all of it: nothing
    was done.
    """
    return one_of_each(requests, lambda each: each.user.pk, partial(_hold, wait=wait))


def _hold(requests: Sequence[HoldRequest], *, wait: bool) -> dict[uuid.UUID, Outcome]:
    """The outcomes by user, each of whom has one request."""
    with refused_by(**TRIGGERS), transaction.atomic(durable=True):
        outcomes: dict[uuid.UUID, Outcome] = {}
        outcomes |= claim_keys([request.once for request in requests if request.once])
        requests = [request for request in requests if request.user.pk not in outcomes]
        if not requests:
            return outcomes
        try:
            locked = lock_sale(requests, wait=wait)
        except NotFound:
            return outcomes | {request.user.pk: NotFound() for request in requests}
        grants = []
        for request in requests:
            try:
                grants.append(_grant(request, locked))
            except (DomainError, Retry) as refusal:
                outcomes[request.user.pk] = refusal
        if grants:
            _write(grants, locked.sale.now)
        else:
            # A rollback does not wait for the disk, and a refusal changes no overdue holds.
            transaction.set_rollback(True)
    if locked.ended and any(isinstance(each, SEAT_REFUSALS) for each in outcomes.values()):
        # The rollback revived overdue holds of the wanted seats: end them again.
        on_seats = [seat.pk for seat in locked.seats.values()]
        release_overdue(Reservation.objects.filter(status="HOLD", seat__in=on_seats))
    return outcomes | {grant.request.user.pk: grant.reservations for grant in grants}


def _grant(request: HoldRequest, locked: LockedSale) -> HoldGrant:
    """Apply all rules of a hold, before it is written. Raises the refusal, or Retry."""
    admission = locked.admission_of(request)
    seats = locked.seats_of(request)
    sale, now = locked.sale, locked.sale.now
    if sale.room_id != admission.room_id:
        raise QueueNotAdmitted
    require_still_inside(admission, now)
    sale.schedule.require_on_sale(now)
    holdings = locked.holdings_of(request)
    holdings.require_no_hoarding(now)
    slots = holdings.free_slots(len(seats), limit=sale.schedule.purchase_limit)
    locked.require_available(seats, user=request.user)
    holdings.require_wheelchair([seat.kind for seat in seats])
    until = now + dt.timedelta(seconds=settings.HOLD_SECONDS)
    reservations = []
    for seat, slot in zip(seats, slots, strict=True):
        seat.hold(user=request.user, until=until, now=now)
        reservations.append(
            Reservation(
                user=request.user,
                seat=seat,
                schedule=sale.schedule,
                slot=slot,
                price=seat.price,
                created_at=now,
                expires_at=until,
            )
        )
    return HoldGrant(request, admission, reservations)


def _write(grants: Sequence[HoldGrant], now: dt.datetime) -> None:
    reservations = [each for grant in grants for each in grant.reservations]
    seats = new_statuses(
        [(reservation.seat, reservation.user) for reservation in reservations],
        from_status=Seat.Status.AVAILABLE,
        reason="held",
        now=now,
    )
    answers = [(grant.request.once, grant.reservations) for grant in grants if grant.request.once]
    write_rows(seats, Insert(reservations), new_answers(answers))
    extend_admissions([grant.admission for grant in grants], until=reservations[0].expires_at)
