"""Who logs in: the account that has the address, if the password is its own."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from accounts.models import User


class EmailBackend(ModelBackend):
    """Looks for the address in accounts_user alone; allauth's table of addresses is not used."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        email: str | None = None,
        **others: Any,
    ) -> User | None:
        if not password:
            return None
        user = _find(email or username or "")
        if user is None:
            # As long as for an account that there is.
            User().set_password(password)
            return None
        return user if user.check_password(password) and user.is_active else None


def _find(typed: str) -> User | None:
    # A NUL would be an error in the database, and no address has one.
    return User.objects.with_email(typed).first() if typed.isprintable() else None
