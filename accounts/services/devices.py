"""A user's devices: the sessions that are logged in, of browsers and of apps.

When a device was last used is noted at its log-in and then at most once in NOTED_EVERY, so that no
request of a sale writes it: by an app's refresh of its tokens (accounts/app_tokens.py), and for a
browser by accounts/middleware.py.
"""

import uuid
from typing import Any

from django.db.models import BooleanField, ExpressionWrapper, Q

from accounts.clients import Client
from accounts.devices import NOTED_EVERY
from accounts.models import User, UserSession
from accounts.sessions import SessionStore, end_sessions
from concertbook.db.clock import StatementTime
from concertbook.errors import NotFound


def list_devices(*, user: User, session_key: str | None) -> list[Any]:
    """The user's live sessions, the last used first; ``is_this`` is the one with this key. One
    statement."""
    live = UserSession.objects.filter(user=user, session__expire_date__gt=StatementTime())
    is_this = ExpressionWrapper(Q(pk=session_key), output_field=BooleanField())
    return list(live.annotate(is_this=is_this).order_by("-last_used_at", "public_id"))


def client_of(device: UserSession) -> Client:
    return Client(device.client, device.system, device.network)


def end_device(*, user: User, public_id: uuid.UUID) -> None:
    """Log one of the user's devices out. Raises NotFound, also for another user's."""
    device = UserSession.objects.filter(user=user, public_id=public_id).first()
    if device is None:
        raise NotFound
    SessionStore().delete(device.pk)


def end_other_devices(*, user: User, session_key: str | None) -> None:
    """Log the user out everywhere except in this session."""
    end_sessions(user_ids=[user.pk], except_session=session_key)


def note_use(*, session_key: str) -> None:
    """Note that the session is used now, unless that was noted within NOTED_EVERY."""
    noted_before = UserSession.objects.filter(
        pk=session_key, last_used_at__lt=StatementTime() - NOTED_EVERY
    )
    noted_before.update(last_used_at=StatementTime())
