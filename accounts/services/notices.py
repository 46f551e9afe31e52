"""The notices that users switch off and on: those that are not owed to them."""

import uuid
from collections.abc import Iterable

from django.db import transaction

from accounts.letter import choices
from accounts.models import MutedNotice, User


def wanted_notices(*, user: User) -> set[str]:
    """The names of the notices that the user gets."""
    muted = MutedNotice.objects.filter(user=user).values_list("choice", flat=True)
    return set(choices()).difference(muted)


def set_notices(*, user: User, wanted: Iterable[str]) -> None:
    """Switch these notices on and all others off."""
    off = set(choices()).difference(wanted)
    with transaction.atomic():
        MutedNotice.objects.filter(user=user).exclude(choice__in=off).delete()
        MutedNotice.objects.bulk_create(
            [MutedNotice(user=user, choice=choice) for choice in off], ignore_conflicts=True
        )


def switch_off_notice(*, user_id: uuid.UUID, choice: str) -> None:
    """Switch off one notice; also a second time, and for an account that is gone."""
    if User.objects.filter(pk=user_id).exists():
        MutedNotice.objects.bulk_create(
            [MutedNotice(user_id=user_id, choice=choice)], ignore_conflicts=True
        )
