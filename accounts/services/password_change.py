"""A new password that the user, logged in, or an operator has chosen."""

from django.db import transaction

from accounts.models import User
from accounts.services.outbox import new_message, queue


def change_password(*, user: User, password: str) -> None:
    """Save the password and tell the user. All sessions of the account end (User.save)."""
    user.set_password(password)
    with transaction.atomic():
        user.save()
        tell_new_password(user)


def tell_new_password(user: User) -> None:
    """Queue the notice, in the transaction of the change."""
    queue([new_message(kind="password_changed", user=user)])
