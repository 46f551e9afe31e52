"""Where allauth, which does sign-up and log-in, meets our user."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.db import IntegrityError
from django.http import HttpRequest

from accounts.errors import EmailTaken
from accounts.models import User


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
