"""The pages of tickets: list, ticket with its QR code, cancellation."""

import uuid
from functools import cache, partial
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.forms import OnceForm, read_key
from accounts.requests import MemberRequest
from accounts.run_once import run_once
from concertbook.http.page_numbers import page_of_newest
from concerts.refund_policy import Basis, RefundPolicy, Step, is_moved
from payments.errors import AlreadyCancelled, CancellationClosed, NotTheBuyer, TicketUsed
from payments.qr_codes import qr_svg
from payments.services import ticket_cancellation, ticket_offers, tickets
from payments.ticket_document import describe
from payments.wallets import apple, google

NOT_CANCELLABLE = (AlreadyCancelled, TicketUsed, CancellationClosed, NotTheBuyer)


@login_required
@require_safe
def ticket_list(request: MemberRequest) -> HttpResponse:
    mine = partial(tickets.tickets_by_show, user=request.user)
    first = partial(tickets.first_tickets, user=request.user)
    page = page_of_newest(request, first, mine)
    shown = page.object_list
    # On the first page only, and by a statement of their own only if there are any.
    may_have_offers = page.number == 1 and (not shown or getattr(shown[0], "has_offers", True))
    offers = ticket_offers.offers_to(user=request.user) if may_have_offers else []
    return render(request, "payments/tickets.html", {"page": page, "offers": offers})


@login_required
@require_safe
def ticket(request: MemberRequest, ticket_id: uuid.UUID) -> HttpResponse:
    """The ticket, and beside it the user's other tickets that are good for the same show."""
    found = tickets.tickets_beside(user=request.user, ticket_id=ticket_id)
    shown = [_shown(each) for each in found]
    schedule = found[0].reservation.schedule
    context = {
        "ticket": found[0],
        "document": shown[0]["document"],
        "shown": shown,
        "schedule": schedule,
        "has_new_date": is_moved(sold_for=found[0].start_at, start_at=schedule.start_at),
        "has_apple_wallet": apple.is_on(),
        "has_google_wallet": google.is_on(),
    }
    response = render(request, "payments/ticket.html", context)
    # The service worker keeps the tickets of one user only: see static/js/sw.js.
    response["Ticket-Owner"] = salted_hmac(__name__, str(request.user.pk)).hexdigest()[:16]
    return response


@require_safe
def service_worker(request: HttpRequest) -> HttpResponse:
    """static/js/sw.js, at an address below which all pages are: it must see the log-out."""
    return HttpResponse(_service_worker(), content_type="text/javascript")


@cache
def _service_worker() -> bytes:
    return (settings.BASE_DIR / "static/js/sw.js").read_bytes()


def _shown(ticket: Any) -> dict[str, Any]:
    return {
        "ticket": ticket,
        "document": describe(ticket),
        "quote": _quote(ticket),
        "refund": ticket.refund,
        "may_be_offered": ticket_offers.may_be_offered(ticket),
    }


def _quote(ticket: Any) -> ticket_cancellation.Quote | None:
    try:
        return ticket_cancellation.quote_for(ticket)
    except NOT_CANCELLABLE:
        return None


@login_required
@require_safe
def ticket_qr(request: MemberRequest, ticket_id: uuid.UUID) -> HttpResponse:
    found = tickets.get_ticket(user=request.user, ticket_id=ticket_id)
    return HttpResponse(qr_svg(found), content_type="image/svg+xml")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def cancel_ticket(request: MemberRequest, ticket_id: uuid.UUID) -> HttpResponse:
    if request.method == "POST":
        run_once(
            request,
            read_key(request.POST),
            ["cancel", str(ticket_id)],
            lambda once: ticket_cancellation.cancel_ticket(
                user=request.user, ticket_id=ticket_id, once=once
            ),
        )
        messages.success(request, _("Cancelled. The refund is in your balance."))
        return redirect("ticket", ticket_id)
    found = tickets.get_ticket(user=request.user, ticket_id=ticket_id)
    try:
        quote = ticket_cancellation.quote_for(found)
    except NOT_CANCELLABLE as refusal:
        context = {"ticket": found, "refusal": refusal, "refund": found.refund}
        return render(request, "payments/cancel_refused.html", context, status=refusal.status)
    context = {
        "quote": quote,
        "ticket": found,
        "steps": _steps_left(found) if quote.basis in (Basis.LADDER, Basis.JUST_BOUGHT) else (),
        "once": OnceForm(),
    }
    return render(request, "payments/cancel.html", context)


def _steps_left(ticket: Any) -> list[Step]:
    return RefundPolicy.parse(ticket.refund_policy).steps_left(
        start_at=ticket.reservation.schedule.start_at, now=ticket.read_at
    )
