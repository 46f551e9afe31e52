"""The page of a user's devices: which are logged in, and their log-out."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.requests import MemberRequest
from accounts.services import devices


@login_required
@never_cache
@require_http_methods(["GET", "HEAD"])
def device_list(request: MemberRequest) -> HttpResponse:
    listed = devices.list_devices(user=request.user, session_key=request.session.session_key)
    mine = [(each, devices.client_of(each)) for each in listed if each.is_this]
    others = [(each, devices.client_of(each)) for each in listed if not each.is_this]
    return render(request, "account/devices.html", {"mine": mine, "others": others})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def end_device(request: MemberRequest, public_id: uuid.UUID) -> HttpResponse:
    """Log one device out; it may be this one."""
    if request.method == "POST":
        devices.end_device(user=request.user, public_id=public_id)
        messages.success(request, _("The device is logged out."))
    return redirect("account_devices")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def end_other_devices(request: MemberRequest) -> HttpResponse:
    if request.method == "POST":
        devices.end_other_devices(user=request.user, session_key=request.session.session_key)
        messages.success(request, _("All other devices are logged out."))
    return redirect("account_devices")
