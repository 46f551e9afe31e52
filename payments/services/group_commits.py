"""Holds and payments of the pages: those that arrive at the same moment share a transaction.

Those of the API have group commits of their own (payments/fast_path), which also authenticate.
"""

from collections.abc import Callable
from typing import TypeVar

from django.db import connection

from accounts.services.idempotency import AnsweredBefore
from concertbook.db.group_commit import GroupCommit, Retry
from concertbook.errors import DomainError
from payments.models import Reservation
from payments.services import checkout, holds
from payments.services.carts import PaymentRequest
from payments.services.locked_sale import HoldRequest

Request = TypeVar("Request")
Result = TypeVar("Result")

HOLDS: GroupCommit[HoldRequest, list[Reservation]] = GroupCommit(holds.hold_by_schedule)
PAYMENTS: GroupCommit[PaymentRequest, checkout.Receipt] = GroupCommit(checkout.pay)


def hold(request: HoldRequest) -> holds.Outcome:
    """As holds.hold_one, together with others."""
    return _outcome(HOLDS, request, holds.hold_one)


def pay(request: PaymentRequest) -> checkout.Outcome:
    """As checkout.pay_one, together with others."""
    return _outcome(PAYMENTS, request, checkout.pay_one)


def _outcome(
    group: GroupCommit[Request, Result],
    request: Request,
    alone: Callable[[Request], Result | DomainError | AnsweredBefore | Retry],
) -> Result | DomainError | AnsweredBefore | Retry:
    if connection.in_atomic_block:
        # The group's connection would not see what the caller has yet to commit.
        return alone(request)
    try:
        return group.do(request)
    except Retry:
        return alone(request)
    except (DomainError, AnsweredBefore) as refusal:
        return refusal
