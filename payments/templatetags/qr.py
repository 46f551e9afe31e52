"""A ticket's QR code within a page."""

from django import template
from django.utils.safestring import SafeString

from payments.models import Ticket
from payments.qr_codes import qr_inline

register = template.Library()


@register.filter
def qr(ticket: Ticket) -> SafeString:
    """An ``svg`` element with the id ``qr-<ticket>``, black on white in any theme."""
    return qr_inline(ticket)
