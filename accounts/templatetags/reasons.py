"""The reasons of the ledger and of payments, in words."""

from django import template
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

register = template.Library()

# Reasons in the ledger and in payments are codes; a gateway may send codes of its own.
REASONS: dict[str, str | Promise] = {
    "card_declined": _("The card was declined"),
    "limit_exceeded": _("Over the card's limit"),
    "card_expired": _("The card has expired"),
    "insufficient_balance": _("Not enough balance"),
    "hold_expired": _("The hold had expired"),
    "cancelled": _("Cancelled by the buyer"),
    "cancelled_by_staff": _("Cancelled for the buyer by our staff"),
    "fee_waived": _("Cancelled by our staff without a fee"),
    "free_ticket": _("Free ticket"),
    "given_up": _("Given up with the account"),
    "given_back": _("Given back with the account"),
    "paid_out": _("Paid out"),
    "rehearsal": _("Rehearsal"),
    "schedule_cancelled": _("The performance was cancelled"),
}


@register.filter
def reason(code: str) -> str:
    """A reason in words; an unknown one unchanged."""
    return str(REASONS.get(code, code))


# What a declined buyer can do.
ADVICE: dict[str, str | Promise] = {
    "card_declined": _("Please ask the card company, or try again."),
    "limit_exceeded": _("Please ask the card company to raise the limit."),
    "card_expired": _("Please use a card that is still valid."),
}


@register.filter
def advice(code: str) -> str:
    """What to do about a declined charge; of an unknown reason, whom to ask."""
    return str(ADVICE.get(code, ADVICE["card_declined"]))
