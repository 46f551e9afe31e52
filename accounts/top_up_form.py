"""The form of a top-up, on the balance page and at the checkout.

A top-up that failed leads back to its page, whose address says what to show. A page that answers
the form itself would be sent again by a reload, which the end of a hold causes too.
"""

import uuid
from typing import Any

from django.http import HttpRequest

from accounts.errors import ChargeDeclined, GatewayUnavailable
from accounts.gateway import SandboxGateway, get_gateway
from accounts.models import BalanceHistory
from accounts.requests import MemberRequest
from accounts.services import ledger

# The amounts, in won, that the buttons next to the field add.
STEPS = (10_000, 50_000, 100_000)


def why_not_charged(
    refusal: ChargeDeclined | GatewayUnavailable, *, amount: int, key: uuid.UUID
) -> dict[str, str]:
    """The query of the page that asks again.

    After an unknown outcome it has the same key, so that the charge is made once even if the first
    one went through.
    """
    why = {"declined": "1"} if isinstance(refusal, ChargeDeclined) else {"again": str(key)}
    return {**why, "amount": str(amount)}


def asked_before(request: HttpRequest) -> dict[str, str]:
    """The initial values of the form, from the page's query."""
    query = {"amount": request.GET.get("amount"), "key": request.GET.get("again")}
    return {name: value for name, value in query.items() if value}


def top_up_context(request: MemberRequest) -> dict[str, Any]:
    """What templates/accounts/amount.html shows besides the field."""
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
