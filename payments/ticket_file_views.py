"""The addresses of tickets as files (payments/ticket_files.py)."""

import uuid

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from accounts.requests import MemberRequest
from payments import ticket_files


@login_required
@require_safe
def pdf_of_ticket(request: MemberRequest, ticket_id: uuid.UUID) -> HttpResponse:
    return ticket_files.pdf_of_ticket(request.user, ticket_id)


@login_required
@require_safe
def pdf_of_order(request: MemberRequest, reservation_id: uuid.UUID) -> HttpResponse:
    return ticket_files.pdf_of_order(request.user, reservation_id)


@login_required
@require_safe
def calendar_of_ticket(request: MemberRequest, ticket_id: uuid.UUID) -> HttpResponse:
    return ticket_files.calendar_of_ticket(request.user, ticket_id)


@login_required
@require_safe
def calendar_of_order(request: MemberRequest, reservation_id: uuid.UUID) -> HttpResponse:
    return ticket_files.calendar_of_order(request.user, reservation_id)


@login_required
@require_safe
def apple_wallet(request: MemberRequest, ticket_id: uuid.UUID) -> HttpResponse:
    return ticket_files.apple_wallet(request.user, ticket_id)


@login_required
@require_safe
def google_wallet(request: MemberRequest, ticket_id: uuid.UUID) -> HttpResponse:
    """Only when it is pressed: the link, which contains the code, is in no page."""
    return redirect(ticket_files.google_link(request.user, ticket_id))
