"""Two workers that sweep at the same moment queue each reminder's mail once."""

import datetime as dt

import pytest
from django.utils import timezone

from accounts.models import OutgoingMessage
from concerts.models import Reminder
from concerts.services.reminders import queue_due_reminders
from tests.concurrency.threads import Gate, background
from tests.factories import ScheduleFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)

REMINDERS = 'FROM "concerts_reminder"'


def test_two_sweeps_at_once_queue_each_mail_once():
    schedule = ScheduleFactory(reserve_from=timezone.now() + dt.timedelta(minutes=1))
    for _each in range(3):
        Reminder.objects.create(user=UserFactory(), schedule=schedule)

    # The first has locked the rows, and has not queued yet.
    gate = Gate(REMINDERS)
    with background(queue_due_reminders, gate) as first:
        gate.wait()
        second = queue_due_reminders()
        gate.open()
        queued = [first.result(), second]

    assert sorted(queued) == [0, 3]
    assert OutgoingMessage.objects.count() == 3
