"""The outbox: each message is sent, in order, at least once, or is given up where staff see it."""

import dataclasses
import datetime as dt
import smtplib

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import transaction
from django.utils import timezone

from accounts import channels
from accounts.letter import Choice, choices
from accounts.models import MutedNotice, OutgoingMessage
from accounts.services import outbox
from accounts.services.outbox import MOST_ATTEMPTS, new_message, queue, replay, send_due
from concertbook.db.rows import Insert, write_rows
from tests.concurrency.threads import Gate, Meeting, background, race
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = dt.timedelta(hours=1)


class Receiver(EmailBackend):
    """A mailbox whose errors, by recipient, are set by the test: raised once for each attempt.

    A gate holds the first mail back until the test opens it.
    """

    errors: dict[str, list[Exception]]
    gate: Gate | None = None

    def send_messages(self, messages):
        if gate := Receiver.gate:
            Receiver.gate = None
            gate(lambda sql: None, gate.after)
        for message in messages:
            (to,) = message.to
            if left := self.errors.get(to):
                raise left.pop(0)
        return super().send_messages(messages)


@pytest.fixture
def errors(monkeypatch):
    Receiver.errors, Receiver.gate = {}, None
    monkeypatch.setattr(channels, "get_connection", Receiver)
    return Receiver.errors


def told(*emails, kind="changed", **fields):
    """Queue a message to each address; the messages."""
    messages = [new_message(kind=kind, email=email, **fields) for email in emails]
    queue(messages)
    return messages


def later():
    """Let the time pass until all messages are due."""
    OutgoingMessage.objects.filter(is_queued=True).update(due_at=timezone.now() - HOUR)


def sent():
    return [each.to[0] for each in mail.outbox]


def ids():
    return [each.extra_headers["Message-ID"] for each in mail.outbox]


def refused(code):
    return smtplib.SMTPRecipientsRefused({"a@example.com": (code, b"no such user")})


def test_an_error_of_one_message_does_not_keep_the_others_back(errors):
    errors["b@example.com"] = [smtplib.SMTPDataError(451, b"later")]
    told("a@example.com", "b@example.com", "c@example.com")

    assert send_due() == 2
    assert sent() == ["a@example.com", "c@example.com"]
    assert send_due() == 0, "it waits"
    later()
    assert send_due() == 1
    assert sent()[-1] == "b@example.com"


def test_a_recipient_gets_messages_in_their_order(errors):
    errors["a@example.com"] = [OSError("away")]
    first, second = told("a@example.com", "a@example.com")

    assert send_due() == 0
    assert OutgoingMessage.objects.get(pk=second.pk).attempts == 0, "the first one goes first"
    later()
    assert send_due() == 2
    assert ids() == [f"<{each.message_id}@testserver>" for each in (first, second)]


def test_an_urgent_message_does_not_wait_for_one_that_is_refused(errors):
    user = UserFactory(email="a@example.com", email_verified_at=None)
    body = {"subject": "x", "body": "y"}
    told("a@example.com", kind="written_before", data=body)
    OutgoingMessage.objects.update(due_at=timezone.now() + HOUR)
    told("a@example.com", kind="reset", user=user)

    assert send_due() == 1


def test_the_wait_grows_and_the_message_is_given_up_after_a_day(errors):
    errors["a@example.com"] = [OSError("away")] * MOST_ATTEMPTS
    (message,) = told("a@example.com")
    waits = []
    for _attempt in range(MOST_ATTEMPTS):
        later()
        before = timezone.now()
        send_due()
        message.refresh_from_db()
        waits.append(message.due_at - before)

    assert dt.timedelta(seconds=29) < waits[0] < dt.timedelta(seconds=92)
    assert 20 * HOUR < sum(waits[:-1], dt.timedelta()) < 36 * HOUR
    assert (message.status, message.last_error) == ("FAILED", "OSError: away")
    assert send_due() == 0


def test_a_recipient_who_is_refused_for_good_is_given_up_at_once(errors):
    errors["a@example.com"] = [refused(550)]
    errors["b@example.com"] = [refused(450)]
    told("a@example.com", "b@example.com")

    send_due()

    status = OutgoingMessage.objects.values_list("recipient", "status")
    assert dict(status) == {"a@example.com": "FAILED", "b@example.com": "QUEUED"}


def test_a_message_that_was_given_up_is_sent_again_with_the_same_id(errors):
    errors["a@example.com"] = [refused(550)]
    (message,) = told("a@example.com")
    send_due()
    assert not sent()

    assert replay(message_id=message.pk)
    assert not replay(message_id=message.pk), "it is queued"
    assert send_due() == 1
    assert replay(message_id=message.pk)
    assert send_due() == 1
    assert len(set(ids())) == 1
    assert len(ids()) == 2


def test_a_user_without_an_address_gets_the_message_when_there_is_one(errors):
    user = UserFactory(email=None, email_verified_at=None)
    message = new_message(kind="changed", user=user)
    queue([message])
    assert send_due() == 0
    assert not replay(message_id=message.pk)

    type(user).objects.filter(pk=user.pk).update(email="new@example.com")
    assert replay(message_id=message.pk)
    send_due()
    assert sent() == ["new@example.com"]


def test_a_mail_server_that_is_away_ends_the_round(errors, monkeypatch):
    calls = []

    class Away(Receiver):
        def open(self):
            calls.append(1)
            raise ConnectionRefusedError

    monkeypatch.setattr(channels, "get_connection", Away)
    told(*(f"{number}@example.com" for number in range(10)))

    assert send_due() == 0

    assert len(calls) == outbox.MOST_FAILURES
    tried = OutgoingMessage.objects.filter(attempts__gt=0, due_at__gt=timezone.now())
    assert tried.count() == outbox.MOST_FAILURES, "the others are not leased any more"


def test_many_mailboxes_that_are_full_do_not_keep_the_others_back(errors):
    full = [f"full{number}@example.com" for number in range(10)]
    for email in full:
        errors[email] = [smtplib.SMTPDataError(452, b"mailbox full")]
    told(*full, "a@example.com")

    assert send_due() == 1
    said = OutgoingMessage.objects.filter(recipient=full[0]).get().last_error
    assert said.startswith("SMTPDataError: (452")


def test_a_bug_in_one_kind_of_letter_does_not_keep_the_others_back(errors):
    *many, _fine = told(*(f"{number}@example.com" for number in range(10)))
    broken = OutgoingMessage.objects.filter(pk__in=[each.pk for each in many])
    broken.update(kind="written_before")

    assert send_due() == 1
    broken = broken.first()
    assert broken.last_error.startswith("KeyError")


def test_two_sweeps_at_once_send_each_message_once(errors):
    told(*(f"{number}@example.com" for number in range(5)))

    counts = race(send_due, send_due, meeting=Meeting('FROM "accounts_outgoingmessage"'))

    assert sum(counts) == 5
    assert sorted(sent()) == [f"{number}@example.com" for number in range(5)]


def test_a_message_that_one_sweep_is_sending_is_not_sent_by_another_until_its_lease_ends(errors):
    (first, second) = told("a@example.com", "a@example.com")
    gate = Receiver.gate = Gate(after="")
    with background(send_due) as slow:
        gate.wait()
        assert send_due() == 0
        OutgoingMessage.objects.filter(pk=first.pk).update(due_at=timezone.now() - HOUR)
        assert send_due() == 2
        gate.open()
        assert slow.result() == 1

    expected = [f"<{each.message_id}@testserver>" for each in (first, second, first)]
    assert ids() == expected, "the duplicate has the same ID"


def test_a_late_error_does_not_put_off_a_message_that_another_sweep_has_leased(errors):
    errors["a@example.com"] = [OSError("late")]
    (message,) = told("a@example.com")
    gate = Receiver.gate = Gate(after="")
    with background(send_due) as slow:
        gate.wait()
        # The lease has ended, and another sweep has begun one.
        due_at = timezone.now() + HOUR
        OutgoingMessage.objects.filter(pk=message.pk).update(due_at=due_at, attempts=2)
        gate.open()
        assert slow.result() == 0

    message.refresh_from_db()
    assert (message.due_at, message.attempts, message.last_error) == (due_at, 2, "")


def test_what_a_user_switched_off_and_the_mails_of_a_rehearsal_are_dropped(errors, monkeypatch):
    kinds = outbox.letter_kinds()
    monkeypatch.setitem(kinds, "news", dataclasses.replace(kinds["changed"], choice="news"))
    monkeypatch.setitem(choices(), "news", Choice("News", "News."))
    off, on, buyer = UserFactory(), UserFactory(), UserFactory(rehearsal="dress")
    MutedNotice.objects.create(user=off, choice="news")
    queue([new_message(kind="news", user=user) for user in (off, on, buyer)])

    assert send_due() == 1
    assert sent() == [on.email]
    assert OutgoingMessage.objects.count() == 1


def test_a_message_is_written_by_the_statement_of_its_event(errors):
    user = UserFactory()
    data = {"tickets": ['"', 2], "note": "가"}
    message = new_message(kind="changed", user=user, data=data)

    with transaction.atomic():
        write_rows(Insert([message]))

    stored = OutgoingMessage.objects.get(pk=message.pk)
    assert (stored.data, stored.message_id) == (data, message.message_id)
    assert send_due() == 1


def test_old_messages_are_deleted_unless_they_wait(errors):
    errors["b@example.com"] = [refused(550)]
    told("a@example.com", "b@example.com")
    send_due()
    told("c@example.com")
    OutgoingMessage.objects.update(created_at=timezone.now() - dt.timedelta(days=31))
    told("d@example.com")

    assert outbox.delete_old(kept=dt.timedelta(days=30)) == 2
    left = OutgoingMessage.objects.order_by("pk").values_list("recipient", flat=True)
    assert list(left) == ["c@example.com", "d@example.com"]
