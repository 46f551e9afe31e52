"""Where allauth, which does sign-up and log-in, meets our user."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.core import context
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse

from accounts import devices, log_in
from accounts.errors import EmailTaken
from accounts.models import User
from accounts.rate_limits import CONFIRMATION_MAILS
from concertbook.errors import TooManyRequests
from concertbook.http.rate_limit import take


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:
        """Raises EmailTaken."""
        user.name = form.cleaned_data.get("name", "")
        try:
            saved: User = super().save_user(request, user, form, commit=commit)
        except IntegrityError as exc:
            error = {"field": "email", "code": "email_taken", "detail": str(EmailTaken.message)}
            raise EmailTaken(errors=[error]) from exc
        return saved

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """Raises TooManyRequests."""
        # A user whose password is right and who is not active is kept there by the backend, and
        # led by allauth to the page that says so.
        AuthenticationBackend.unstash_authenticated_user()
        user = log_in.authenticate(
            request, email=credentials.get("email", ""), password=credentials.get("password", "")
        )
        return user or AuthenticationBackend.unstash_authenticated_user()

    def post_login(self, request: HttpRequest, user: User, **options: Any) -> HttpResponse:
        response: HttpResponse = super().post_login(request, user, **options)
        log_in.remember_log_in(request, user.email)
        devices.set_cookie(response, devices.device_logged_in(request, user.email))
        return response

    def set_password(self, user: User, password: str) -> None:
        super().set_password(user, password)
        if context.request is not None:
            log_in.forget_failures(context.request, user.email)

    def should_send_confirmation_mail(
        self, request: HttpRequest, email_address: Any, signup: bool
    ) -> bool:
        try:
            take(CONFIRMATION_MAILS.of(devices.account_key(email_address.email)))
        except TooManyRequests:
            return False
        return True
