"""Handing a ticket on: its holder offers it to an address, whose account accepts.

Only the ticket moves. The reservation and the payment stay the buyer's, so that a refund goes to
the buyer's balance, and the purchase limit still counts what the buyer has bought. In the
transaction of the acceptance the ticket gets its new holder and a new code, and the old code ends.

Locks, in the one order: the ticket, its offer. A check-in, a cancellation, a refund of the schedule
and every change of an offer lock the ticket: of all that concerns one ticket, one comes first, and
the others see what it did. A receiver who holds seats or accepts other tickets at the same moment
is refused at the commit (payments_received_within_limit): who is in no line has no row to lock.
"""

import datetime as dt
import uuid
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Count, DateTimeField, DurationField, ExpressionWrapper, F, Q, QuerySet

from accounts.email_addresses import clean_email
from accounts.errors import AccountClosing
from accounts.models import OutgoingMessage, User
from accounts.services.outbox import new_message, queue
from concertbook.db.clock import StatementTime, database_now
from concertbook.db.refusals import refused_by
from concertbook.db.statements import fetch_row
from concertbook.errors import DomainError, NotFound
from concerts.models import ConcertSchedule
from payments.errors import (
    AlreadyOffered,
    EmailNotConfirmed,
    HandedOnTooOften,
    HandingOnClosed,
    HandingOnOff,
    OfferedToOneself,
    OfferedTooOften,
    OfferOver,
    TooManyTickets,
    UnknownOffer,
)
from payments.models import Ticket, TicketOffer, new_ticket_code, save_change

# The triggers in payments/constraints.
TRIGGERS = {
    "payments_no_ticket_for_closing_account": AccountClosing,
    "payments_received_within_limit": TooManyTickets,
}
OFFER_WINDOW = dt.timedelta(hours=1)
# What one page shows.
MOST_SHOWN = 50


def offer_ticket(*, user: User, ticket_id: uuid.UUID, email: str) -> TicketOffer:
    """Offer the user's ticket to the account that has, or will have, this confirmed address.

    No account is looked up: the answer tells nothing about the address. Offered to the same address
    again, it returns the open offer. Raises ValidationError for no address; EmailNotConfirmed,
    NotFound (also for another user's ticket), OfferedToOneself, AlreadyOffered, OfferedTooOften,
    and what require_may_hand_on raises.
    """
    address = clean_email(email)
    if not user.email_verified:
        raise EmailNotConfirmed
    with transaction.atomic(durable=True):
        ticket = _lock_ticket(ticket_id, user=user)
        if ticket is None:
            raise NotFound
        now = database_now()
        require_may_hand_on(ticket, times=_times_handed_on(ticket), now=now)
        if address == user.email:
            raise OfferedToOneself
        offer = _open_offer_of(ticket)
        if offer is None:
            _require_few_offers(user, now)
            offer = TicketOffer.objects.create(
                ticket=ticket, giver=user, email=address, offered_at=now
            )
            _tell_receiver("ticket_offered", offer)
        elif offer.email != address:
            raise AlreadyOffered
    offer.ticket = ticket
    return offer


def withdraw_offer(*, user: User, ticket_id: uuid.UUID) -> TicketOffer:
    """Withdraw the open offer of the user's ticket. Raises NotFound, also without an open one."""
    with transaction.atomic(durable=True):
        ticket = _lock_ticket(ticket_id, user=user)
        offer = _open_offer_of(ticket) if ticket else None
        if offer is None:
            raise NotFound
        _end(offer, TicketOffer.Status.WITHDRAWN)
        _tell_receiver("ticket_withdrawn", offer)
    return offer


def decline_offer(*, user: User, offer_id: uuid.UUID) -> TicketOffer:
    """Decline an offer to the user's address. Declining again changes nothing.

    Raises EmailNotConfirmed, UnknownOffer, OfferOver.
    """
    ticket_id = _find_offer(user, offer_id).ticket_id
    with transaction.atomic(durable=True):
        _lock_ticket(ticket_id)
        offer = _lock_offer(offer_id)
        if offer.status == TicketOffer.Status.DECLINED:
            return offer
        _require_open(offer)
        _end(offer, TicketOffer.Status.DECLINED)
        queue([_message("ticket_declined", offer, user=offer.giver)])
    return offer


def accept_offer(*, user: User, offer_id: uuid.UUID) -> Ticket:
    """Make an offered ticket the user's: from the commit on only its new code admits to the show.

    Accepting again returns the ticket while the user has it. Raises EmailNotConfirmed,
    UnknownOffer, OfferOver, TooManyTickets, AccountClosing, and what require_may_hand_on raises.
    """
    found = _find_offer(user, offer_id)
    with refused_by(**TRIGGERS), transaction.atomic(durable=True):
        ticket = _lock_ticket(found.ticket_id)
        assert ticket is not None, "tickets are not deleted"
        offer = _lock_offer(offer_id)
        if offer.receiver_id == user.pk == ticket.user_id:
            return ticket
        _require_open(offer)
        now = database_now()
        times = _times_handed_on(ticket)
        require_may_hand_on(ticket, times=times, now=now)
        _require_room_for_one_more(user, ticket.reservation.schedule, now)
        _move(ticket, offer, to=user, number=times + 1, now=now)
        queue(
            [
                _message("ticket_accepted", offer, user=offer.giver),
                _message("ticket_received", offer, user=user),
            ]
        )
    return ticket


def end_offers() -> int:
    """End open offers whose time for handing on is over; returns how many.

    An overdue offer cannot be accepted before this sweep either. Locked ones are skipped: their
    tickets are being changed.
    """
    schedule = "ticket__reservation__schedule"
    closes = ExpressionWrapper(
        F(f"{schedule}__start_at")
        - ExpressionWrapper(
            F(f"{schedule}__hand_on_minutes") * dt.timedelta(minutes=1),
            output_field=DurationField(),
        ),
        output_field=DateTimeField(),
    )
    over = Q(**{f"{schedule}__may_hand_on": False}) | Q(closes__lte=StatementTime())
    overdue = TicketOffer.objects.filter(is_open=True).alias(closes=closes).filter(over)
    with transaction.atomic(durable=True):
        locked = overdue.select_for_update(of=("self",), skip_locked=True, no_key=True)
        keys = [offer.pk for offer in locked.order_by("pk")]
        ended = TicketOffer.objects.filter(pk__in=keys)
        return ended.update(status=TicketOffer.Status.ENDED, ended_at=database_now())


def offers_to(*, user: User) -> list[TicketOffer]:
    """The open offers to the user's confirmed address, newest first. One statement."""
    if not user.email_verified:
        return []
    offers = _shown().filter(email=user.email, is_open=True)
    return [offer for offer in offers[:MOST_SHOWN] if why_not_acceptable(offer) is None]


def get_offer(*, user: User, offer_id: uuid.UUID) -> Any:
    """An offer to the user's address, over or not, with the database's clock as ``read_at``.

    One statement. Raises EmailNotConfirmed, UnknownOffer.
    """
    return _find_offer(user, offer_id)


def find_offer(*, offer_id: uuid.UUID) -> Any:
    """As get_offer, for the messages about an offer that exists."""
    return _shown().get(pk=offer_id)


def get_offer_of(*, user: User, ticket_id: uuid.UUID) -> TicketOffer:
    """The open offer of the user's ticket. One statement. Raises NotFound."""
    offer: TicketOffer | None = (
        _shown().filter(ticket=ticket_id, ticket__user=user, is_open=True).first()
    )
    if offer is None:
        raise NotFound
    return offer


def require_may_hand_on(ticket: Ticket, *, times: int, now: dt.datetime) -> None:
    """Refuse handing on this ticket, which was handed on so many ``times``, at ``now``.

    Raises TicketUsed, AlreadyCancelled, ScheduleCancelled, HandingOnOff, HandingOnClosed,
    HandedOnTooOften.
    """
    schedule = ticket.reservation.schedule
    ticket.require_issued()
    schedule.require_not_cancelled()
    if not schedule.may_hand_on:
        raise HandingOnOff
    if now >= schedule.hand_on_until:
        raise HandingOnClosed(until=schedule.hand_on_until)
    if times >= settings.HAND_ONS_PER_TICKET:
        raise HandedOnTooOften


def why_not_acceptable(offer: Any) -> DomainError | None:
    """Why an offer of get_offer could not be accepted when it was read."""
    try:
        _require_open(offer)
        require_may_hand_on(offer.ticket, times=0, now=offer.read_at)
    except DomainError as refusal:
        return refusal
    return None


def require_may_offer(ticket: Any, *, user: User) -> None:
    """Refuse the form for a ticket of tickets.get_ticket. Raises EmailNotConfirmed, AlreadyOffered,
    and what require_may_hand_on raises."""
    if not user.email_verified:
        raise EmailNotConfirmed
    require_may_hand_on(ticket, times=ticket.times_handed_on, now=ticket.read_at)
    if ticket.offered_to:
        raise AlreadyOffered


def may_be_offered(ticket: Any) -> bool:
    """Whether a ticket of tickets.get_ticket could be offered when it was read."""
    try:
        require_may_hand_on(ticket, times=ticket.times_handed_on, now=ticket.read_at)
    except DomainError:
        return False
    return True


def _find_offer(user: User, offer_id: uuid.UUID) -> Any:
    # An unconfirmed address may be another person's: it is shown no offers.
    if not user.email_verified:
        raise EmailNotConfirmed
    offer = _shown().filter(pk=offer_id, email=user.email).first()
    if offer is None:
        raise UnknownOffer
    return offer


def _shown() -> QuerySet[Any]:
    offers = TicketOffer.objects.select_related(
        "giver", "ticket__seat", "ticket__reservation__schedule__concert"
    ).defer("giver__password")
    return offers.annotate(read_at=StatementTime()).order_by("-offered_at", "-pk")


def _lock_ticket(ticket_id: uuid.UUID, **whose: Any) -> Ticket | None:
    """The locked ticket, with the related rows for the answer, read after the lock."""
    mine = Ticket.objects.filter(pk=ticket_id, **whose)
    locked = mine.select_for_update(no_key=True).values_list("pk", flat=True)
    if locked.first() is None:
        return None
    return Ticket.objects.select_related("seat", "reservation__schedule__concert").get(pk=ticket_id)


def _lock_offer(offer_id: uuid.UUID) -> TicketOffer:
    return TicketOffer.objects.select_for_update(no_key=True).get(pk=offer_id)


def _open_offer_of(ticket: Ticket) -> TicketOffer | None:
    return ticket.offers.filter(is_open=True).select_for_update(no_key=True).first()


def _times_handed_on(ticket: Ticket) -> int:
    times: int = ticket.offers.aggregate(n=Count("number"))["n"]
    return times


def _require_open(offer: TicketOffer) -> None:
    if offer.status != TicketOffer.Status.OPEN:
        raise OfferOver(offer=str(offer.pk))


def _require_few_offers(user: User, now: dt.datetime) -> None:
    lately = TicketOffer.objects.filter(giver=user, offered_at__gt=now - OFFER_WINDOW)
    if lately.count() >= settings.OFFERS_PER_HOUR:
        raise OfferedTooOften(retry_after=int(OFFER_WINDOW.total_seconds()))


def _require_room_for_one_more(user: User, schedule: ConcertSchedule, now: dt.datetime) -> None:
    """Raises TooManyTickets. Tickets and holds are counted in one statement: a payment turns one
    into the other."""
    (count,) = fetch_row(
        """
        SELECT (SELECT count(*) FROM payments_ticket AS ticket
                JOIN payments_reservation AS bought ON bought.id = ticket.reservation_id
                WHERE ticket.user_id = %(user)s AND bought.schedule_id = %(schedule)s
                  AND ticket.status IN ('ISSUED', 'USED'))
             + (SELECT count(*) FROM payments_reservation
                WHERE user_id = %(user)s AND schedule_id = %(schedule)s
                  AND status = 'HOLD' AND expires_at > %(now)s)
        """,
        {"user": user.pk, "schedule": schedule.pk, "now": now},
    )
    if count >= schedule.purchase_limit:
        raise TooManyTickets(limit=schedule.purchase_limit)


def _move(ticket: Ticket, offer: TicketOffer, *, to: User, number: int, now: dt.datetime) -> None:
    offer.receiver, offer.number, offer.old_code = to, number, ticket.code
    # Written before the ticket: a trigger lets it change hands only after that.
    _end(offer, TicketOffer.Status.ACCEPTED, now=now)
    ticket.user, ticket.code = to, new_ticket_code()
    save_change(ticket, now=now, fields=["user", "code"])


def _end(offer: TicketOffer, status: TicketOffer.Status, *, now: dt.datetime | None = None) -> None:
    offer.status = status
    offer.ended_at = now or database_now()
    offer.save(update_fields=["status", "ended_at", "receiver", "number", "old_code"])


def _tell_receiver(kind: str, offer: TicketOffer) -> None:
    """By the address alone, in the giver's language: no account is looked up."""
    queue([_message(kind, offer, email=offer.email, language=offer.giver.language)])


def _message(kind: str, offer: TicketOffer, **to: Any) -> OutgoingMessage:
    return new_message(kind=kind, data={"offer": str(offer.pk)}, **to)
