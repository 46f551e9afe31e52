"""Won, and the reasons why some did not move, as people read them."""

from django import template
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

register = template.Library()

# The ledger's and the payments' reasons are codes; a gateway may send words of its own.
REASONS: dict[str, str | Promise] = {
    "card_declined": _("The card was declined"),
    "limit_exceeded": _("Over the card's limit"),
    "card_expired": _("The card has expired"),
    "insufficient_balance": _("Not enough balance"),
    "hold_expired": _("The hold had expired"),
    "cancelled": _("Cancelled by the buyer"),
    "rehearsal": _("Rehearsal"),
    "schedule_cancelled": _("The performance was cancelled"),
}


@register.filter
def won(amount: int) -> str:
    """50000 as 50,000원, or as ₩50,000 for those who do not read Korean."""
    if get_language() == "ko":
        return f"{amount:,}원"
    return f"-₩{-amount:,}" if amount < 0 else f"₩{amount:,}"


@register.filter
def reason(code: str) -> str:
    """A reason in words; one that we do not know as it is."""
    return str(REASONS.get(code, code))
