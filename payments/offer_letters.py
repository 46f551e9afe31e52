"""The messages about tickets that are handed on."""

from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from accounts.letter import Letter, LetterKind
from accounts.mail_form import site_page
from accounts.models import OutgoingMessage, User
from concertbook.templatetags.times import when_text
from concerts.templatetags.sales import told_as_text
from payments.letters import qr_pictures, ticket_files
from payments.models import Ticket
from payments.services.ticket_offers import find_offer, why_not_acceptable
from payments.services.tickets import described_tickets
from payments.ticket_document import describe

# A name goes to an address that its owner chose: it must not become a link in that mailbox.
OF_LINKS = set("./:@")


def ticket_offered(message: OutgoingMessage) -> Letter | None:
    offer = _offer(message)
    if why_not_acceptable(offer) is not None:
        return None
    return Letter(
        subject=_("A ticket for you: %(title)s") % {"title": _title(offer.ticket)},
        heading=_("A ticket for you"),
        paragraphs=[
            _("%(giver)s wants to hand you a ticket. You pay nothing for it.")
            % {"giver": _name(offer.giver)},
            _("Log in with this e-mail address and accept it:"),
        ],
        facts=[
            *_facts(offer.ticket),
            (
                _("Accept before"),
                when_text(offer.ticket.reservation.schedule.hand_on_until),
            ),
        ],
        action=(_("Look at the ticket"), site_page(message, "ticket_offer", offer.pk)),
        notes=[
            _(
                "No account yet? Open one with this e-mail address and confirm it: the offer waits"
                " for you."
            ),
            _("If you do not know the sender, do nothing: the ticket stays with them."),
        ],
    )


def ticket_withdrawn(message: OutgoingMessage) -> Letter:
    offer = _offer(message)
    return Letter(
        subject=_("A ticket is no longer offered to you: %(title)s")
        % {"title": _title(offer.ticket)},
        heading=_("A ticket is no longer offered to you"),
        paragraphs=[
            _("%(giver)s has withdrawn the offer. There is nothing you need to do.")
            % {"giver": _name(offer.giver)}
        ],
        facts=_facts(offer.ticket),
    )


def ticket_accepted(message: OutgoingMessage) -> Letter:
    offer = _offer(message)
    return Letter(
        subject=_("Your ticket was accepted: %(title)s") % {"title": _title(offer.ticket)},
        heading=_("Your ticket was accepted"),
        paragraphs=[
            _("%(email)s has accepted your ticket.") % {"email": offer.email},
            _("Your QR code has ended: delete prints and pictures of it."),
        ],
        facts=_facts(offer.ticket),
        notes=[_("If you did not offer this ticket, tell us at once and choose a new password.")],
    )


def ticket_received(message: OutgoingMessage) -> Letter | None:
    """None when the receiver has handed it on since, or it is not valid any more."""
    assert message.user is not None, "the receiver has an account"
    offer = _offer(message)
    found = described_tickets(user=message.user, ticket_ids=[str(offer.ticket_id)])
    shown = [each for each in map(describe, found) if not each.state.is_over]
    if not shown:
        return None
    return Letter(
        subject=_("Your ticket: {title}").format(title=shown[0].title),
        heading=_("The ticket is yours"),
        paragraphs=[
            _("The ticket of %(giver)s is yours now, with a new QR code:")
            % {"giver": _name(offer.giver)}
        ],
        facts=_facts(offer.ticket),
        action=(_("To the ticket"), shown[0].page),
        pictures=qr_pictures(message, shown),
        attachments=ticket_files(message, shown),
        notes=[_("Only its buyer can cancel it. A refund goes to the buyer's balance.")],
    )


def ticket_declined(message: OutgoingMessage) -> Letter | None:
    offer = _offer(message)
    if offer.ticket.user_id != message.user_id:
        return None
    return Letter(
        subject=_("Your ticket was declined: %(title)s") % {"title": _title(offer.ticket)},
        heading=_("Your ticket was declined"),
        paragraphs=[
            _("%(email)s does not take your ticket. It stays yours, and so does its QR code.")
            % {"email": offer.email}
        ],
        facts=_facts(offer.ticket),
        action=(_("To the ticket"), site_page(message, "ticket", offer.ticket_id)),
    )


def received_ticket_cancelled(message: OutgoingMessage) -> Letter:
    """To the holder of a ticket that was handed on, of a cancelled schedule."""
    found = Ticket.objects.select_related("seat", "reservation__schedule__concert")
    ticket = found.get(pk=message.data["ticket"])
    reason = ticket.reservation.schedule.cancel_reason
    return Letter(
        subject=_("Performance cancelled: %(title)s") % {"title": _title(ticket)},
        heading=_("This performance was cancelled."),
        paragraphs=[
            *([reason] if reason else []),
            _("Your ticket was handed to you: its buyer is refunded."),
        ],
        facts=_facts(ticket),
    )


def _offer(message: OutgoingMessage) -> Any:
    return find_offer(offer_id=UUID(message.data["offer"]))


def _name(user: User) -> str:
    return _("Another buyer") if OF_LINKS & set(user.name) else user.name


def _title(ticket: Ticket) -> str:
    return told_as_text(ticket.reservation.schedule.concert, "title")


def _facts(ticket: Ticket) -> list[tuple[str, str]]:
    schedule = ticket.reservation.schedule
    return [
        (pgettext("of a ticket", "Show"), _title(ticket)),
        (_("Date and time"), when_text(schedule.start_at)),
        (_("Seat"), ticket.seat.label),
    ]


# All are owed: they tell of a right that was given, taken or lost.
LETTERS = {
    "ticket_offered": LetterKind(ticket_offered, gettext_lazy("A ticket for you")),
    "ticket_withdrawn": LetterKind(
        ticket_withdrawn, gettext_lazy("A ticket is no longer offered to you")
    ),
    "ticket_accepted": LetterKind(ticket_accepted, gettext_lazy("Your ticket was accepted")),
    "ticket_received": LetterKind(
        ticket_received, gettext_lazy("The ticket is yours"), needs_proof=True
    ),
    "ticket_declined": LetterKind(ticket_declined, gettext_lazy("Your ticket was declined")),
    "received_ticket_cancelled": LetterKind(
        received_ticket_cancelled, gettext_lazy("This performance was cancelled.")
    ),
}
