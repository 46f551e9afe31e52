"""What happened, in a sentence, for a member of staff who is on the telephone with a buyer.

Each rule looks at one thing of the buyer's (a seat, a top-up, a place in line) and answers with a
sentence or None. The sentence about the newest thing comes first.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.models import Charge, User
from accounts.services.ledger import balance_amount
from accounts.templatetags.reasons import reason as in_words
from concertbook.db.clock import database_now
from concertbook.templatetags.money import won
from concertbook.templatetags.times import second
from payments.models import Payment, Reservation, Ticket, TicketOffer
from queueing.models import QueueEntryHistory, QueueToken

# What a buyer calls about is among the last things.
MOST_READ = 20
MOST_SENTENCES = 4


@dataclass(frozen=True)
class Sentence:
    """``rule`` names the rule that found it, ``at`` the time of the last event that it tells."""

    rule: str
    at: dt.datetime
    text: str


@dataclass(frozen=True)
class Facts:
    """The last things of a person, newest first, and the database's clock when they were read."""

    now: dt.datetime
    balance: int
    charges: Sequence[Charge]
    reservations: Sequence[Reservation]
    received: Sequence[TicketOffer]
    tokens: Sequence[QueueToken]


def verdict_on(user: User) -> list[Sentence]:
    """The sentences about this person, the most telling first. At most nine statements."""
    return judge(read_facts(user))


def read_facts(user: User) -> Facts:
    return Facts(
        now=database_now(),
        balance=balance_amount(user=user),
        charges=list(_charges_of(user)[:MOST_READ]),
        reservations=list(_reservations_of(user)[:MOST_READ]),
        received=list(_received_by(user)[:MOST_READ]),
        tokens=list(_tokens_of(user)[:MOST_READ]),
    )


def _charges_of(user: User) -> QuerySet[Charge]:
    return Charge.objects.filter(user=user).order_by("-created_at")


def _reservations_of(user: User) -> QuerySet[Reservation]:
    return (
        Reservation.objects.filter(user=user)
        .select_related("seat", "schedule__concert", "ticket__user")
        .prefetch_related("payments__refund__refunded_by", "ticket__offers", "ticket__check_ins")
        .order_by("-created_at")
    )


def _received_by(user: User) -> QuerySet[TicketOffer]:
    offers = TicketOffer.objects.filter(receiver=user)
    rows = ("giver", "ticket__seat", "ticket__reservation__schedule__concert")
    return offers.select_related(*rows).order_by("-ended_at")


def _tokens_of(user: User) -> QuerySet[QueueToken]:
    tokens = QueueToken.objects.filter(user=user)
    return tokens.select_related("room", "entry").order_by("-issued_at")


def judge(facts: Facts) -> list[Sentence]:
    """The sentences about these facts: the newest thing first, each thing once."""
    found = [_first_of(CHARGE_RULES, charge, facts) for charge in facts.charges]
    found += [_first_of(SEAT_RULES, reservation, facts) for reservation in facts.reservations]
    found += [_first_of(RECEIVED_RULES, offer, facts) for offer in facts.received]
    found += [_first_of(LINE_RULES, token, facts) for token in facts.tokens]
    sentences = sorted(filter(None, found), key=lambda each: each.at, reverse=True)
    told = {each.text: each for each in reversed(sentences)}
    return sorted(told.values(), key=lambda each: each.at, reverse=True)[:MOST_SENTENCES]


Rule = Callable[[Any, Facts], Sentence | None]


def _first_of(rules: Sequence[Rule], thing: Any, facts: Facts) -> Sentence | None:
    return next((said for rule in rules if (said := rule(thing, facts))), None)


# Top-ups ----------------------------------------------------------------------------------------


def charge_pending(charge: Charge, facts: Facts) -> Sentence | None:
    if charge.status != Charge.Status.PENDING:
        return None
    text = _("The charge of {amount} at {at} has no answer from the card company yet. It is asked"
             " again by itself; nothing is lost.")  # fmt: skip
    return _say("charge_pending", charge.created_at, text, amount=won(charge.amount))


def charge_refused(charge: Charge, facts: Facts) -> Sentence | None:
    if charge.status != Charge.Status.FAILED or charge.charged_at is None:
        return None
    text = _("The charge of {amount} at {at} was refused: {reason}. No money was taken.")
    return _say(
        "charge_refused",
        charge.charged_at,
        text,
        amount=won(charge.amount),
        reason=in_words(charge.reason),
    )


def charged_without_ticket(charge: Charge, facts: Facts) -> Sentence | None:
    """Charged, and no payment since: the money is in the balance, whatever became of the seats."""
    if charge.charged_at is None or facts.balance < charge.amount:
        return None
    if any(paid >= charge.charged_at for paid in map(_paid_at, facts.reservations) if paid):
        return None
    lost = [each for each in facts.reservations if _hold_was_lost(each, charge)]
    if lost:
        text = _("Charged {amount} at {at}; the hold on {seat} ended at {ended}; the money is in"
                 " the balance ({balance}).")  # fmt: skip
        return _say(
            "charged_and_hold_ended",
            charge.charged_at,
            text,
            amount=won(charge.amount),
            seat=lost[0].seat.label,
            ended=second(lost[0].expires_at),
            balance=won(facts.balance),
        )
    text = _("Charged {amount} at {at}, and paid for nothing since; the money is in the balance"
             " ({balance}).")  # fmt: skip
    return _say(
        "in_the_balance",
        charge.charged_at,
        text,
        amount=won(charge.amount),
        balance=won(facts.balance),
    )


CHARGE_RULES: list[Rule] = [charge_pending, charge_refused, charged_without_ticket]


def _hold_was_lost(reservation: Reservation, charge: Charge) -> bool:
    return (
        charge.charged_at is not None
        and reservation.status == Reservation.Status.EXPIRED
        and reservation.created_at <= charge.charged_at
        and charge.created_at <= reservation.expires_at
    )


def _paid_at(reservation: Reservation) -> dt.datetime | None:
    payment = _payment(reservation)
    return payment.paid_at if payment else None


# Seats ------------------------------------------------------------------------------------------


def refunded(reservation: Reservation, facts: Facts) -> Sentence | None:
    payment = _payment(reservation)
    refund = getattr(payment, "refund", None)
    if refund is None:
        return None
    values = {
        "seat": _seat(reservation),
        "amount": won(refund.amount + refund.compensation),
        "fee": won(refund.fee),
        "reason": in_words(refund.reason),
    }
    text = _("{seat}: refunded at {at}: {amount} to the balance, fee {fee} ({reason}).")
    return _say("refunded", refund.created_at, text, **values)


def checked_in(reservation: Reservation, facts: Facts) -> Sentence | None:
    ticket = _ticket(reservation)
    if ticket is None or ticket.status != Ticket.Status.USED or not ticket.is_the_buyers:
        return None
    return _used("checked_in", ticket, _seat(reservation))


def handed_on(reservation: Reservation, facts: Facts) -> Sentence | None:
    ticket = _ticket(reservation)
    if ticket is None or ticket.is_the_buyers:
        return None
    last = max(ticket.offers.all(), key=lambda offer: offer.number or 0)
    text = _("{seat}: handed on at {at}; the ticket is {holder}'s now, and the old QR code has"
             " ended.")  # fmt: skip
    return _say(
        "handed_on", last.ended_at, text, seat=_seat(reservation), holder=_name(ticket.user)
    )


def payment_failed(reservation: Reservation, facts: Facts) -> Sentence | None:
    failed = [each for each in reservation.payments.all() if not each.is_success]
    if not failed or _payment(reservation):
        return None
    last = max(failed, key=lambda payment: payment.paid_at)
    text = _("{seat}: the payment of {amount} at {at} failed: {reason}. No ticket was issued.")
    return _say(
        "payment_failed",
        last.paid_at,
        text,
        seat=_seat(reservation),
        amount=won(last.amount),
        reason=in_words(last.reason),
    )


def has_ticket(reservation: Reservation, facts: Facts) -> Sentence | None:
    ticket, payment = _ticket(reservation), _payment(reservation)
    if ticket is None or payment is None or ticket.status != Ticket.Status.ISSUED:
        return None
    text = _("{seat}: paid {amount} at {at}; the ticket is issued and unused.")
    return _say(
        "has_ticket", payment.paid_at, text, seat=_seat(reservation), amount=won(payment.amount)
    )


def holds(reservation: Reservation, facts: Facts) -> Sentence | None:
    if reservation.status != Reservation.Status.HOLD or reservation.expires_at <= facts.now:
        return None
    text = _("{seat}: held since {at}, until {until}, and not paid yet.")
    return _say(
        "holds",
        reservation.created_at,
        text,
        seat=_seat(reservation),
        until=second(reservation.expires_at),
    )


def hold_ended(reservation: Reservation, facts: Facts) -> Sentence | None:
    is_over = reservation.expires_at <= facts.now and reservation.confirmed_at is None
    if reservation.status not in ("EXPIRED", "HOLD") or not is_over:
        return None
    if any(
        _hold_was_lost(reservation, each) and charged_without_ticket(each, facts)
        for each in facts.charges
    ):
        # Told with the charge.
        return None
    text = _("{seat}: the hold ended at {at} without a payment; no money was taken for it.")
    return _say("hold_ended", reservation.expires_at, text, seat=_seat(reservation))


SEAT_RULES: list[Rule] = [
    refunded,
    handed_on,
    checked_in,
    has_ticket,
    payment_failed,
    holds,
    hold_ended,
]


def _payment(reservation: Reservation) -> Payment | None:
    return next((each for each in reservation.payments.all() if each.is_success), None)


def _ticket(reservation: Reservation) -> Ticket | None:
    return getattr(reservation, "ticket", None)


def _seat(reservation: Reservation) -> str:
    return f"{reservation.schedule.concert.title} {reservation.seat.label}"


def _used(rule: str, ticket: Ticket, seat: str) -> Sentence | None:
    if ticket.used_at is None:
        return None
    if ticket.gate:
        text = _("{seat}: checked in at {at} at gate {gate}.")
    else:
        text = _("{seat}: checked in at {at}.")
    return _say(rule, ticket.used_at, text, seat=seat, gate=ticket.gate)


# Tickets of others ------------------------------------------------------------------------------


def received(offer: TicketOffer, facts: Facts) -> Sentence | None:
    """A ticket that the person got from another, and has."""
    ticket = offer.ticket
    if offer.ended_at is None or ticket.user_id != offer.receiver_id:
        return None
    seat = f"{ticket.reservation.schedule.concert.title} {ticket.seat.label}"
    if ticket.status == Ticket.Status.USED:
        return _used("received_and_used", ticket, seat)
    if ticket.status == Ticket.Status.CANCELLED:
        text = _("{seat}: received from {giver} at {at}, and cancelled since; the refund is the"
                 " buyer's.")  # fmt: skip
        return _say(
            "received_and_cancelled", offer.ended_at, text, seat=seat, giver=_name(offer.giver)
        )
    text = _("{seat}: received from {giver} at {at}; the ticket is valid.")
    return _say("received", offer.ended_at, text, seat=seat, giver=_name(offer.giver))


RECEIVED_RULES: list[Rule] = [received]


# The line ---------------------------------------------------------------------------------------


def waits(token: QueueToken, facts: Facts) -> Sentence | None:
    if token.status != QueueToken.Status.WAITING:
        return None
    text = _("Waits in the line of {room} since {at}, at position {position}.")
    return _say(
        "waits", token.issued_at, text, room=token.room.title, position=f"{token.position:,}"
    )


def is_inside(token: QueueToken, facts: Facts) -> Sentence | None:
    if not token.admits(facts.now) or token.available_at is None or token.expires_at is None:
        return None
    text = _("Was admitted to {room} at {at} and may choose seats until {until}.")
    until = second(token.expires_at)
    return _say("is_inside", token.available_at, text, room=token.room.title, until=until)


def left_line(token: QueueToken, facts: Facts) -> Sentence | None:
    """How a place in line ended without a purchase."""
    entry: QueueEntryHistory | None = getattr(token, "entry", None)
    if entry is None:
        return None
    words = {
        "TIMED_OUT": _("The time inside {room} was over at {at} without a purchase."),
        "LEFT": _("Left {room} at {at} by the button."),
        "IDLE": _("Lost the place in the line of {room} at {at}: the page was closed or silent."),
        "CLOSED": _("{room} was closed at {at} while the person was in line."),
    }
    text = words.get(entry.outcome)
    if text is None:
        return None
    return _say(f"line_{entry.outcome.lower()}", entry.exited_at, text, room=token.room.title)


LINE_RULES: list[Rule] = [waits, is_inside, left_line]


def _name(user: User | None) -> str:
    return (user and (user.email or user.name)) or "-"


def _say(rule: str, at: dt.datetime | None, text: str, **values: str) -> Sentence:
    assert at is not None
    return Sentence(rule, at, text.format(at=second(at), **values))
