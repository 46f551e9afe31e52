"""The mail about a log-in by a device that was not seen before."""

import datetime as dt

from django.utils import timezone

from accounts.clients import Client
from accounts.models import User
from accounts.services.outbox import new_message

# An account that was opened by another device and has no log-in yet, for example by an operator.
FIRST_LOG_IN = dt.timedelta(days=1)


def tell_new_device(*, user: User, client: Client) -> None:
    """Queue the mail to the user who has just logged in by an unknown device.

    The device that opened the account is known (accounts/devices.py). Nothing is queued for the
    first log-in of a new account.
    """
    # By our own clock: a log-in in a rush has no round trip for it.
    if user.last_login is None and timezone.now() - user.created_at < FIRST_LOG_IN:
        return
    message = new_message(kind="new_device", user=user, data={"client": client.packed()})
    # One statement; bulk_create has two more, to begin and to commit.
    message.save(force_insert=True)
