"""The log of what the staff and the system did."""

import datetime as dt
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib.contenttypes.models import ContentType
from django.db.models import Manager, Model, QuerySet
from django.utils.text import Truncator

from accounts.acts import acts
from accounts.models import Activity, User

Values = Mapping[str, Any]
LONGEST_TEXT = 2_000


def record(
    *,
    actor: User | None,
    act: str,
    target: Model | None = None,
    old: Values | None = None,
    new: Values | None = None,
    reason: str = "",
) -> None:
    """Write an entry of the log, in the transaction of what it tells of; one statement.

    ``act`` is a code of accounts.acts, ``actor`` None for the system. ``old`` and ``new`` have the
    values before and after by the names of the target's fields, or by other names; of related rows
    the text is kept. They may not contain a secret, nor name a person other than the target.
    Raises KeyError for an unknown act.
    """
    assert acts()[act]
    Activity.objects.create(
        actor=actor,
        actor_name="" if actor is None else actor.name,
        actor_email="" if actor is None else actor.email or "",
        act=act,
        target_type=None if target is None else ContentType.objects.get_for_model(target),
        target_key="" if target is None else str(target.pk),
        target_text="" if target is None else Truncator(str(target)).chars(200),
        old=None if old is None else {name: plain(value) for name, value in old.items()},
        new=None if new is None else {name: plain(value) for name, value in new.items()},
        reason=reason,
    )


def entries_of(row: Model) -> QuerySet[Activity]:
    """The entries whose target is this row, newest first."""
    kind = ContentType.objects.get_for_model(row)
    return Activity.objects.filter(target_type=kind, target_key=str(row.pk)).order_by("-id")


def plain(value: Any) -> Any:
    """The value as the log keeps it: a row as its text, a time as ISO 8601."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, Manager | QuerySet):
        return sorted(str(each) for each in value.all())
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    if isinstance(value, UUID):
        return str(value)
    return Truncator(str(value)).chars(LONGEST_TEXT)


def forget(user: User) -> None:
    """Take the texts that name this person out of the entries about them, in the transaction that
    deletes the account."""
    entries_of(user).order_by().update(target_text="", old=None, new=None)
