"""The pages of the balance."""

import uuid
from functools import partial

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

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
    else:
        form = ChargeForm(initial={"amount": request.GET.get("amount")})
    if form.is_valid():
        _charge(request, **form.cleaned_data)
        return redirect(next_page(request) or "balance")
    wanted = request.GET.get("type", "")
    shown = wanted if wanted in BalanceHistory.Type.values else ""
    newest = partial(ledger.newest_lines, user=request.user, type=shown)
    lines = partial(ledger.balance_history, user=request.user, type=shown)
    context = {
        "form": form,
        "steps": STEPS,
        "declined": _declined_test_amounts(),
        "amount": request.user.won,
        "types": BalanceHistory.Type.choices,
        "shown": shown,
        "page": page_of_newest(request, newest, lines),
    }
    return render(request, "accounts/balance.html", context)


def _charge(request: MemberRequest, amount: int, key: uuid.UUID) -> None:
    if run_once(
        request,
        key,
        ["charge", amount],
        lambda once: charges.charge(user=request.user, amount=amount, once=once),
    ):
        messages.success(request, _("Your balance has been charged."))
    else:
        messages.info(request, _("This charge was already made; it was not made again."))


def _declined_test_amounts() -> dict[int, str]:
    return SandboxGateway.DECLINED_AMOUNTS if isinstance(get_gateway(), SandboxGateway) else {}
