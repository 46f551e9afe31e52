"""A copy of one's data: complete, and for its user only."""

import datetime as dt
import io
import json
import zipfile

import pytest
from django.apps import apps
from django.test import Client

from accounts.app_tokens import issue_tokens
from accounts.models import (
    Consent,
    DataCopy,
    IdempotencyKey,
    KeptIdentity,
    MutedNotice,
    PushSubscription,
    User,
)
from accounts.personal_data import parts
from accounts.services.account_deletion import erase_due_accounts, request_deletion
from accounts.services.data_copies import delete_old_copies, write_due_copies
from accounts.services.outbox import new_message, queue
from concertbook.db.clock import database_now
from concerts.models import Reminder
from payments.services.ticket_cancellation import cancel_ticket
from payments.services.ticket_offers import offer_ticket
from tests.concurrency.threads import Gate, background
from tests.factories import PASSWORD, ScheduleFactory, UserFactory, bought, held

pytestmark = pytest.mark.django_db(transaction=True)

ENGLISH = {"Accept-Language": "en"}


def everything():
    """A user with a row of each kind."""
    user, schedule = UserFactory(won=50_000), ScheduleFactory(price=10_000)
    for _each in range(2):
        ticket = bought(user, schedule, _each + 1).tickets[0]
    offer_ticket(user=user, ticket_id=ticket.pk, email="receiver@example.com")
    cancel_ticket(user=user, ticket_id=ticket.pk)
    issue_tokens(user)
    Consent.objects.create(user=user, document="terms", version=1)
    MutedNotice.objects.create(user=user, choice="x")
    Reminder.objects.create(user=user, schedule=schedule, language="", origin="")
    PushSubscription.objects.create(user=user, endpoint="https://fcm.googleapis.com/x")
    IdempotencyKey.objects.create(user=user, key="k", request_hash="x", answer=b"")
    DataCopy.objects.create(user=user)
    queue([new_message(kind="changed", user=user)])
    return user


SECTIONS = [section for part in parts() for section in part.sections]


@pytest.mark.parametrize("section", SECTIONS, ids=[section.name for section in SECTIONS])
def test_a_list_of_the_copy_has_rows_of_its_user_only(section):
    rich, poor = everything(), UserFactory()

    assert list(section.rows(rich))
    assert len(list(section.rows(poor))) == (section.name == "account")


def test_the_end_of_an_account_touches_no_other_account():
    rich, poor = everything(), UserFactory()
    request_deletion(user=poor, password=PASSWORD)
    User.objects.filter(pk=poor.pk).update(closes_at=database_now())

    assert erase_due_accounts() == 1

    for section in SECTIONS:
        assert list(section.rows(rich)), section.name
    assert IdempotencyKey.objects.filter(user=rich).exists()
    assert DataCopy.objects.filter(user=rich).exists()
    assert not KeptIdentity.objects.exists()


def test_two_workers_do_not_write_one_copy_twice(buyer):
    DataCopy.objects.create(user=buyer)
    gate = Gate('FROM "accounts_datacopy"')

    with background(write_due_copies, gate) as first:
        gate.wait()
        assert write_due_copies() == 0
        gate.open()
        assert first.result() == 1


@pytest.fixture
def buyer():
    buyer, schedule = UserFactory(won=50_000, name="김민지"), ScheduleFactory(price=10_000)
    first, _second = bought(buyer, schedule, 1, 2).tickets
    cancel_ticket(user=buyer, ticket_id=first.pk)
    held(buyer, schedule, 3)
    bought(UserFactory(won=10_000), schedule, 5)
    return buyer


def copy_of(client):
    client.post("/accounts/data/", {"password": PASSWORD}, headers=ENGLISH)
    write_due_copies()
    return DataCopy.objects.latest("created_at")


def test_a_copy_contains_all_that_the_user_has_and_nothing_of_others(client, buyer):
    client.force_login(buyer)
    answer = client.get(f"/accounts/data/{copy_of(client).pk}/")

    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    data = json.loads(archive.read("data.json"))
    page = archive.read("data.html").decode()
    assert data["account"][0]["name"] == "김민지"
    assert {row["status"] for row in data["tickets"]} == {"CANCELLED", "ISSUED"}
    assert len(data["reservations"]) == 3
    assert len(data["payments"]) == 2
    assert [row["amount"] for row in data["refunds"]]
    assert [row["type"] for row in data["ledger"]] == [
        "CHARGE",
        "RESERVATION",
        "RESERVATION",
        "CANCELLATION",
    ]
    assert len(data["charges"]) == 1
    assert data["waiting_rooms"]
    assert "김민지" in page
    assert "<h2>Tickets</h2>" in page


def test_every_model_that_refers_to_a_user_is_in_the_copy_or_left_out_with_a_reason():
    named = {label for part in parts() for label in part.left_out}
    named |= {section.model for part in parts() for section in part.sections}
    refer = {
        model._meta.label
        for model in apps.get_models()
        for field in (*model._meta.fields, *model._meta.many_to_many)
        if field.related_model is User
    }

    assert refer - named == set()
    assert named - refer <= {"accounts.User", "accounts.BalanceHistory", "payments.Refund"}


def test_a_copy_takes_the_password_and_is_its_users_alone(client, buyer):
    client.force_login(buyer)
    page = client.post("/accounts/data/", {"password": "x"}, headers=ENGLISH)
    assert "This is not your password." in page.content.decode()
    assert not DataCopy.objects.exists()
    copy, stranger = copy_of(client), Client()
    stranger.force_login(UserFactory())

    assert stranger.get(f"/accounts/data/{copy.pk}/").status_code == 404
    assert str(copy.pk) not in stranger.get("/accounts/data/").content.decode()
    assert Client().get(f"/accounts/data/{copy.pk}/").status_code == 302


def test_a_copy_is_gone_after_some_days(client, buyer):
    client.force_login(buyer)
    copy = copy_of(client)
    assert delete_old_copies() == 0
    DataCopy.objects.update(created_at=database_now() - dt.timedelta(days=3))

    assert client.get(f"/accounts/data/{copy.pk}/").status_code == 404
    assert delete_old_copies() == 1


def test_a_second_request_while_one_is_queued_makes_no_second_copy(client, buyer):
    client.force_login(buyer)
    for _twice in range(2):
        assert client.post("/accounts/data/", {"password": PASSWORD}).status_code == 302

    assert DataCopy.objects.count() == 1
    assert "data-changes-in" in client.get("/accounts/data/").content.decode()


def test_a_copy_that_fails_does_not_block_the_next_and_is_given_up(client, buyer, monkeypatch):
    client.force_login(buyer)
    client.post("/accounts/data/", {"password": PASSWORD})
    monkeypatch.setattr("accounts.services.data_copies.pack", lambda copy: 1 / 0)
    for _each in range(3):
        write_due_copies()

    assert DataCopy.objects.get().state == DataCopy.State.FAILED
