"""A join that a test can stop before its commit; the service's join is a single statement."""

from collections.abc import Callable
from typing import Any

from django.db import transaction

from accounts.models import User
from queueing.models import WaitingRoom
from queueing.services import join_and_leave


def taking_a_number(user: User, room: WaitingRoom) -> Callable[[], Any]:
    def take() -> Any:
        with transaction.atomic():
            return join_and_leave._take_number(user_id=user.pk, slug=room.slug)

    return take
