"""The pages of one's data: a copy of it, and the end of the account."""

import uuid

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.account_forms import DeletionForm, OwnPasswordForm
from accounts.errors import AccountInUse, WrongPassword
from accounts.requests import MemberRequest
from accounts.services import account_deletion, data_copies
from concertbook.http.downloads import download
from concertbook.templatetags.times import when_text

page = require_http_methods(["GET", "HEAD", "POST"])
hide_passwords = sensitive_post_parameters("password")
# Seconds after which the page of a copy that is being written looks again.
LOOKS_AGAIN = 5


@login_required
@page
@never_cache
@hide_passwords
def my_data(request: MemberRequest) -> HttpResponse:
    form = OwnPasswordForm(request.POST or None)
    if form.is_valid():
        try:
            data_copies.request_copy(user=request.user, **form.cleaned_data)
        except WrongPassword as wrong:
            form.add_error("password", ValidationError(wrong.message, code=wrong.code))
        else:
            return redirect("account_data")
    copies = data_copies.list_copies(user=request.user)
    is_writing = any(copy.state == copy.State.QUEUED for copy in copies)
    context = {
        "form": form,
        "copies": [(copy, copy.created_at + data_copies.kept_for()) for copy in copies],
        "is_writing": is_writing,
        "changes_in": LOOKS_AGAIN if is_writing else 0,
        "days": settings.DATA_COPY_DAYS,
    }
    return render(request, "account/data.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD"])
def download_copy(request: MemberRequest, copy_id: uuid.UUID) -> HttpResponse:
    archive = data_copies.read_copy(user=request.user, copy_id=copy_id)
    return download(archive, data_copies.MEDIA_TYPE, data_copies.FILE_NAME)


@login_required
@page
@never_cache
@hide_passwords
def delete_account(request: MemberRequest) -> HttpResponse:
    """Explain what is deleted and what is kept; with the password, ask for the deletion."""
    form = DeletionForm(request.POST or None)
    if form.is_valid():
        try:
            closes_at = account_deletion.request_deletion(user=request.user, **form.cleaned_data)
        except WrongPassword as wrong:
            form.add_error("password", ValidationError(wrong.message, code=wrong.code))
        except AccountInUse as in_use:
            form.add_error(None, ValidationError(in_use.message, code=in_use.code))
        else:
            logout(request)
            said = _("Your account will be deleted on %(at)s. Log in before then to keep it.")
            messages.success(request, said % {"at": when_text(closes_at)})
            return redirect("account_login")
    context = {
        "form": form,
        "obstacles": account_deletion.list_obstacles(user=request.user),
        "balance": request.user.won,
        "days": settings.DELETION_GRACE_DAYS,
    }
    is_refused = form.is_bound and form.has_error(NON_FIELD_ERRORS, AccountInUse.code)
    status = AccountInUse.status if is_refused else 200
    return render(request, "account/delete.html", context, status=status)
