"""The account pages: sign-up, address, and a new password by mail."""

from collections.abc import Callable
from typing import TypeVar

from allauth.account.utils import get_next_redirect_url
from django import forms
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views import i18n
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import log_in
from accounts.account_forms import (
    ClaimForm,
    EmailChangeForm,
    NameForm,
    NewPasswordForm,
    ProofForm,
    ResetRequestForm,
    SignUpForm,
    WhoseAccountForm,
)
from accounts.email_links import Kind, Link, make_link, read_link
from accounts.errors import EmailTaken, LinkUsed, WrongPassword
from accounts.models import User
from accounts.rate_limits import PROOFS_PER_ACCOUNT
from accounts.requests import MemberRequest
from accounts.services import (
    email_change,
    email_proof,
    language_change,
    name_change,
    password_reset,
)
from accounts.services import sign_up as sign_up_service
from concertbook.http.languages import CODES, public_page
from concertbook.http.origin import origin_of
from concertbook.http.rate_limit import take

Result = TypeVar("Result")

page = require_http_methods(["GET", "HEAD", "POST"])
hide_passwords = sensitive_post_parameters("password", "password1")


@page
@never_cache
@hide_passwords
def sign_up(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated:
        return redirect(_wanted_page(request) or public_page(request, "concert_list"))
    form = SignUpForm(request.POST or None)
    if form.is_valid():
        user = _try(
            form,
            lambda: sign_up_service.sign_up(
                email=form.cleaned_data["email"],
                password=form.cleaned_data["password1"],
                name=form.cleaned_data["name"],
                origin=origin_of(request),
                agreed=form.agreed,
            ),
        )
        if user is not None:
            return _log_in(request, user, _wanted_page(request))
    context = {"form": form, "login_url": _with_next(request, "account_login")}
    return render(request, "account/signup.html", context)


@login_required
@never_cache
def account(request: MemberRequest) -> HttpResponse:
    return render(request, "account/account.html")


@login_required
@page
@never_cache
def change_name(request: MemberRequest) -> HttpResponse:
    form = NameForm(request.POST or None, initial={"name": request.user.name})
    if form.is_valid():
        changed = _try(
            form, lambda: name_change.change_name(user=request.user, **form.cleaned_data)
        )
        if changed is not None:
            messages.success(request, _("Your name is changed."))
            return redirect("account")
    return render(request, "account/change_name.html", {"form": form})


def set_language(request: HttpRequest) -> HttpResponse:
    """Keep the language that a button chose: in a cookie, and for a logged-in user in the account.

    The links between the languages of public pages change no account: they can be shared.
    """
    response = i18n.set_language(request)
    language = request.POST.get("language")
    if request.method == "POST" and language in CODES and request.user.is_authenticated:
        language_change.change_language(user=request.user, language=language)
    return response


@login_required
@page
@never_cache
@hide_passwords
def change_email(request: MemberRequest) -> HttpResponse:
    form = EmailChangeForm(request.POST or None)
    if form.is_valid():
        email = _try(
            form,
            lambda: email_change.request_email_change(
                user=request.user, origin=origin_of(request), **form.cleaned_data
            ),
        )
        if email is not None:
            messages.success(request, _("We sent a link to %(email)s.") % {"email": email})
            return redirect("account")
    return render(request, "account/change_email.html", {"form": form})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def send_proof(request: MemberRequest) -> HttpResponse:
    """Send the link to the account's own address again."""
    if request.method != "POST":
        # A form sent after the log-in expired: back to the page with the button.
        return redirect("account")
    email_change.request_proof(user=request.user, origin=origin_of(request))
    messages.success(request, _("We sent a link to %(email)s.") % {"email": request.user.email})
    return redirect("account")


@page
@never_cache
@hide_passwords
def prove_email(request: HttpRequest, key: str) -> HttpResponse:
    """The page of a link in a mail: it proves the mailbox; the user then logs in to prove the
    account."""
    link = read_link(key, Kind.VERIFY, Kind.CHANGE)
    if link is None:
        return _link_used(request)
    is_own = request.user == link.user
    form = forms.Form(request.POST) if is_own else ProofForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        proven = _try(form, lambda: _prove(request, link, form.cleaned_data.get("password")))
        if proven is not None:
            messages.success(request, _("Your e-mail address is confirmed."))
            return redirect("account")
    own = make_link(kind=Kind.CLAIM, email=link.email, user=None)
    context = {"form": form, "link": link, "is_own": is_own, "own": own}
    return render(request, "account/prove_email.html", context)


def _prove(request: HttpRequest, link: Link, password: str | None) -> User:
    """Raises TooManyRequests, WrongPassword, LinkUsed, EmailTaken."""
    assert link.user is not None
    if password is not None:
        take(PROOFS_PER_ACCOUNT.of(link.user.pk))
        if not link.user.check_password(password):
            raise WrongPassword
    session = request.session.session_key if password is None else None
    return email_proof.prove_email(link=link, origin=origin_of(request), session_key=session)


@page
@never_cache
@hide_passwords
def claim_email(request: HttpRequest, key: str) -> HttpResponse:
    """An account for the owner of a mailbox whose address another account uses."""
    link = read_link(key, Kind.CLAIM)
    if link is None:
        return _link_used(request)
    form = ClaimForm(request.POST or None)
    if form.is_valid():
        user = _try(
            form,
            lambda: email_proof.claim_email(
                link=link,
                password=form.cleaned_data["password1"],
                name=form.cleaned_data["name"],
                agreed=form.agreed,
            ),
        )
        if user is not None:
            return _log_in(request, user)
    return render(request, "account/claim_email.html", {"form": form, "link": link})


@page
@never_cache
def reset_password(request: HttpRequest) -> HttpResponse:
    form = ResetRequestForm(request.POST or None)
    if form.is_valid():
        password_reset.request_password_reset(origin=origin_of(request), **form.cleaned_data)
        return redirect("account_reset_password_done")
    return render(request, "account/password_reset.html", {"form": form})


def reset_password_done(request: HttpRequest) -> HttpResponse:
    return render(request, "account/password_reset_done.html")


@page
@never_cache
@hide_passwords
def reset_password_from_key(request: HttpRequest, key: str) -> HttpResponse:
    link = read_link(key, Kind.RESET)
    if link is None:
        return _link_used(request)
    assert link.user is not None
    ask = password_reset.must_ask_whose(link.user)
    form = (WhoseAccountForm if ask else NewPasswordForm)(request.POST or None)
    if form.is_valid():
        keep = form.cleaned_data.get("account") == WhoseAccountForm.KEEP
        user = _try(
            form,
            lambda: password_reset.reset_password(
                link=link, password=form.cleaned_data["password1"], keep_account=keep
            ),
        )
        if user is not None:
            log_in.forget_failures(request, link.email)
            return render(request, "account/password_reset_from_key_done.html")
    return render(
        request, "account/password_reset_from_key.html", {"form": form, "link": link, "ask": ask}
    )


def _log_in(request: HttpRequest, user: User, to: str = "") -> HttpResponse:
    """Log in to the new account, and remember this device."""
    assert user.email is not None
    login(request, user)
    response = redirect(to or public_page(request, "concert_list"))
    log_in.remember_device(request, response, user.email)
    return response


def _try(form: forms.Form, act: Callable[[], Result]) -> Result | None:
    """The service's result; None when it refuses, with the refusal added to the form."""
    try:
        return act()
    except ValidationError as invalid:
        for field, errors in invalid.error_dict.items():
            form.add_error(field if field in form.fields else "password1", errors)
    except EmailTaken as taken:
        error = ValidationError(taken.message, code=taken.code)
        form.add_error("email" if "email" in form.fields else None, error)
    except WrongPassword as wrong:
        form.add_error("password", ValidationError(wrong.message, code=wrong.code))
    return None


def _link_used(request: HttpRequest) -> HttpResponse:
    return render(request, "account/link_used.html", status=LinkUsed.status)


def _wanted_page(request: HttpRequest) -> str:
    """The page to go to next; empty unless it is on this site."""
    return str(get_next_redirect_url(request) or "")


def _with_next(request: HttpRequest, name: str) -> str:
    wanted = _wanted_page(request)
    return reverse(name) + (f"?{urlencode({'next': wanted})}" if wanted else "")
