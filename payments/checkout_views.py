"""The pages of paying: checkout, order, orders, letting go of a held seat.

Every form is answered with a redirect, so that a reload, which the end of the time causes too,
sends nothing again. What a form lacked is in the address of the redirect.
"""

import uuid
from functools import partial
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.errors import ChargeDeclined, GatewayUnavailable, InsufficientBalance
from accounts.forms import ChargeForm, OnceForm, read_key
from accounts.requests import MemberRequest
from accounts.run_once import run_once
from accounts.top_up_form import asked_before, top_up_context, why_not_charged
from concertbook.errors import DomainError, NotFound
from concertbook.http.page_numbers import page_of_newest
from concerts.models import Seat
from concerts.refund_policy import RefundPolicy
from payments.errors import AlreadyPaid, HoldExpired
from payments.purchase_bar import purchase_context
from payments.services import (
    checkout,
    group_commits,
    orders,
    releases,
    reservations,
    top_ups,
)
from payments.services.purchases import PAYMENT, Purchase, purchase_until

# The prefix of the top-up's fields: the form has a key for the charge and one for the payment.
TOP_UP = "top_up"
LONGEST_AMOUNT = 20


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def check_out(request: MemberRequest) -> HttpResponse:
    if request.method == "POST":
        return _buy(request)
    my_holds = reservations.my_holds(user=request.user)
    return _show(request, my_holds) if my_holds else _show_empty(request)


def _buy(request: MemberRequest) -> HttpResponse:
    """Top up, if the form says so, and pay."""
    wanted = _wanted(request)
    key = read_key(request.POST)
    if "agreed" not in request.POST:
        return _ask_again(request, missing="agreement")
    try:
        refused = _top_up(request, wanted) if f"{TOP_UP}-key" in request.POST else None
        if refused:
            return refused
        _pay(request, wanted, key)
    except (InsufficientBalance, HoldExpired, AlreadyPaid) as refusal:
        return _not_paid(request, refusal)
    # Whether sent once or twice: the payment is done, and the answer is the same.
    messages.success(request, _("Paid. Here are your tickets."))
    return redirect("order", wanted[0])


def _wanted(request: MemberRequest) -> list[uuid.UUID]:
    try:
        wanted = [uuid.UUID(each) for each in request.POST.getlist("reservations")]
    except ValueError:
        raise NotFound from None
    if not wanted:
        raise NotFound
    return wanted


def _top_up(request: MemberRequest, wanted: list[uuid.UUID]) -> HttpResponse | None:
    """The answer to a top-up that was not made; None for one that was, now or before."""
    form = ChargeForm(request.POST, prefix=TOP_UP)
    if not form.is_valid():
        return _ask_again(request, wrong="amount")
    amount, key = form.cleaned_data["amount"], form.cleaned_data["key"]
    try:
        run_once(
            request,
            key,
            ["charge", amount],
            lambda once: top_ups.top_up_for(
                user=request.user, reservation_ids=wanted, amount=amount, once=once
            ),
        )
    except (ChargeDeclined, GatewayUnavailable) as refusal:
        return _ask_again(request, **why_not_charged(refusal, amount=amount, key=key))
    return None


def _pay(request: MemberRequest, wanted: list[uuid.UUID], key: uuid.UUID) -> None:
    run_once(
        request,
        key,
        ["pay", sorted(map(str, wanted))],
        lambda once: checkout.pay_reservations(
            user=request.user, reservation_ids=wanted, once=once, act=group_commits.pay
        ),
    )


def _not_paid(request: MemberRequest, refusal: DomainError) -> HttpResponse:
    if isinstance(refusal, AlreadyPaid):
        messages.info(request, _("These seats are paid already. Nothing was paid twice."))
        return redirect("order", refusal.extra["reservation"])
    if not isinstance(refusal, HoldExpired):
        messages.error(request, str(refusal.message))
    # Of a hold that has ended the page tells itself.
    return redirect("checkout")


def _ask_again(request: MemberRequest, **query: str) -> HttpResponse:
    """Back to the checkout, with the amount that was typed."""
    if amount := request.POST.get(f"{TOP_UP}-amount"):
        query["amount"] = amount[:LONGEST_AMOUNT]
    # Browsers set no autofocus where the address has a fragment.
    place = "" if "missing" in query else "#pay"
    return redirect(f"{reverse('checkout')}?{urlencode(query)}{place}")


def _show(request: MemberRequest, my_holds: list[Any]) -> HttpResponse:
    total = sum(hold.price for hold in my_holds)
    balance = request.user.won
    short = max(0, total - balance)
    context = {
        "my_holds": my_holds,
        "has_wheelchair": any(hold.seat.kind == Seat.Kind.WHEELCHAIR for hold in my_holds),
        "total": total,
        "balance": balance,
        "after": balance - total,
        "short": short,
        "terms": _refund_terms(my_holds),
        "is_agreement_missing": request.GET.get("missing") == "agreement",
        "once": OnceForm(),
        **purchase_context(request, _purchase(my_holds[0])),
    }
    if short:
        context |= _context_of_top_up(request, short)
    return render(request, "payments/checkout.html", context)


def _purchase(first: Any) -> Purchase:
    """For the bar: the hold that ends first."""
    return purchase_until(
        first.expires_at, first.read_at, step=PAYMENT, schedule_id=first.schedule_id
    )


def _context_of_top_up(request: MemberRequest, short: int) -> dict[str, Any]:
    initial = {"amount": short, **asked_before(request)}
    form = ChargeForm(prefix=TOP_UP, initial=initial)
    if request.GET.get("wrong") == "amount":
        amount = request.GET.get("amount", "")
        data = {f"{TOP_UP}-amount": amount, f"{TOP_UP}-key": uuid.uuid4()}
        form = ChargeForm(data, prefix=TOP_UP)
    return {**top_up_context(request), "top_up": form}


def _refund_terms(my_holds: list[Any]) -> list[dict[str, Any]]:
    """For each performance what cancelling will cost, and until when."""
    performances = {hold.schedule_id: hold for hold in my_holds}.values()
    return [
        {
            "schedule": hold.schedule,
            "steps": RefundPolicy.parse(hold.schedule.concert.refund_policy).steps_left(
                start_at=hold.schedule.start_at, now=hold.read_at
            ),
        }
        for hold in performances
    ]


def _show_empty(request: MemberRequest) -> HttpResponse:
    last = reservations.last_purchase(user=request.user)
    if last and last.ended == "CONFIRMED":
        # Back after the payment.
        return redirect("order", last.first.pk)
    # The page itself says what the bar would.
    context = {"last": last, "purchase": None} if last else {}
    return render(request, "payments/no_holds.html", context)


@login_required
@require_safe
def order(request: MemberRequest, reservation_id: uuid.UUID) -> HttpResponse:
    found = orders.get_order(user=request.user, reservation_id=reservation_id)
    return render(request, "payments/order.html", {"order": found})


@login_required
@require_safe
def reservation_list(request: MemberRequest) -> HttpResponse:
    mine = partial(reservations.my_reservations, user=request.user)
    newest = partial(reservations.newest_reservations, user=request.user)
    page = page_of_newest(request, newest, mine)
    return render(request, "payments/orders.html", {"page": page})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def release_reservation(request: MemberRequest, reservation_id: uuid.UUID) -> HttpResponse:
    if request.method != "POST":
        # A form sent after the log-in expired: back to the page with the button.
        return redirect("checkout")
    releases.release_reservation(user=request.user, reservation_id=reservation_id)
    messages.success(request, _("You have let go of the seat."))
    return redirect("checkout")
