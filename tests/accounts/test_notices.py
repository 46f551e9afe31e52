"""Notices that are not owed can be switched off: in the account, and by the link in each mail."""

import pytest
from django.core import mail
from django.test import Client

from accounts.letter import choices
from accounts.models import MutedNotice
from accounts.notice_links import make_notice_link
from accounts.services.outbox import new_message, queue, send_due
from concerts.services.reminders import BEFORE
from tests.factories import ScheduleFactory, UserFactory, ahead

pytestmark = pytest.mark.django_db

PAGE = "/accounts/notices/"


def off_address(user):
    return f"{PAGE}off/{make_notice_link(user_id=user.pk, choice='sale_opens')}/"


def test_a_user_switches_off_their_own_notices_only(client):
    me, other = UserFactory(), UserFactory()
    MutedNotice.objects.create(user=other, choice="sale_opens")
    client.force_login(me)

    assert client.get(PAGE).content.decode().count(" checked") == len(choices())
    client.post(PAGE)
    assert MutedNotice.objects.filter(user=me).count() == len(choices())
    assert "checked" not in client.get(PAGE).content.decode()

    client.post(PAGE, {"notice": [*choices(), "none such"]})
    assert [each.user for each in MutedNotice.objects.all()] == [other]


def test_a_mail_with_a_choice_says_how_it_is_switched_off_with_one_click():
    user = UserFactory()
    schedule = ScheduleFactory(reserve_from=ahead(seconds=BEFORE.total_seconds() / 2))
    queue([new_message(kind="sale_opens", user=user, data={"schedule": str(schedule.pk)})])
    send_due()
    (sent,) = mail.outbox
    headers = sent.extra_headers
    address = headers["List-Unsubscribe"].strip("<>")
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert address in sent.body
    assert address in sent.alternatives[0].content

    # A mailbox's provider has no cookie and no token.
    provider = Client(enforce_csrf_checks=True)
    answer = provider.post(
        address.removeprefix("http://testserver"), {"List-Unsubscribe": "One-Click"}
    )

    assert answer.status_code == 200
    queue([new_message(kind="sale_opens", user=user, data={"schedule": str(schedule.pk)})])
    assert send_due() == 0


def test_a_link_that_is_only_opened_switches_nothing_off(client):
    user = UserFactory()

    assert client.get(off_address(user)).status_code == 200
    assert not MutedNotice.objects.exists()
    for _twice in range(2):
        assert client.post(off_address(user)).status_code == 200
    assert MutedNotice.objects.get().user == user


def test_a_forged_link_and_one_of_an_account_that_is_gone_switch_nothing_off(client):
    user = UserFactory()
    gone = off_address(user)
    user.delete()
    unknown = make_notice_link(user_id=user.pk, choice="none such")

    assert client.post(f"{PAGE}off/x:y:z/").status_code == 410
    assert client.post(f"{PAGE}off/{unknown}/").status_code == 410
    assert client.post(gone).status_code == 200
    assert not MutedNotice.objects.exists()


def test_a_mail_that_is_owed_has_no_such_link():
    queue([new_message(kind="changed", email="a@example.com", user=UserFactory())])
    send_due()
    (sent,) = mail.outbox
    assert "List-Unsubscribe" not in sent.extra_headers
    assert "/notices/" not in sent.body
