"""Staff see what was sent and what was given up, what a message says, and send it again."""

import pytest
from django.contrib.auth.models import Permission
from django.core import mail
from django.urls import reverse

from accounts.models import Activity, OutgoingMessage
from accounts.services.outbox import new_message, queue, send_due
from tests.factories import StaffFactory, UserFactory

pytestmark = pytest.mark.django_db

LIST = "/admin/accounts/outgoingmessage/"


@pytest.fixture
def user():
    return UserFactory(email="a@example.com", email_verified_at=None)


@pytest.fixture
def operator(client):
    staff = StaffFactory()
    staff.user_permissions.set(Permission.objects.filter(codename="view_outgoingmessage"))
    client.force_login(staff)
    return staff


def message_to(user, kind="changed"):
    message = new_message(kind=kind, user=user)
    queue([message])
    return message


def letter(client, message):
    return client.get(reverse("admin:accounts_outgoingmessage_letter", args=[message.pk]))


def test_an_operator_with_the_permission_sends_a_message_again_which_is_logged(
    client, operator, user
):
    message = message_to(user)
    send_due()
    form = {"action": "send_again", "_selected_action": [message.pk]}
    client.post(LIST, form)
    assert send_due() == 0, "not without the permission"

    operator.user_permissions.add(Permission.objects.get(codename="resend_message"))
    client.post(LIST, form)

    assert send_due() == 1
    assert [each.to for each in mail.outbox] == [["a@example.com"]] * 2
    assert Activity.objects.get().target_key == str(message.pk)


def test_what_a_message_says_is_shown_but_no_secret_link(client, operator, user):
    shown = letter(client, message_to(user)).content.decode()
    assert "concertbook 계정의 이메일 주소가" in shown

    secret = letter(client, message_to(user, "reset")).content.decode()
    assert "/accounts/password/reset/key/" not in secret
    assert "비밀 링크" in secret


def test_a_message_that_cannot_be_composed_says_why(client, operator, user):
    message = message_to(user, "written_before")

    assert "KeyError" in letter(client, message).content.decode()


def test_the_letter_is_for_those_who_may_see_the_message(client, user):
    client.force_login(StaffFactory())
    assert letter(client, message_to(user)).status_code == 403


def test_no_operator_writes_a_message(client, operator, user):
    message = message_to(user)
    assert client.post(f"{LIST}add/").status_code == 403
    assert client.post(f"{LIST}{message.pk}/change/", {"recipient": "x"}).status_code == 403
    assert client.post(f"{LIST}{message.pk}/delete/", {"post": "yes"}).status_code == 403
    assert OutgoingMessage.objects.get().recipient == "a@example.com"
