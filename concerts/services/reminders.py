"""Mails that remind a user of the opening of a sale, and push messages where the user allowed them.

1. A user asks for one (set_reminder), and may withdraw it in the same place.
2. A sweep claims the reminders that are due and queues their mails in one transaction
   (queue_due_reminders): each is queued once, however many workers sweep.
   The outbox sends it (concerts/letters.py), again if the mail server is away.

The opening is read by the sweep: the mail moves with it.
"""

import datetime as dt
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import translation

from accounts.models import OutgoingMessage, PushSubscription, User
from accounts.services.outbox import new_message, queue
from concertbook.db.clock import database_now
from concertbook.errors import NotFound
from concerts.models import ConcertSchedule, ConcertScheduleQuerySet, Reminder
from concerts.services.offers import Sale, with_sales

# The mail is sent so long before the opening, and after it if no worker was running.
BEFORE = dt.timedelta(minutes=10)
AFTER = dt.timedelta(minutes=30)
MOST_IN_A_ROUND = 500


@dataclass(frozen=True)
class Reminded:
    """``schedule`` has its sale (with_sales); ``reminder`` is None if the user has none."""

    schedule: ConcertSchedule
    reminder: Reminder | None

    @property
    def mails_at(self) -> dt.datetime:
        return self.schedule.sale_opens_at - BEFORE  # type: ignore[attr-defined, no-any-return]


def find_reminder(*, user: User, schedule_id: uuid.UUID) -> Reminded:
    """Raises NotFound, also for a schedule of a rehearsal that is not the user's."""
    schedule = _get_schedule(user, schedule_id)
    return Reminded(schedule, Reminder.objects.filter(user=user, schedule=schedule).first())


def set_reminder(*, user: User, schedule_id: uuid.UUID, origin: str) -> bool:
    """Set the user's reminder of this schedule, in the active language; also a second time.

    Returns False, and does nothing, unless the sale is still to open. Raises NotFound.
    """
    schedule = _get_schedule(user, schedule_id)
    if schedule.sale != Sale.UPCOMING:  # type: ignore[attr-defined]
        return False
    reminder = Reminder(
        user=user, schedule=schedule, language=translation.get_language() or "", origin=origin
    )
    Reminder.objects.bulk_create(
        [reminder],
        update_conflicts=True,
        unique_fields=["schedule", "user"],
        update_fields=["language", "origin"],
    )
    return True


def withdraw_reminder(*, user: User, schedule_id: uuid.UUID) -> None:
    Reminder.objects.filter(user=user, schedule=schedule_id).delete()


def _get_schedule(user: User, schedule_id: uuid.UUID) -> ConcertSchedule:
    schedules = ConcertSchedule.objects.visible_to(user).filter(pk=schedule_id)
    found = with_sales(schedules.select_related("concert__waiting_room"), database_now()).first()
    if found is None:
        raise NotFound
    return found


def queue_due_reminders() -> int:
    """Queue the mails of the reminders that are due; returns how many.

    To a confirmed address only. Rows that another worker has locked are skipped: it queues them.
    """
    schedules = _opening_schedules()
    with transaction.atomic():
        due = _lock_due(schedules)
        Reminder.objects.filter(pk__in=[reminder.pk for reminder in due]).update(
            sent_at=database_now()
        )
        queue([*_mails(due), *_pushes(due)])
    return len(due)


def _mails(due: Sequence[Reminder]) -> Iterator[OutgoingMessage]:
    for reminder in due:
        yield _message(reminder, kind="sale_opens")


def _pushes(due: Sequence[Reminder]) -> Iterator[OutgoingMessage]:
    """To each browser that already shows its user messages: on the waiting page they allowed it."""
    by_user: dict[uuid.UUID, list[Reminder]] = {}
    for reminder in due:
        by_user.setdefault(reminder.user_id, []).append(reminder)
    for browser in PushSubscription.objects.filter(user__in=list(by_user)).order_by("pk"):
        for reminder in by_user[browser.user_id]:
            yield _message(
                reminder,
                kind="sale_opens_push",
                channel=OutgoingMessage.Channel.PUSH,
                recipient=str(browser.pk),
            )


def _message(reminder: Reminder, **to: Any) -> OutgoingMessage:
    return new_message(
        user=reminder.user,
        data={"schedule": str(reminder.schedule_id)},
        language=reminder.language,
        origin=reminder.origin,
        **to,
    )


def _opening_schedules() -> list[uuid.UUID]:
    return list(_opening(ConcertSchedule.objects.all()).values_list("pk", flat=True))


def _lock_due(schedules: Iterable[uuid.UUID]) -> list[Reminder]:
    due = Reminder.objects.filter(
        schedule__in=list(schedules),
        sent_at=None,
        user__is_active=True,
        user__email_verified_at__isnull=False,
    )
    locked = due.select_for_update(of=("self",), no_key=True, skip_locked=True)
    return list(locked.select_related("user").order_by("pk")[:MOST_IN_A_ROUND])


def find_opening(*, schedule_id: uuid.UUID) -> ConcertSchedule | None:
    """The schedule with its sale (with_sales) and concert; None unless its sale opens soon or has
    just opened, and it can be bought."""
    found = _opening(ConcertSchedule.objects.filter(pk=schedule_id)).select_related("concert")
    return found.first()


def _opening(schedules: ConcertScheduleQuerySet) -> ConcertScheduleQuerySet:
    """What opens soon or has just opened, and can be bought."""
    now = database_now()
    on_sale: Any = with_sales(schedules.filter(cancelled_at=None), now)
    opening = on_sale.filter(sale_opens_at__gt=now - AFTER, sale_opens_at__lte=now + BEFORE)
    to_be_bought: ConcertScheduleQuerySet = opening.filter(
        sale__in=[Sale.UPCOMING, Sale.OPEN, Sale.BUSY]
    )
    return to_be_bought
