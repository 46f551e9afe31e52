"""A show is a draft until it is published: now, or at a time.

Its waiting room has the time (WaitingRoom.published_at): what buyers can find is the rooms that are
published and the concerts behind them.
"""

import datetime as dt
import uuid
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, TextChoices
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.services import activity
from concertbook.db.clock import StatementTime, database_now
from concertbook.errors import NotFound
from concerts.models import Concert
from concerts.services.show_checks import check_show
from queueing.models import WaitingRoom


class Publication(TextChoices):
    DRAFT = "draft", _("Draft")
    PLANNED = "planned", _("Planned")
    PUBLIC = "public", _("Public")


def publication_of(concert: Concert, now: dt.datetime) -> Publication:
    """``concert`` with its room."""
    at = concert.waiting_room.published_at
    if at is None:
        return Publication.DRAFT
    return Publication.PUBLIC if at <= now else Publication.PLANNED


def publish_show(
    *, concert_id: uuid.UUID, actor: User, at: dt.datetime | None = None, reason: str = ""
) -> bool:
    """Let buyers find the show, now or from ``at`` on.

    Returns False, and does nothing, for one that is public.

    Raises NotFound, and ValidationError, by field: without a reason unless all needed checks are
    met, and for a time in the past.
    """
    with transaction.atomic():
        concert, now = _get(concert_id), database_now()
        unmet = [point for point in check_show(concert, now) if not point.is_met]
        if not reason and any(point.is_needed for point in unmet):
            raise ValidationError({"reason": _("Not all checks are met: say why it goes out.")})
        if at is not None and at <= now:
            raise ValidationError({"at": _("This time is over.")})
        if not _set(concert, Q(published_at=None) | NOT_YET, at or now):
            return False
        new: dict[str, Any] = {"published_at": at or now}
        if unmet:
            new["unmet"] = [point.name for point in unmet]
        _log(concert, "show.publish", new=new, actor=actor, reason=reason)
    return True


def take_back(*, concert_id: uuid.UUID, actor: User, reason: str = "") -> bool:
    """Make a planned show a draft again. Raises NotFound.

    Returns False, and does nothing, for one that is a draft or public: what buyers saw stays.
    """
    with transaction.atomic():
        concert = _get(concert_id)
        if not _set(concert, NOT_YET, None):
            return False
        _log(concert, "show.take_back", new={"published_at": None}, actor=actor, reason=reason)
    return True


def _get(concert_id: uuid.UUID) -> Concert:
    found = Concert.objects.select_related("waiting_room").filter(pk=concert_id).first()
    if found is None:
        raise NotFound
    return found


NOT_YET = Q(published_at__gt=StatementTime())


def _set(concert: Concert, only_if: Q, at: dt.datetime | None) -> bool:
    """In one statement: of two who do it at once, the second finds what the first has written."""
    room = WaitingRoom.objects.filter(only_if, pk=concert.waiting_room_id)
    return room.update(published_at=at) > 0


def _log(concert: Concert, act: str, **entry: Any) -> None:
    before = {"published_at": concert.waiting_room.published_at}
    activity.record(act=act, target=concert, old=before, **entry)
