"""The pages of the balance."""

import uuid
from functools import partial

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.errors import ChargeDeclined, GatewayUnavailable
from accounts.forms import ChargeForm
from accounts.models import BalanceHistory
from accounts.requests import MemberRequest
from accounts.run_once import run_once
from accounts.services import charges, ledger
from accounts.top_up_form import asked_before, top_up_context, why_not_charged
from concertbook.http.page_numbers import page_of_newest
from concertbook.http.redirects import next_page


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
