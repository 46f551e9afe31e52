"""The page on which the staff set up a second factor, and give its codes or a passkey."""

import json
from typing import Any

import segno
from allauth.account.utils import get_next_redirect_url
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.errors import SecondFactorExists, WrongCode, WrongPassword
from accounts.rate_limits import SECOND_FACTORS
from accounts.requests import MemberRequest
from accounts.second_factor import PASSKEY_STATE, host_of, note_confirmed
from accounts.services import passkeys, second_factor
from concertbook.http.rate_limit import take

ISSUER = "concertbook"
# In the session until the set-up is done.
SECRET = "second_factor_secret"
LONGEST_PASSKEY = 20_000


class CodeForm(forms.Form):
    code = forms.CharField(
        label=_("Code"),
        max_length=20,
        widget=forms.TextInput(
            attrs={"inputmode": "text", "autocomplete": "one-time-code", "autofocus": True}
        ),
    )


class PasswordForm(forms.Form):
    code = forms.CharField(
        label=_("Password"),
        max_length=128,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@sensitive_post_parameters("code")
def confirm(request: MemberRequest) -> HttpResponse:
    """Ask a member of the staff who they are; the first time, have them set up the app."""
    if not request.user.is_staff:
        raise PermissionDenied
    if not settings.STAFF_SECOND_FACTOR:
        return _ask(request, PasswordForm(request.POST or None), "password")
    if second_factor.has_second_factor(user=request.user):
        if "passkey" in request.POST:
            return _check_passkey(request)
        return _ask(request, CodeForm(request.POST or None), "code")
    return _set_up(request)


def _ask(request: MemberRequest, form: forms.Form, what: str) -> HttpResponse:
    if form.is_valid():
        try:
            _check(request, form.cleaned_data["code"], what)
        except (WrongCode, WrongPassword) as wrong:
            form.add_error("code", str(wrong.message))
        else:
            note_confirmed(request)
            return redirect(_next_page(request))
    shown: dict[str, Any] = {"form": form, "asks_for": what}
    asked = passkeys.begin_asking(user=request.user, host=host_of(request))
    if what == "code" and asked:
        options, request.session[PASSKEY_STATE] = asked
        shown["passkey_options"] = json.dumps(options)
    return render(request, "account/confirm.html", shown)


def _check_passkey(request: MemberRequest) -> HttpResponse:
    state = request.session.pop(PASSKEY_STATE, {})
    answer = request.POST["passkey"][:LONGEST_PASSKEY]
    try:
        passkeys.check(user=request.user, host=host_of(request), state=state, answer=answer)
    except WrongCode as wrong:
        messages.error(request, str(wrong.message))
        return redirect(request.get_full_path())
    note_confirmed(request)
    return redirect(_next_page(request))


def _check(request: MemberRequest, given: str, what: str) -> None:
    if what == "code":
        second_factor.check_code(user=request.user, code=given)
        return
    take(SECOND_FACTORS.of(request.user.pk))
    if not request.user.check_password(given):
        raise WrongPassword


def _set_up(request: MemberRequest) -> HttpResponse:
    secret = request.session.setdefault(SECRET, second_factor.new_secret())
    form = CodeForm(request.POST or None)
    if form.is_valid():
        try:
            codes = second_factor.set_up(
                user=request.user, secret=secret, code=form.cleaned_data["code"]
            )
        except (WrongCode, SecondFactorExists) as refused:
            form.add_error("code", str(refused.message))
        else:
            del request.session[SECRET]
            note_confirmed(request)
            context = {"codes": codes, "next": _next_page(request)}
            return render(request, "account/recovery_codes.html", context)
    address = second_factor.address_for_apps(user=request.user, secret=secret, issuer=ISSUER)
    picture = segno.make(address, micro=False).svg_inline(
        omitsize=True, border=4, dark="#000", light="#fff", svgid="second-factor"
    )
    groups = [secret[start : start + 4] for start in range(0, len(secret), 4)]
    shown = {"form": form, "picture": mark_safe(picture), "secret": " ".join(groups)}
    return render(request, "account/second_factor.html", shown)


def _next_page(request: HttpRequest) -> str:
    return str(get_next_redirect_url(request) or "/admin/")
