"""The same key gets the same answer and one effect (accounts/services/idempotency.py)."""

import datetime as dt
from typing import ClassVar

import pytest
from django.utils import timezone

from accounts.gateway import GatewayAnswer
from accounts.models import BalanceHistory, Charge, IdempotencyKey
from accounts.services.charges import settle_pending_charges
from accounts.services.idempotency import forget_old_answers
from payments.models import Payment
from tests.factories import ScheduleFactory, UserFactory, balance_of, bought, held

pytestmark = pytest.mark.django_db


def pay(client, reservations, key, spelled=str):
    headers = {"Idempotency-Key": key} if key else {}
    body = {"reservations": [spelled(reservation.pk) for reservation in reservations]}
    return client.post("/api/v1/payments/", body, format="json", headers=headers)


def charge(client, amount, key):
    return client.post(
        "/api/v1/me/balance/charges/",
        {"amount": amount},
        format="json",
        headers={"Idempotency-Key": key},
    )


def test_a_payment_sent_again_gets_the_same_bytes_and_takes_no_more_money(app):
    user = UserFactory(won=50_000)
    reservations = held(user, ScheduleFactory(price=10_000), 1, 2)
    client = app(user)

    first = pay(client, reservations, "k")
    again = pay(client, reservations, "k")

    assert first.status_code == again.status_code == 201
    assert again.content == first.content
    assert balance_of(user) == 30_000
    assert Payment.objects.count() == 2


def test_a_new_key_for_what_is_paid_says_so(app):
    user = UserFactory(won=50_000)
    reservations = held(user, ScheduleFactory(price=10_000))
    client = app(user)
    pay(client, reservations, "k")

    refused = pay(client, reservations, "another")

    assert (refused.status_code, refused.json()["code"]) == (409, "already_paid")


def test_a_key_cannot_be_used_for_another_body(app):
    user = UserFactory(won=50_000)
    schedule = ScheduleFactory(price=10_000)
    one, two = held(user, schedule, 1, 2)
    client = app(user)
    pay(client, [one], "k")

    refused = pay(client, [two], "k")

    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    assert balance_of(user) == 40_000


def test_a_key_is_needed_to_pay_and_to_cancel(app):
    user = UserFactory(won=50_000)
    schedule = ScheduleFactory(price=10_000)
    ticket = bought(user, schedule, 1).tickets[0]
    client = app(user)

    for refused in (
        pay(client, held(user, schedule, 2), None),
        client.post(f"/api/v1/tickets/{ticket.pk}/cancel/", format="json"),
    ):
        assert (refused.status_code, refused.json()["code"]) == (400, "idempotency_key_missing")


@pytest.mark.parametrize("key", ["", "k" * 256, "\xe9"])
def test_a_charge_needs_no_key_but_not_one_that_is_not_valid(app, key):
    user = UserFactory()

    refused = charge(app(user), 10_000, key)

    assert (refused.status_code, refused.json()["code"]) == (400, "idempotency_key_invalid")
    assert not Charge.objects.exists()


def test_a_refusal_is_not_kept_so_the_same_key_may_succeed_later(app):
    user = UserFactory()
    reservations = held(user, ScheduleFactory(price=10_000))
    client = app(user)
    assert pay(client, reservations, "k").json()["code"] == "insufficient_balance"
    charge(client, 10_000, "c")

    assert pay(client, reservations, "k").status_code == 201


def test_two_users_may_use_the_same_key(app):
    schedule = ScheduleFactory(price=10_000)
    for number in (1, 2):
        user = UserFactory(won=10_000)
        assert pay(app(user), held(user, schedule, number), "the same key").status_code == 201


def test_a_cancellation_sent_again_refunds_once(app):
    user = UserFactory(won=10_000)
    ticket = bought(user, ScheduleFactory(price=10_000)).tickets[0]
    client = app(user)
    cancel = f"/api/v1/tickets/{ticket.pk}/cancel/"

    first = client.post(cancel, format="json", headers={"Idempotency-Key": "k"})
    again = client.post(cancel, format="json", headers={"Idempotency-Key": "k"})

    assert first.status_code == again.status_code == 200
    assert first.content == again.content
    assert balance_of(user) == 10_000


def in_capitals(pk):
    return str(pk).upper()


def test_a_payment_sent_again_with_its_ids_in_capitals_is_the_same_payment(app):
    user = UserFactory(won=50_000)
    reservations = held(user, ScheduleFactory(price=10_000), 1, 2)

    first = pay(app(user), reservations, "k")
    again = pay(app(user), reservations, "k", in_capitals)

    assert (again.status_code, again.content) == (201, first.content)


def test_a_cancellation_sent_again_with_its_id_in_capitals_is_the_same_cancellation(app):
    user = UserFactory(won=10_000)
    ticket = bought(user, ScheduleFactory(price=10_000)).tickets[0]

    first, again = (
        app(user).post(
            f"/api/v1/tickets/{spelled(ticket.pk)}/cancel/",
            format="json",
            headers={"Idempotency-Key": "k"},
        )
        for spelled in (str, in_capitals)
    )

    assert (again.status_code, again.content) == (200, first.content)
    assert balance_of(user) == 10_000


def test_a_charge_sent_again_with_a_field_that_is_not_read_is_the_same_charge(app):
    user = UserFactory()
    charge(app(user), 10_000, "k")
    body, headers = {"amount": 10_000, "note": "again"}, {"Idempotency-Key": "k"}

    again = app(user).post("/api/v1/me/balance/charges/", body, format="json", headers=headers)

    assert again.status_code == 201
    assert balance_of(user) == 10_000


def test_a_charge_sent_again_charges_once(app):
    user = UserFactory()
    client = app(user)

    first = charge(client, 10_000, "k")
    again = charge(client, 10_000, "k")

    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert balance_of(user) == 10_000
    assert charge(client, 20_000, "k").status_code == 422


def test_a_declined_charge_remains_declined_under_its_key(app):
    user = UserFactory()
    client = app(user)

    answers = [charge(client, 40_001, "k") for _ in range(2)]

    assert [answer.json()["code"] for answer in answers] == ["charge_declined"] * 2
    assert BalanceHistory.objects.get().status == "FAILED"


class DeadGateway:
    """The process or the connection dies before the answer."""

    def charge(self, **request):
        raise ConnectionError


class ApprovingGateway:
    def charge(self, **request):
        return GatewayAnswer(approved=True)


@pytest.mark.parametrize("finisher", ["retry", "sweep then retry"])
def test_a_charge_whose_process_died_is_finished_once(app, settings, finisher):
    user = UserFactory()
    client = app(user)
    settings.PAYMENT_GATEWAY = f"{__name__}.DeadGateway"
    lost = charge(client, 10_000, "k")
    assert (lost.status_code, lost.json()["code"]) == (503, "gateway_unavailable")
    settings.PAYMENT_GATEWAY = f"{__name__}.ApprovingGateway"

    if finisher != "retry":
        Charge.objects.update(created_at=timezone.now() - dt.timedelta(minutes=1))
        assert settle_pending_charges() == 1
    retried = charge(client, 10_000, "k")

    assert retried.status_code == 201
    assert charge(client, 10_000, "k").content == retried.content
    assert balance_of(user) == 10_000


class DecliningGateway:
    asked: ClassVar[list[int]] = []

    def charge(self, *, amount, **request):
        self.asked.append(amount)
        return GatewayAnswer(approved=False, reason="card_declined")


def test_a_declined_charge_is_answered_again_without_asking_the_gateway(app, settings):
    client = app(UserFactory())
    settings.PAYMENT_GATEWAY = f"{__name__}.DecliningGateway"
    DecliningGateway.asked.clear()

    first, again = charge(client, 5_000, "k"), charge(client, 5_000, "k")

    assert (first.status_code, first.json()["reason"]) == (402, "card_declined")
    assert (again.status_code, again.content) == (402, first.content)
    assert DecliningGateway.asked == [5_000]
    assert charge(client, 5_000, "another key").status_code == 402
    assert len(DecliningGateway.asked) == 2


class MoodyGateway(ApprovingGateway):
    """Fails for some charges, in three ways."""

    asked: ClassVar[list[int]] = []

    def charge(self, *, amount, **request):
        self.asked.append(amount)
        if amount == 1_000:
            raise ConnectionError
        if amount == 2_000:
            return GatewayAnswer(approved=False, reason="x" * 201)
        return super().charge() if amount == 3_000 else None


def test_charges_that_cannot_be_settled_keep_no_other_waiting_for_good(settings):
    user = UserFactory()
    for amount in (1_000, 2_000, 4_000, 2_000, 3_000):
        long_ago = timezone.now() - dt.timedelta(minutes=1)
        Charge.objects.create(user=user, amount=amount, created_at=long_ago)
    settings.PAYMENT_GATEWAY = f"{__name__}.MoodyGateway"

    # Each round ends after three failures, and the good one is the youngest.
    assert [settle_pending_charges() for _round in range(3)] == [0, 1, 0]
    assert balance_of(user) == 3_000
    MoodyGateway.asked.clear()
    settle_pending_charges()
    assert len(MoodyGateway.asked) == 3


def test_answers_are_forgotten_after_a_day(app):
    charge(app(UserFactory()), 10_000, "k")
    assert forget_old_answers() == 0

    IdempotencyKey.objects.update(created_at=timezone.now() - dt.timedelta(hours=25))

    assert forget_old_answers() == 1
