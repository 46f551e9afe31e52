"""What payments keeps about a user (accounts/personal_data.py).

These are records of contracts and payments, which the law has us keep for five years. Without the
user's name they name no person, once offers of tickets have lost the user's address.
"""

import datetime as dt
from collections.abc import Sequence

from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.models import User
from accounts.personal_data import Now, Obstacle, PersonalData, Rows, Section, columns
from concertbook.db.clock import StatementTime
from payments.models import Payment, Refund, Reservation, Ticket, TicketOffer

SEAT = "schedule__concert__title schedule__start_at seat__label"


def _reservations(user: User) -> Rows:
    fields = f"id {SEAT} status price created_at expires_at confirmed_at"
    mine = Reservation.objects.filter(user=user).order_by("created_at", "pk")
    return columns(mine, fields)


def _payments(user: User) -> Rows:
    fields = "id reservation_id amount status reason paid_at"
    return columns(Payment.objects.filter(user=user).order_by("paid_at", "pk"), fields)


def _tickets(user: User) -> Rows:
    seat = " ".join(f"reservation__{name}" for name in SEAT.split())
    fields = f"id {seat} status price seat_number refund_policy created_at used_at gate updated_at"
    mine = Ticket.objects.filter(user=user).order_by("created_at", "pk")
    return columns(mine, fields)


def _refunds(user: User) -> Rows:
    fields = "id payment_id amount fee reason created_at"
    mine = Refund.objects.filter(payment__user=user).order_by("created_at", "pk")
    return columns(mine, fields)


def _offers(user: User) -> Rows:
    of_user = Q(giver=user) | Q(receiver=user)
    if user.email_verified:
        of_user |= Q(email=user.email)
    fields = "id ticket_id email status offered_at ended_at"
    return columns(TicketOffer.objects.filter(of_user).order_by("offered_at", "pk"), fields)


def _obstacles(user: User, now: Now) -> Sequence[Obstacle]:
    found = []
    to_come = Q(reservation__schedule__end_at__gt=now)
    unrefunded = Q(reservation__schedule__cancelled_at__isnull=False)
    # Also those that the user has handed on: a cancelled show refunds who paid.
    of_user = Q(user=user) | Q(reservation__user=user)
    tickets = Ticket.objects.filter(of_user, to_come | unrefunded, is_live=True)
    holders = list(tickets.order_by().values_list("user_id", flat=True))
    held = holders.count(user.pk)
    handed_on = len(holders) - held
    if held:
        said = ngettext(
            "You have %(count)d ticket for a show to come. Cancel it, or wait for its end.",
            "You have %(count)d tickets for shows to come. Cancel them, or wait for their end.",
            held,
        )
        found.append(Obstacle("tickets", said % {"count": held}, "ticket_list"))
    if handed_on:
        said = ngettext(
            "You paid for %(count)d ticket that you have handed on. If its show is cancelled, the"
            " money comes back to you: wait for its end.",
            "You paid for %(count)d tickets that you have handed on. If their show is cancelled,"
            " the money comes back to you: wait for its end.",
            handed_on,
        )
        found.append(Obstacle("tickets_handed_on", said % {"count": handed_on}))
    holds = Reservation.objects.held().filter(user=user, expires_at__gt=now).count()
    if holds:
        said = ngettext(
            "You hold %(count)d seat. Give it back, or wait a few minutes.",
            "You hold %(count)d seats. Give them back, or wait a few minutes.",
            holds,
        )
        found.append(Obstacle("holds", said % {"count": holds}, "checkout"))
    return found


def _last_contract(user: User) -> dt.datetime | None:
    """A ticket's contract is carried out when the show is over."""
    paid = Payment.objects.filter(user=user).order_by("-paid_at")
    shows = Ticket.objects.filter(user=user).order_by("-reservation__schedule__end_at")
    times = [
        paid.values_list("paid_at", flat=True).first(),
        shows.values_list("reservation__schedule__end_at", flat=True).first(),
    ]
    return max(filter(None, times), default=None)


def _erase(user: User) -> None:
    """Offers to the user's address lose it; open ones are declined."""
    if user.email is None:
        return
    to_user = TicketOffer.objects.filter(email=user.email)
    to_user.filter(is_open=True).update(
        status=TicketOffer.Status.DECLINED, ended_at=StatementTime()
    )
    to_user.exclude(is_open=True).update(email="")


PERSONAL_DATA = PersonalData(
    sections=[
        Section("reservations", _("Reservations"), "payments.Reservation", _reservations),
        Section("payments", _("Payments"), "payments.Payment", _payments),
        Section("tickets", _("Tickets"), "payments.Ticket", _tickets),
        Section("ticket_offers", _("Tickets handed on"), "payments.TicketOffer", _offers),
        Section("refunds", _("Refunds"), "payments.Refund", _refunds),
    ],
    left_out={
        "payments.CheckIn": "time and gate are columns of each ticket",
        "payments.TicketMove": "names the staff; the seat is on the ticket",
        "payments.CheckInConflict": "names the staff; the holder's entry is on the ticket",
    },
    obstacles=_obstacles,
    erase=_erase,
    last_contract=_last_contract,
)
