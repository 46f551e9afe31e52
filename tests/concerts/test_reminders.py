"""A user is reminded of the opening of a sale: once, in time, and only when they want it."""

import datetime as dt

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from accounts.letter import letter_kinds
from accounts.models import OutgoingMessage, PushSubscription
from accounts.services.outbox import send_due
from concerts.models import ConcertSchedule, Reminder
from concerts.services.reminders import AFTER, BEFORE, queue_due_reminders
from payments.services.schedule_cancellation import cancel_schedule
from queueing.models import WaitingRoom
from tests.concurrency.threads import race
from tests.factories import PASSWORD, ScheduleFactory, StaffFactory, UserFactory, ahead
from tests.mailbox import mails_to

pytestmark = pytest.mark.django_db(transaction=True)

OURS = {"Origin": "http://testserver", "Accept-Language": "en"}
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def schedule():
    return ScheduleFactory(
        concert__title="연희동 재즈",
        concert__title_en="Yeonhui Jazz",
        concert__venue="연희극장",
        reserve_from=ahead(days=2),
    )


@pytest.fixture
def user(client):
    user = UserFactory()
    client.force_login(user)
    return user


def opens_in(schedule, delta):
    ConcertSchedule.objects.filter(pk=schedule.pk).update(reserve_from=timezone.now() + delta)


def remind(client, schedule, language="en"):
    headers = {**OURS, "Accept-Language": language}
    return client.post(f"/schedules/{schedule.pk}/reminder/", headers=headers, follow=True)


def test_a_mail_comes_once_before_the_sale_opens(client, user, schedule):
    page = remind(client, schedule).content.decode()
    assert "We will remind you" in page
    assert user.email in page

    opens_in(schedule, BEFORE + MINUTE)
    assert queue_due_reminders() == 0
    opens_in(schedule, BEFORE - MINUTE)
    assert queue_due_reminders() == 1
    assert queue_due_reminders() == 0

    (sent,) = mails_to(user.email)
    assert sent.subject == "The sale opens soon: Yeonhui Jazz"
    assert f"http://testserver/en/concerts/{schedule.concert_id}/" in sent.body
    assert "KST" in sent.body
    assert "We have reminded you" in remind(client, schedule).content.decode()
    assert queue_due_reminders() == 0


def test_a_browser_that_shows_messages_gets_one_too(client, user, schedule):
    browsers = [
        PushSubscription.objects.create(user=each, endpoint=f"https://push.example/{each.pk}")
        for each in (user, UserFactory())
    ]
    remind(client, schedule)
    opens_in(schedule, BEFORE - MINUTE)

    assert queue_due_reminders() == 1

    pushed = OutgoingMessage.objects.get(channel="PUSH")
    assert (pushed.kind, pushed.recipient) == ("sale_opens_push", str(browsers[0].pk))
    assert "Yeonhui Jazz" in letter_kinds()[pushed.kind].compose(pushed).subject


def test_the_mail_is_in_the_language_in_which_it_was_wanted(client, user, schedule):
    remind(client, schedule, "en")
    remind(client, schedule, "ko")
    opens_in(schedule, MINUTE)
    queue_due_reminders()

    (sent,) = mails_to(user.email)

    assert sent.subject == "곧 예매가 시작됩니다: 연희동 재즈"
    assert "연희극장" in sent.body
    assert "\n\n\n" not in sent.body


def test_a_press_while_logged_out_takes_effect_after_the_log_in(schedule):
    browser = Client(headers={"Accept-Language": "en"})
    user = UserFactory()
    address = f"/schedules/{schedule.pk}/reminder/"
    log_in = browser.post(address, headers=OURS)["Location"]

    back = browser.post(log_in, {"login": user.email, "password": PASSWORD, "next": address})
    page = browser.get(back["Location"], follow=True).content.decode()

    assert "We will remind you" in page
    assert Reminder.objects.get().user == user


def test_a_link_sets_no_reminder(client, user, schedule):
    page = client.get(f"/schedules/{schedule.pk}/reminder/", headers=OURS).content.decode()

    assert "Remind me" in page
    assert not Reminder.objects.exists()


def test_a_form_of_another_site_sets_no_reminder(user, schedule):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(user)

    response = browser.post(
        f"/schedules/{schedule.pk}/reminder/", headers={"Origin": "https://evil.example"}
    )

    assert response.status_code == 403
    assert not Reminder.objects.exists()


def test_it_is_withdrawn_in_the_same_place(client, user, schedule):
    Reminder.objects.create(user=UserFactory(), schedule=schedule)
    page = remind(client, schedule).content.decode()
    withdraw = f"/schedules/{schedule.pk}/reminder/withdraw/"
    assert withdraw in page
    assert client.get(withdraw).status_code == 302
    assert Reminder.objects.filter(user=user).exists()

    page = client.post(withdraw, headers=OURS, follow=True).content.decode()

    assert "We will not remind you." in page
    assert "Remind me</button>" in page
    assert not Reminder.objects.filter(user=user).exists()
    assert Reminder.objects.count() == 1


def test_two_presses_at_once_are_one_reminder(user, schedule):
    def press():
        browser = Client()
        browser.force_login(user)
        return remind(browser, schedule).status_code

    assert race(press, press) == [200, 200]
    assert Reminder.objects.count() == 1


def test_an_opening_that_moves_takes_its_mail_with_it(client, user, schedule):
    remind(client, schedule)
    opens_in(schedule, MINUTE)
    room = schedule.concert.waiting_room
    later = timezone.now() + dt.timedelta(hours=1)
    WaitingRoom.objects.filter(pk=room.pk).update(state="SCHEDULED", opens_at=later)
    assert queue_due_reminders() == 0

    WaitingRoom.objects.filter(pk=room.pk).update(opens_at=timezone.now() + MINUTE)
    assert queue_due_reminders() == 1


@pytest.mark.parametrize(
    ("opened", "mails"), [(AFTER - MINUTE, 1), (AFTER + MINUTE, 0)], ids=["just", "long ago"]
)
def test_a_worker_that_was_away_still_sends_what_is_not_old(client, user, schedule, opened, mails):
    remind(client, schedule)
    opens_in(schedule, -opened)

    assert queue_due_reminders() == mails


def test_nothing_is_sent_for_a_cancelled_or_closed_sale(client, user, schedule):
    remind(client, schedule)
    opens_in(schedule, -MINUTE)
    WaitingRoom.objects.update(state="CLOSED")
    assert queue_due_reminders() == 0
    WaitingRoom.objects.update(state="OPEN")
    cancel_schedule(schedule_id=schedule.pk, by=StaffFactory())
    assert queue_due_reminders() == 0


def test_nothing_is_sent_to_an_address_before_it_is_confirmed(client, user, schedule):
    type(user).objects.filter(pk=user.pk).update(email_verified_at=None)
    page = remind(client, schedule).content.decode()
    assert "Please confirm this address first" in page
    opens_in(schedule, MINUTE)
    assert queue_due_reminders() == 0

    type(user).objects.filter(pk=user.pk).update(email_verified_at=timezone.now())
    assert queue_due_reminders() == 1


def test_a_mail_server_that_is_away_gets_the_mail_later(client, user, schedule, settings):
    remind(client, schedule)
    opens_in(schedule, MINUTE)
    queue_due_reminders()
    away = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    assert send_due() == 0

    settings.EMAIL_BACKEND = away
    OutgoingMessage.objects.update(due_at=timezone.now() - MINUTE)
    assert send_due() == 1
    assert len(mails_to(user.email)) == 1


def test_a_title_with_a_line_break_is_one_subject(client, user, schedule):
    type(schedule.concert).objects.update(title="연희동\nBcc: evil@example.com", title_en="")
    remind(client, schedule)
    opens_in(schedule, MINUTE)
    queue_due_reminders()

    (sent,) = mails_to(user.email)

    assert "\n" not in sent.subject
    assert sent.recipients() == [user.email]


def test_reminders_do_not_delay_the_mail_of_a_new_password(client, user, schedule):
    remind(client, schedule)
    opens_in(schedule, MINUTE)
    queue_due_reminders()
    client.post("/accounts/password/reset/", {"email": user.email})

    send_due()

    assert [each.subject for each in mail.outbox][1].startswith("The sale opens soon")


def test_what_is_on_sale_already_leads_to_its_page(client, user):
    schedule = ScheduleFactory()

    response = remind(client, schedule)

    assert response.redirect_chain[-1][0] == f"/concerts/{schedule.concert_id}/"
    assert not Reminder.objects.exists()


def test_a_schedule_of_a_rehearsal_or_none_is_not_found(client, user):
    rehearsed = ScheduleFactory(
        concert__waiting_room__slug="dress",
        concert__waiting_room__rehearsal="dress",
        reserve_from=ahead(days=1),
    )

    assert remind(client, rehearsed).status_code == 404
    unknown = "/schedules/00000000-0000-0000-0000-000000000000/reminder/"
    assert client.get(unknown).status_code == 404
