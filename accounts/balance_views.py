"""The pages of the balance."""

import uuid
from functools import partial
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.errors import ChargeDeclined, GatewayUnavailable
from accounts.forms import ChargeForm
from accounts.gateway import SandboxGateway, get_gateway
from accounts.models import BalanceHistory
from accounts.requests import MemberRequest
from accounts.run_once import run_once
from accounts.services import charges, ledger
from concertbook.http.page_numbers import page_of_newest
from concertbook.http.redirects import next_page

# The amounts, in won, that the buttons next to the field add.
STEPS = (10_000, 50_000, 100_000)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def balance(request: MemberRequest) -> HttpResponse:
    if request.method == "POST":
        form = ChargeForm(request.POST)
        if form.is_valid():
            return _charge(request, **form.cleaned_data)
    else:
        form = ChargeForm(initial=asked_before(request))
    wanted = request.GET.get("type", "")
    shown = wanted if wanted in BalanceHistory.Type.values else ""
    newest = partial(ledger.newest_lines, user=request.user, type=shown)
    lines = partial(ledger.balance_history, user=request.user, type=shown)
    context = {
        **top_up_context(request),
        "form": form,
        "amount": request.user.won,
        "types": BalanceHistory.Type.choices,
        "shown": shown,
        "page": page_of_newest(request, newest, lines),
    }
    return render(request, "accounts/balance.html", context)


def _charge(request: MemberRequest, amount: int, key: uuid.UUID) -> HttpResponse:
    try:
        is_new = run_once(
            request,
            key,
            ["charge", amount],
            lambda once: charges.charge(user=request.user, amount=amount, once=once),
        )
    except (ChargeDeclined, GatewayUnavailable) as refusal:
        query = request.GET.dict() | why_not_charged(refusal, amount=amount, key=key)
        return redirect(f"{request.path}?{urlencode(query)}")
    if is_new:
        messages.success(request, _("Your balance has been charged."))
    else:
        messages.info(request, _("This charge was already made; it was not made again."))
    return redirect(next_page(request) or "balance")


# A top-up that failed leads back to its page, whose address says what to show. A page that answers
# the form itself would be sent again by a reload, which the end of a hold causes too.


def why_not_charged(
    refusal: ChargeDeclined | GatewayUnavailable, *, amount: object, key: uuid.UUID
) -> dict[str, str]:
    """The query of the page that asks again.

    After an unknown outcome it has the same key, so that the charge is made once even if the first
    one went through.
    """
    if isinstance(refusal, ChargeDeclined):
        return {"declined": "1", "amount": str(amount)}
    return {"again": str(key), "amount": str(amount)}


def asked_before(request: HttpRequest) -> dict[str, str]:
    """The initial values of the form, from the page's query."""
    query = {"amount": request.GET.get("amount"), "key": request.GET.get("again")}
    return {name: value for name, value in query.items() if value}


def top_up_context(request: MemberRequest) -> dict[str, Any]:
    """What the template of an amount shows besides the field."""
    return {
        "steps": STEPS,
        "test_amounts": _declined_test_amounts(),
        "declined": _last_decline(request) if "declined" in request.GET else None,
        "is_unanswered": "again" in request.GET,
    }


def _last_decline(request: MemberRequest) -> BalanceHistory | None:
    """The last charge, if it was declined: what an address says may be old or invented."""
    last = next(iter(ledger.newest_lines(user=request.user, type="CHARGE", most=1)), None)
    return last if last and last.status == BalanceHistory.Status.FAILED else None


def _declined_test_amounts() -> dict[int, str]:
    return SandboxGateway.DECLINED_AMOUNTS if isinstance(get_gateway(), SandboxGateway) else {}
