"""The messages about what a user bought, each written from the state when it is sent."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext

from accounts.letter import Attachment, Choice, Letter, LetterKind, Picture
from accounts.models import OutgoingMessage
from concertbook.templatetags.money import won
from concertbook.templatetags.times import clock_text, when_text
from concerts.models import ConcertSchedule, ScheduleMove
from concerts.refund_policy import Basis, RefundPolicy, is_moved
from concerts.templatetags.sales import told_as_text
from payments import ticket_calendar, ticket_pdf
from payments.errors import HoldExpired
from payments.models import (
    SCHEDULE_CANCELLED,
    Payment,
    Refund,
    Reservation,
    Ticket,
    TicketMove,
)
from payments.qr_codes import qr_png
from payments.services.move_news import is_news
from payments.services.tickets import described_tickets, handed_on_tickets, tickets_for_show
from payments.ticket_document import REFUND_TERMS, TicketDocument, describe
from payments.wallets import apple, google

Facts = list[tuple[str, str]]


def tickets(message: OutgoingMessage) -> Letter | None:
    """None when the buyer has none of these tickets any more, or their shows are over."""
    now = timezone.now()
    described = _described(message)
    shown = [each for each in described if not each.state.is_over and each.ends_at > now]
    if not shown:
        return None
    several = len(shown) > 1
    first = shown[0]
    subject = _("Your tickets: {title}") if several else _("Your ticket: {title}")
    is_whole = may_have_codes(message)
    return Letter(
        subject=subject.format(title=first.title),
        heading=_heading(several) if is_whole else _("Your seats are booked"),
        paragraphs=[
            _(
                "Show the code at the door, on your phone or on paper. Each code lets one person"
                " in, once."
            )
        ]
        if is_whole
        else _why_without_codes(),
        facts=[
            *_facts_of_shows(shown),
            (_("Paid from the balance"), won(sum(each.price for each in shown))),
            (_("Order number"), first.order),
        ],
        action=(_show_tickets(len(shown)), first.page),
        pictures=qr_pictures(message, shown),
        attachments=ticket_files(message, shown),
        notes=[
            *([_("The PDF is for printing; the calendar file keeps the evening free.")] * is_whole),
            *_refund_notes(first),
            *([_not_to_share()] * is_whole),
        ],
    )


def _heading(several: bool) -> str:
    return _("Here are your tickets") if several else _("Here is your ticket")


def _not_to_share() -> str:
    return _(
        "Do not share the code: the first who shows it gets in. To give the ticket away,"
        " hand it on from its page."
    )


def _why_without_codes() -> list[str]:
    return [
        _(
            "You have not confirmed your e-mail address yet. If it has a typing error, this mail"
            " goes to another person. So it comes without the codes for the door and without the"
            " PDF."
        ),
        _(
            "Confirm the address in your account, and we send you the tickets with their codes:"
            " {address}"
        ).format(address=_address("account")),
    ]


def payment_failed(message: OutgoingMessage) -> Letter | None:
    """None when the seats were paid after all."""
    ids = message.data["payments"]
    found = Payment.objects.filter(pk__in=ids, status=Payment.Status.FAILED)
    payments = list(
        found.select_related("reservation__seat", "reservation__schedule__concert").order_by(
            "reservation__seat__number"
        )
    )
    statuses = {each.reservation.status for each in payments}
    if not payments or Reservation.Status.CONFIRMED in statuses:
        return None
    return Letter(
        subject=_("Your payment was not made"),
        paragraphs=[_why_not_paid(payments), _("No money was taken from your balance.")],
        facts=[
            *_facts_of_schedule(payments[0].reservation.schedule),
            *((_("Seat"), _seat_words(each.reservation.seat)) for each in payments),
            (_("Total"), won(sum(each.amount for each in payments))),
        ],
        action=_what_next(payments),
    )


def _why_not_paid(payments: Sequence[Payment]) -> str:
    if payments[0].reason == HoldExpired.code:
        return _("The time to pay was over, so the seats were released.")
    held = [each.reservation for each in payments if _is_held(each.reservation)]
    if not held:
        return _("Your balance was too low, and the seats have been released since.")
    ends = min(each.expires_at for each in held)
    return _("Your balance is too low. The seats are yours until {time}.").format(
        time=clock_text(ends)
    )


def _what_next(payments: Sequence[Payment]) -> tuple[str, str]:
    if any(_is_held(each.reservation) for each in payments):
        return (_("Top up and pay"), _address("checkout"))
    schedule = payments[0].reservation.schedule
    return (_("Choose seats again"), _address("concert_detail", schedule.concert_id))


def _is_held(reservation: Reservation) -> bool:
    # A mail takes seconds: the machine's clock is near enough for its words.
    is_over = reservation.is_overdue(timezone.now())
    return reservation.status == Reservation.Status.HOLD and not is_over


def ticket_cancelled(message: OutgoingMessage) -> Letter | None:
    refund = _find_refund(message.data["refund"])
    ticket = refund.payment.reservation.ticket
    document = describe(ticket)
    return Letter(
        subject=_("Your ticket was cancelled: {title}").format(title=document.title),
        heading=_("Your ticket was cancelled"),
        paragraphs=[
            _("{sum} went back to your balance.").format(sum=won(refund.amount)),
            _why_this_fee(refund, document),
        ],
        facts=[
            *_facts_of_show(document),
            (_("Seat"), _seat_text(document)),
            (_("Price paid"), won(refund.payment.amount)),
            (_("Cancellation fee"), won(refund.fee)),
            (_("Back to your balance"), won(refund.amount)),
            *_compensation([refund]),
            (_("Order number"), document.order),
        ],
        action=(_("Balance history"), _address("balance")),
        attachments=[calendar_attachment([document])],
        notes=[
            _("The attached calendar file takes the evening out of your calendar."),
            _("The code of this ticket is not valid any more."),
        ],
    )


def ticket_moved(message: OutgoingMessage) -> Letter | None:
    """To the holder with the new code, and to the buyer of a ticket that was handed on without it.

    None when it was moved again, or is not valid any more."""
    assert message.user is not None, "holder and buyer have accounts"
    moves = TicketMove.objects.select_related(
        "from_seat", "to_seat", "ticket__reservation__schedule__concert"
    )
    move = moves.get(pk=message.data["move"])
    ticket = move.ticket
    if ticket.seat_id != move.to_seat_id or ticket.status != Ticket.Status.ISSUED:
        return None
    found = described_tickets(user=message.user, ticket_ids=[str(ticket.pk)])
    shown = [describe(each) for each in found]
    schedule = ticket.reservation.schedule
    return Letter(
        subject=_("Your seat has changed: {title}").format(
            title=told_as_text(schedule.concert, "title")
        ),
        heading=_("Your seat has changed"),
        paragraphs=[
            _("We have moved your ticket to another seat of the same performance."),
            _("Only its new code is good at the door: delete prints and pictures of the old one."),
        ],
        facts=[
            *_facts_of_schedule(schedule),
            (_("Old seat"), _seat_words(move.from_seat)),
            (_("New seat"), _seat_words(move.to_seat)),
        ],
        action=(_show_tickets(1), shown[0].page) if shown else None,
        pictures=qr_pictures(message, shown),
        attachments=ticket_files(message, shown) if shown else [],
        notes=[_("You pay nothing for it, and cancelling pays back what the ticket cost.")],
    )


def _why_this_fee(refund: Refund, document: TicketDocument) -> str:
    """By the rules that decided it (concerts.refund_policy)."""
    if refund.reason == SCHEDULE_CANCELLED:
        return _("The performance was cancelled, so there is no fee.")
    ticket = refund.payment.reservation.ticket
    fee = RefundPolicy.parse(ticket.refund_policy).fee(
        price=refund.payment.amount,
        bought_at=ticket.created_at,
        sold_for=ticket.start_at,
        start_at=document.starts_at,
        now=refund.created_at,
    )
    if fee.basis == Basis.MOVED:
        return _("The date of the show had changed, so there is no fee.")
    if fee.basis == Basis.JUST_BOUGHT:
        return _("You had just bought the ticket, so there is no fee.")
    if not refund.fee:
        return _("It was cancelled early enough: there is no fee.")
    days = (timezone.localdate(document.starts_at) - timezone.localdate(refund.created_at)).days
    if not days:
        text = _(
            "The fee is %(percent)s %% of the price, by the refund terms of this ticket for a"
            " cancellation on the day of the show."
        )
    else:
        text = ngettext(
            "The fee is %(percent)s %% of the price, by the refund terms of this ticket for a"
            " cancellation %(days)s day before the show.",
            "The fee is %(percent)s %% of the price, by the refund terms of this ticket for a"
            " cancellation %(days)s days before the show.",
            days,
        )
    return text % {"percent": fee.percent, "days": days}


def _why_more(refunds: Sequence[Refund]) -> list[str]:
    total = sum(refund.compensation for refund in refunds)
    text = _("%(sum)s was added as compensation, as the organiser was at fault.")
    return [text % {"sum": won(total)}] if total else []


def _compensation(refunds: Sequence[Refund]) -> Facts:
    total = sum(refund.compensation for refund in refunds)
    return [(_("Compensation"), won(total))] if total else []


def show_cancelled(message: OutgoingMessage) -> Letter | None:
    schedule = ConcertSchedule.objects.select_related("concert").get(pk=message.data["schedule"])
    theirs = Refund.objects.filter(
        payment__user=message.user_id,
        payment__reservation__seat__schedule=schedule,
        reason=SCHEDULE_CANCELLED,
    )
    refunds = list(
        theirs.select_related("payment__reservation__seat").order_by(
            "payment__reservation__seat__number"
        )
    )
    title = told_as_text(schedule.concert, "title")
    total = won(sum(refund.amount for refund in refunds))
    refunded = (
        _("You were refunded in full: {sum} went back to your balance.").format(sum=total)
        if refunds
        else _("The price was refunded to the buyer of your ticket.")
    )
    return Letter(
        subject=_("Cancelled: {title}").format(title=title),
        heading=_("This performance was cancelled."),
        paragraphs=[
            _("We are sorry: {title} does not take place.").format(title=title),
            *([schedule.cancel_reason] if schedule.cancel_reason else []),
            " ".join([refunded, *_why_more(refunds), _("There is nothing left for you to do.")]),
        ],
        facts=[
            *_facts_of_schedule(schedule),
            *((_("Seat"), _seat_words(each.payment.reservation.seat)) for each in refunds),
            *([(_("Back to your balance"), total)] if refunds else []),
            *_compensation(refunds),
        ],
        action=(_("Balance history"), _address("balance"))
        if refunds
        else (_("My tickets"), _address("ticket_list")),
    )


def show_moved(message: OutgoingMessage) -> Letter | None:
    """To the holders of tickets, and to the buyers of tickets that were handed on, who alone can
    cancel them.

    None when the show was moved again or cancelled since, or the tickets given back.
    """
    move = ScheduleMove.objects.select_related("schedule__concert").get(pk=message.data["move"])
    if not is_news(move) or message.user is None:
        return None
    held = tickets_for_show(user=message.user, schedule_id=move.schedule_id)
    shown = [describe(each) for each in held]
    given = handed_on_tickets(user=message.user, schedule_id=move.schedule_id)
    if not shown:
        return _given_show_moved(move, given) if given else None
    first = shown[0]
    before = first.announced_at if first.was_moved else move.from_start_at
    is_another_day = is_moved(sold_for=first.announced_at, start_at=first.starts_at)
    # A holder to whom a ticket was handed cannot cancel it.
    is_free = is_another_day and any(each.refund_steps for each in shown)
    files = ticket_files(message, shown)
    return Letter(
        subject=_("Moved: {title}").format(title=first.title),
        heading=_("The show has a new time"),
        paragraphs=[
            _("It now begins on {moment}. Your ticket stays valid, with the same code.").format(
                moment=when_text(first.starts_at)
            ),
            *([_free_of_charge()] if is_free else []),
            *_news_of_given(given),
        ],
        facts=[
            (pgettext("of a ticket", "Show"), first.title),
            (_("New time"), when_text(first.starts_at)),
            (_("Old time"), when_text(before)),
            *_facts_of_venue(first),
            *((_("Seat"), _seat_text(each)) for each in shown),
        ],
        action=(_show_tickets(len(shown)), first.page),
        attachments=files,
        notes=[*([_of_the_files()] if files else []), *_notes_of_wallets()],
    )


def _of_the_files() -> str:
    return _(
        "The attached PDF has the new time; the calendar file moves the evening in your calendar."
    )


def _notes_of_wallets() -> list[str]:
    if not (apple.is_on() or google.is_on()):
        return []
    return [
        _(
            "A ticket in the wallet of your phone keeps the old time. Add it again from the"
            " ticket's page; the code is the same."
        )
    ]


def _given_show_moved(move: ScheduleMove, given: Sequence[Ticket]) -> Letter:
    schedule = move.schedule
    title = told_as_text(schedule.concert, "title")
    return Letter(
        subject=_("Moved: {title}").format(title=title),
        heading=_("The show has a new time"),
        paragraphs=[
            _("It now begins on {moment}.").format(moment=when_text(schedule.start_at)),
            *_news_of_given(given),
        ],
        facts=[
            (pgettext("of a ticket", "Show"), title),
            (_("New time"), when_text(schedule.start_at)),
            (_("Old time"), when_text(given[0].start_at)),
            *((_("Seat"), _seat_words(each.seat)) for each in given),
        ],
        action=(_("My tickets"), _address("ticket_list")),
    )


def _news_of_given(given: Sequence[Ticket]) -> list[str]:
    """What the buyer of tickets that were handed on may do; no name of who has them now."""
    if not given:
        return []
    told = _("You bought a ticket for it and handed it on. Its holder is told, too.")
    ticket = given[0]
    if not is_moved(sold_for=ticket.start_at, start_at=ticket.reservation.schedule.start_at):
        return [told]
    return [
        told,
        _(
            "As the date has changed, you may cancel it free of charge until the show begins, once"
            " its holder has handed it back to you."
        ),
    ]


def _show_tickets(count: int) -> str:
    return ngettext("Show the ticket", "Show the tickets", count)


def _free_of_charge() -> str:
    return _(
        "As the date has changed, you may cancel your ticket free of charge until the show begins:"
        " you get the full price back."
    )


def may_have_codes(message: OutgoingMessage) -> bool:
    """Whether the mailbox is known to be the user's: a ticket's code lets its reader in."""
    return message.user is not None and message.user.email_verified


def qr_pictures(message: OutgoingMessage, shown: Sequence[TicketDocument]) -> list[Picture]:
    """The codes, for an address that is confirmed."""
    if not may_have_codes(message):
        return []
    return [qr_picture(each, number) for number, each in enumerate(shown, start=1)]


def ticket_files(message: OutgoingMessage, shown: Sequence[TicketDocument]) -> list[Attachment]:
    """PDF and calendar file, for an address that is confirmed."""
    if not may_have_codes(message):
        return []
    return [pdf_attachment(shown), calendar_attachment(shown)]


def _described(message: OutgoingMessage) -> list[TicketDocument]:
    if message.user is None:
        return []
    found = described_tickets(user=message.user, ticket_ids=message.data["tickets"])
    return [describe(each) for each in found]


def _find_refund(refund_id: str) -> Any:
    """A Refund whose ticket can be described as it was at the refund."""
    refund: Any = Refund.objects.select_related(
        *("payment__reservation__ticket__user", "payment__reservation__ticket__seat"),
        "payment__reservation__schedule__concert",
    ).get(pk=refund_id)
    refund.payment.reservation.ticket.read_at = refund.created_at
    return refund


def _facts_of_shows(shown: Sequence[TicketDocument]) -> Facts:
    """Each show, followed by the seats in it."""
    facts: Facts = []
    for at, each in enumerate(shown):
        if at == 0 or each.schedule_id != shown[at - 1].schedule_id:
            facts += _facts_of_show(each)
        facts.append((_("Seat"), f"{_seat_text(each)} · {won(each.price)}"))
    return facts


def _facts_of_show(ticket: TicketDocument) -> Facts:
    return [
        (pgettext("of a ticket", "Show"), ticket.title),
        (_("Date and time"), when_text(ticket.starts_at)),
        *_facts_of_venue(ticket),
    ]


def _facts_of_venue(ticket: TicketDocument) -> Facts:
    place = ", ".join(filter(None, [ticket.venue, ticket.address]))
    return [(_("Venue"), place)] if place else []


def _facts_of_schedule(schedule: ConcertSchedule) -> Facts:
    venue = told_as_text(schedule.concert, "venue")
    return [
        (pgettext("of a ticket", "Show"), told_as_text(schedule.concert, "title")),
        (_("Date and time"), when_text(schedule.start_at)),
        *([(_("Venue"), venue)] if venue else []),
    ]


def _seat_text(ticket: TicketDocument) -> str:
    kind = ticket.kind_name if ticket.is_special else ""
    return " · ".join(filter(None, [ticket.label, ticket.grade, kind]))


def _seat_words(seat: Any) -> str:
    return " · ".join(filter(None, [seat.label, seat.grade]))


def _refund_notes(ticket: TicketDocument) -> list[str]:
    terms = ", ".join(" ".join(term) for term in ticket.refund_terms())
    return [f"{REFUND_TERMS}: {terms}."] if terms else []


def qr_picture(ticket: TicketDocument, number: int) -> Picture:
    return Picture(
        name=f"ticket-{number}.png",
        png=qr_png(ticket.code),
        alt=_("QR code for the door: {seat}").format(seat=ticket.label),
        caption=_seat_text(ticket),
    )


def pdf_attachment(shown: Sequence[TicketDocument]) -> Attachment:
    return Attachment("tickets.pdf", ticket_pdf.MEDIA_TYPE, ticket_pdf.write_pdf(shown))


def calendar_attachment(shown: Sequence[TicketDocument]) -> Attachment:
    written = ticket_calendar.write_ticket_calendar(shown)
    return Attachment("tickets.ics", ticket_calendar.MEDIA_TYPE, written)


def _address(name: str, *args: object) -> str:
    return str(settings.SITE_URL) + reverse(name, args=args)


LETTERS = {
    "tickets": LetterKind(tickets, gettext_lazy("Your tickets"), needs_proof=True),
    "payment_failed": LetterKind(
        payment_failed, gettext_lazy("Your payment was not made"), choice="payment_failed"
    ),
    "ticket_cancelled": LetterKind(ticket_cancelled, gettext_lazy("Your ticket was cancelled")),
    "ticket_moved": LetterKind(
        ticket_moved, gettext_lazy("Your seat has changed"), needs_proof=True
    ),
    "show_cancelled": LetterKind(show_cancelled, gettext_lazy("This performance was cancelled.")),
    "show_moved": LetterKind(show_moved, gettext_lazy("The show has a new time")),
}

CHOICES = {
    "payment_failed": Choice(
        gettext_lazy("Payments that were not made"),
        gettext_lazy("A mail when a payment fails, with what happened to the seats."),
    ),
}
