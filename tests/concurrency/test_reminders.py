"""Two workers that sweep at the same moment queue each reminder's mail once."""

import datetime as dt

import pytest
from django.utils import timezone

from accounts.models import OutgoingMessage
from concerts.models import Reminder
from concerts.services.reminders import queue_due_reminders
from tests.concurrency.threads import Meeting, race
from tests.factories import ScheduleFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)

REMINDERS = 'FROM "concerts_reminder"'


def test_two_sweeps_at_once_queue_each_mail_once():
    schedule = ScheduleFactory(reserve_from=timezone.now() + dt.timedelta(minutes=1))
    for _each in range(3):
        Reminder.objects.create(user=UserFactory(), schedule=schedule)

    queued = race(queue_due_reminders, queue_due_reminders, meeting=Meeting(REMINDERS))

    # Each may find some of the rows locked by the other.
    assert sum(queued) == 3
    assert OutgoingMessage.objects.count() == 3
