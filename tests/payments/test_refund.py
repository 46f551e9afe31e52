"""The fee of cancelling, by the terms at the purchase."""

import datetime as dt

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.formats import date_format

from concertbook.db.clock import utc
from concerts.refund_policy import KOREAN_STANDARD, RefundPolicy, validate_refund_policy
from payments.errors import CancellationClosed
from payments.models import Ticket
from payments.services.ticket_cancellation import quote_refund
from tests.factories import ScheduleFactory, UserFactory, balance_of, bought

SEOUL = timezone.get_default_timezone()
SHOW = dt.datetime(2027, 5, 20, 19, 0, tzinfo=SEOUL)
BOUGHT = dt.datetime(2027, 4, 1, 20, 0, tzinfo=SEOUL)


def fee(now, bought_at=BOUGHT):
    policy = RefundPolicy.parse(KOREAN_STANDARD)
    return policy.fee(price=99_999, bought_at=bought_at, sold_for=SHOW, start_at=SHOW, now=now).won


@pytest.mark.parametrize(
    ("days_before", "percent"),
    [(40, 0), (10, 0), (9, 10), (7, 10), (6, 20), (3, 20), (2, 30), (1, 30), (0, 90)],
)
def test_the_fee_follows_the_ladder_of_days(days_before, percent):
    now = SHOW - dt.timedelta(days=days_before, hours=1)
    assert fee(now) == 99_999 * percent // 100


def test_days_are_counted_between_dates_in_seoul_not_in_hours():
    late_the_evening_before = dt.datetime(2027, 5, 19, 23, 59, tzinfo=SEOUL)
    assert fee(late_the_evening_before) == 99_999 * 30 // 100
    assert fee(late_the_evening_before + dt.timedelta(minutes=2)) == 99_999 * 90 // 100


@pytest.mark.parametrize("text", ["", "10", "7:10 10:0 0:90", "10:0 7:10", "10:0 0:101", "a:b 0:1"])
def test_a_policy_that_is_no_ladder_is_refused(text):
    with pytest.raises(ValidationError):
        validate_refund_policy(text)


def bought_long_ago(user, schedule):
    ticket = bought(user, schedule).tickets[0]
    # Beyond any row of holidays: they do not count into the free 24 hours.
    Ticket.objects.filter(pk=ticket.pk).update(created_at=timezone.now() - dt.timedelta(days=30))
    return ticket


def moved(schedule, *, by):
    """Move the show by this much after its tickets were sold."""
    schedule.start_at += by
    schedule.end_at += by
    schedule.save()


def schedule_in(days):
    show = timezone.now() + dt.timedelta(days=days)
    return ScheduleFactory(
        price=100_000,
        start_at=show,
        end_at=show + dt.timedelta(hours=2),
        reserve_until=timezone.now() + dt.timedelta(seconds=60),
    )


@pytest.mark.django_db
@pytest.mark.parametrize("days", [1, 5, -1])
def test_a_show_moved_to_another_date_is_cancelled_free_of_charge_until_it_begins(days):
    user, schedule = UserFactory(won=100_000), schedule_in(days=2)
    ticket = bought_long_ago(user, schedule)
    assert quote_refund(user=user, ticket_id=ticket.pk).fee == 30_000

    moved(schedule, by=dt.timedelta(days=days))

    quote = quote_refund(user=user, ticket_id=ticket.pk)
    assert (quote.fee, quote.basis, quote.until) == (0, "moved", schedule.start_at)
    moved(schedule, by=dt.timedelta(days=-days))
    assert quote_refund(user=user, ticket_id=ticket.pk).fee == 30_000
    moved(schedule, by=dt.timedelta(days=-2, hours=-1))
    with pytest.raises(CancellationClosed):
        quote_refund(user=user, ticket_id=ticket.pk)


@pytest.mark.django_db
def test_the_right_to_cancel_a_moved_show_is_told_on_its_pages(client, app):
    user, schedule = UserFactory(won=100_000), schedule_in(days=2)
    ticket = bought_long_ago(user, schedule)
    client.force_login(user)
    english = {"Accept-Language": "en"}
    told = "Because its date changed, you can cancel your ticket free of charge"
    free = "Free of charge: the date of the show changed"
    ladder = "Where the fee comes from"

    before = client.get(f"/tickets/{ticket.pk}/cancel/", headers=english).content.decode()
    moved(schedule, by=dt.timedelta(days=1))
    page = client.get(f"/tickets/{ticket.pk}/", headers=english).content.decode()
    after = client.get(f"/tickets/{ticket.pk}/cancel/", headers=english).content.decode()
    quote = app(user).get(f"/api/v1/tickets/{ticket.pk}/refund-quote/").json()

    assert (free in before, ladder in before) == (False, True)
    assert told in page
    assert (free in after, ladder in after) == (True, False)
    assert quote == {
        "amount": 100_000,
        "fee": 0,
        "compensation": 0,
        "basis": "moved",
        "until": utc(schedule.start_at),
    }


@pytest.mark.django_db
def test_a_ticket_tells_when_the_show_is_now(client, app):
    user, schedule = UserFactory(won=100_000), schedule_in(days=10)
    ticket = bought(user, schedule).tickets[0]
    before = date_format(timezone.localtime(schedule.start_at), "H:i")
    moved(schedule, by=dt.timedelta(days=1, hours=1, minutes=7))
    now = date_format(timezone.localtime(schedule.start_at), "H:i")
    client.force_login(user)

    assert now in client.get("/tickets/").content.decode()
    page = client.get(f"/tickets/{ticket.pk}/").content.decode()
    told = app(user).get(f"/api/v1/tickets/{ticket.pk}/").json()

    assert page.index(now) < page.index(f'{before} <span class="zone">KST</span></time></s>')
    assert told["start_at"] == utc(schedule.start_at)


@pytest.mark.django_db
def test_the_quote_is_what_is_refunded_and_the_fee_is_kept(app):
    user = UserFactory(won=100_000)
    soon = timezone.now() + dt.timedelta(days=5)
    schedule = ScheduleFactory(
        price=100_000, start_at=soon, end_at=soon + dt.timedelta(hours=2), reserve_until=soon
    )
    ticket = bought_long_ago(user, schedule)
    client = app(user)

    quote = client.get(f"/api/v1/tickets/{ticket.pk}/refund-quote/").json()
    refund = client.post(
        f"/api/v1/tickets/{ticket.pk}/cancel/", headers={"Idempotency-Key": "k"}
    ).json()

    assert (quote["amount"], quote["fee"], quote["basis"]) == (80_000, 20_000, "ladder")
    assert (refund["amount"], refund["fee"]) == (80_000, 20_000)
    assert balance_of(user) == 80_000


@pytest.mark.django_db
def test_a_sold_ticket_keeps_the_policy_it_was_sold_under(app):
    user = UserFactory(won=10_000)
    schedule = ScheduleFactory(price=10_000)
    ticket = bought_long_ago(user, schedule)
    schedule.concert.refund_policy = "365:50 0:100"
    schedule.concert.refund_policy_reason = "A hall to fill"
    schedule.concert.save()

    quote = app(user).get(f"/api/v1/tickets/{ticket.pk}/refund-quote/").json()

    assert (quote["amount"], quote["fee"]) == (10_000, 0)


@pytest.mark.django_db
def test_a_fee_of_everything_moves_no_money(app):
    user = UserFactory(won=10_000)
    schedule = ScheduleFactory(price=10_000)
    schedule.concert.refund_policy = "0:100"
    schedule.concert.refund_policy_reason = "A hall to fill"
    schedule.concert.save()
    ticket = bought_long_ago(user, schedule)

    refund = (
        app(user)
        .post(f"/api/v1/tickets/{ticket.pk}/cancel/", headers={"Idempotency-Key": "k"})
        .json()
    )

    assert (refund["amount"], refund["fee"]) == (0, 10_000)
    assert balance_of(user) == 0
