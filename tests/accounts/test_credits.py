"""Goodwill credits: a limit, a second person above it, and money that is given once."""

import uuid

import pytest
from django.utils import timezone

from accounts.errors import (
    AccountClosing,
    CreditDecided,
    IdempotencyKeyReused,
    InvalidAmount,
    SecondPersonNeeded,
)
from accounts.models import Activity, BalanceHistory, Credit, User
from accounts.services.credits import MOST, decide_credit, give_credit
from tests.factories import StaffFactory, UserFactory, balance_of
from tests.mailbox import mails_to

pytestmark = pytest.mark.django_db


@pytest.fixture
def people():
    """A member of the staff, a second one, and a buyer."""
    return StaffFactory(), StaffFactory(), UserFactory()


def give(member, user, amount, limit=30_000, **options):
    return give_credit(
        actor=member, user=user, amount=amount, limit=limit, reason="Late doors", **options
    )


def decide(member, credit, *, approve=True):
    return decide_credit(actor=member, credit_id=credit.pk, approve=approve, reason="I was there")


def test_a_credit_within_the_limit_is_in_the_balance_at_once_and_its_form_gives_it_once(people):
    member, _second, user = people
    key = uuid.uuid4()
    for _try in range(2):
        credit = give(member, user, 30_000, key=key)

    line = BalanceHistory.objects.get(balance__user=user)
    assert (line.type, line.delta, line.source) == ("CREDIT", 30_000, credit.pk)
    assert (credit.state, credit.decided_by, balance_of(user)) == ("GIVEN", None, 30_000)
    entry = Activity.objects.get()
    assert (entry.act, entry.new) == ("credit.give", {"amount": 30_000})
    assert (entry.target_key, entry.reason) == (str(user.pk), "Late doors")
    (mail,) = mails_to(user.email)
    assert "30,000" in mail.subject
    with pytest.raises(IdempotencyKeyReused):
        give(member, user, 20_000, key=key)


def test_small_credits_in_a_row_count_against_the_limit(people):
    member, second, user = people
    give(member, user, 20_000)
    give(second, user, 20_000)
    assert give(member, user, 10_001).state == "WAITING"
    assert give(member, UserFactory(), 30_000).state == "GIVEN"
    assert give(member, user, 10_000).state == "GIVEN"
    assert balance_of(user) == 50_000


def test_a_credit_above_the_limit_waits_until_a_second_person_approves_it(people):
    member, second, user = people
    credit = give(member, user, 50_000)
    assert balance_of(user) == 0
    for _try in range(2):
        decide(second, credit)

    assert balance_of(user) == 50_000
    credit.refresh_from_db()
    assert (credit.state, credit.decided_by) == ("GIVEN", second)
    acts = list(Activity.objects.order_by("pk").values_list("act", "actor", "reason"))
    assert acts == [
        ("credit.ask", member.pk, "Late doors"),
        ("credit.approve", second.pk, "I was there"),
    ]


def test_a_credit_is_decided_once(people):
    member, second, user = people
    credit = give(member, user, 50_000)
    decide(second, credit, approve=False)
    for other in (second, StaffFactory()):
        with pytest.raises(CreditDecided):
            decide(other, credit)
    assert balance_of(user) == 0
    assert not user.messages.exists()


def test_nobody_gives_a_credit_to_themselves_or_approves_their_own(people):
    member, second, user = people
    with pytest.raises(SecondPersonNeeded):
        give(member, member, 1)
    asked_for = [(give(member, user, 50_000), member), (give(member, second, 50_000), second)]
    for asked, approver in asked_for:
        with pytest.raises(SecondPersonNeeded):
            decide(approver, asked)
    assert Credit.objects.filter(state="WAITING").count() == 2


@pytest.mark.parametrize("amount", [0, -1, MOST + 1])
def test_an_amount_out_of_bounds_is_refused(people, amount):
    member, _second, user = people
    with pytest.raises(InvalidAmount):
        give(member, user, amount)


def test_an_account_that_is_about_to_be_deleted_gets_no_credit(people):
    member, second, user = people
    asked = give(member, user, 50_000)
    User.objects.filter(pk=user.pk).update(closes_at=timezone.now())
    with pytest.raises(AccountClosing):
        give(member, user, 1_000)
    with pytest.raises(AccountClosing):
        decide(second, asked)
    asked.refresh_from_db()
    assert (asked.state, balance_of(user)) == ("WAITING", 0)
