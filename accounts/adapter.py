"""The adapter of allauth, which serves the log-in and the change of passwords.

Sign-up, e-mail and password reset are our own: accounts/account_urls.py has all the pages.
"""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from accounts import log_in
from accounts.models import User
from accounts.services.password_change import change_password
from concertbook.http.languages import chosen_language, public_page
from concertbook.http.purchase_hint import PurchaseHint, hint


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """Raises TooManyLogIns."""
        return log_in.authenticate(
            request, email=credentials.get("email", ""), password=credentials.get("password", "")
        )

    def post_login(self, request: HttpRequest, user: User, **options: Any) -> HttpResponse:
        response: HttpResponse = super().post_login(request, user, **options)
        assert user.email is not None
        log_in.remember_device(request, response, user.email)
        if user.language and not chosen_language(request):
            # As the script of the public pages sets it.
            response.set_cookie(
                settings.LANGUAGE_COOKIE_NAME,
                user.language,
                max_age=365 * 24 * 3600,
                secure=settings.SESSION_COOKIE_SECURE,
                samesite="Lax",
            )
        if getattr(request, "keeps_account", False):
            messages.success(request, _("Your account stays as it is: it will not be deleted."))
        # A purchase may have begun on another device.
        hint(request, PurchaseHint())
        return response

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        return public_page(request, "concert_list")

    def get_logout_redirect_url(self, request: HttpRequest) -> str:
        return public_page(request, "concert_list")

    def set_password(self, user: User, password: str) -> None:
        change_password(user=user, password=password)
        if context.request is not None and user.email is not None:
            log_in.forget_failures(context.request, user.email)
