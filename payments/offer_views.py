"""The pages of handing a ticket on: offering it, and the receiver's answer."""

import uuid

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from accounts.email_addresses import LONGEST_EMAIL
from accounts.requests import MemberRequest
from concertbook.errors import DomainError
from payments.errors import OfferedToOneself
from payments.models import TicketOffer
from payments.services import ticket_offers, tickets


class OfferForm(forms.Form):
    # A CharField, not an EmailField: the service validates the address.
    email = forms.CharField(
        label=gettext_lazy("The receiver's e-mail address"),
        max_length=LONGEST_EMAIL,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def offer_ticket(request: MemberRequest, ticket_id: uuid.UUID) -> HttpResponse:
    form = OfferForm(request.POST or None)
    if form.is_valid() and (offer := _offer(request, ticket_id, form)):
        messages.success(
            request, _("Offered to %(email)s. We sent a mail there.") % {"email": offer.email}
        )
        return redirect("ticket", ticket_id)
    found = tickets.get_ticket(user=request.user, ticket_id=ticket_id)
    if not form.is_bound:
        ticket_offers.require_may_offer(found, user=request.user)
    context = {"ticket": found, "form": form}
    return render(request, "payments/offer_ticket.html", context)


def _offer(request: MemberRequest, ticket_id: uuid.UUID, form: OfferForm) -> TicketOffer | None:
    try:
        return ticket_offers.offer_ticket(
            user=request.user, ticket_id=ticket_id, email=form.cleaned_data["email"]
        )
    except OfferedToOneself as refusal:
        form.add_error("email", str(refusal.message))
    except ValidationError as error:
        form.add_error("email", error)
    return None


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def withdraw_offer(request: MemberRequest, ticket_id: uuid.UUID) -> HttpResponse:
    if request.method == "POST":
        offer = ticket_offers.withdraw_offer(user=request.user, ticket_id=ticket_id)
        messages.success(
            request, _("The offer to %(email)s is withdrawn.") % {"email": offer.email}
        )
    # A form sent after the log-in expired: back to the page with the button.
    return redirect("ticket", ticket_id)


@login_required
@require_safe
def offer(request: MemberRequest, offer_id: uuid.UUID) -> HttpResponse:
    """The receiver's page."""
    found = ticket_offers.get_offer(user=request.user, offer_id=offer_id)
    if found.status == TicketOffer.Status.ACCEPTED and found.ticket.user_id == request.user.pk:
        return redirect("ticket", found.ticket_id)
    refusal: DomainError | None = ticket_offers.why_not_acceptable(found)
    context = {
        "offer": found,
        "ticket": found.ticket,
        "schedule": found.ticket.reservation.schedule,
        "refusal": refusal,
    }
    status = refusal.status if refusal else 200
    return render(request, "payments/ticket_offer.html", context, status=status)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def accept_offer(request: MemberRequest, offer_id: uuid.UUID) -> HttpResponse:
    if request.method != "POST":
        return redirect("ticket_offer", offer_id)
    ticket = ticket_offers.accept_offer(user=request.user, offer_id=offer_id)
    messages.success(request, _("The ticket is yours now. Its code is new."))
    return redirect("ticket", ticket.pk)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def decline_offer(request: MemberRequest, offer_id: uuid.UUID) -> HttpResponse:
    if request.method != "POST":
        return redirect("ticket_offer", offer_id)
    ticket_offers.decline_offer(user=request.user, offer_id=offer_id)
    messages.success(request, _("Declined. The ticket stays with its holder."))
    return redirect("ticket_list")
