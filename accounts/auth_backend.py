"""Authenticate a user by e-mail address and password."""

import uuid
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from accounts.models import User
from concertbook.db.prepared import Param, Prepared


class EmailBackend(ModelBackend):
    """Looks up the address in accounts_user only; allauth's table of addresses is not used."""

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
            # Takes as long as for an existing account, so that the time does not reveal accounts.
            User().set_password(password)
            return None
        return user if user.check_password(password) and user.is_active else None

    def get_user(self, user_id: uuid.UUID) -> User | None:
        """The user with the balance, which every page shows."""
        user = WITH_BALANCE.first(user=user_id)
        return user if user and self.user_can_authenticate(user) else None


WITH_BALANCE = Prepared(lambda: User.objects.select_related("balance").filter(pk=Param("user")))


def _find(typed: str) -> User | None:
    # PostgreSQL refuses NUL in a text, and no address contains one.
    return User.objects.with_email(typed).first() if typed.isprintable() else None
