"""The bar on top of every page while a buyer's purchase runs: its step, and the time that is left.

``purchase`` in every template. It is looked for when base.html asks for it, and only for a visitor
with the cookie of concertbook.http.purchase_hint. A page that has read the admission or the holds
anyway passes its own by ``purchase_context``.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from concertbook.http.purchase_hint import ENDED, PurchaseHint, drop_hint, hint, read_hint
from payments.services.purchases import PAYMENT, Purchase, find_purchase


def context_processor(request: HttpRequest) -> Mapping[str, Any]:
    return {"purchase": SimpleLazyObject(partial(_find, request))}


def _find(request: HttpRequest) -> Purchase | None:
    hinted = read_hint(request)
    if hinted is None:
        return None
    purchase = None
    if request.user.is_authenticated:
        purchase = find_purchase(user=request.user, schedule_id=hinted.schedule_id)
    _follow(request, purchase)
    return purchase


def _follow(request: HttpRequest, purchase: Purchase | None) -> None:
    if purchase is None:
        drop_hint(request)
    else:
        hint(request, PurchaseHint(purchase.schedule_id, purchase.step or ENDED))


def purchase_context(request: HttpRequest, purchase: Purchase) -> Mapping[str, Any]:
    """The bar of a page that knows the purchase. Where a hold has just ended, that is asked for."""
    hinted = read_hint(request)
    if purchase.step != PAYMENT and hinted is not None and hinted.step == PAYMENT:
        return {"purchase": _find(request)}
    _follow(request, purchase)
    return {"purchase": purchase}
