"""The rule of docs/refunds.md at its boundaries: midnights in Seoul, weekends, holidays."""

import datetime as dt

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from hypothesis import example, given
from hypothesis import strategies as st

from concerts.business_days import is_business_day
from concerts.models import Concert
from concerts.refund_policy import (
    KOREAN_STANDARD,
    RefundPolicy,
    compensation,
    free_after_purchase_until,
)
from tests.factories import ConcertFactory

SEOUL = timezone.get_default_timezone()
MICROSECOND = dt.timedelta(microseconds=1)
STANDARD = RefundPolicy.parse(KOREAN_STANDARD)


def at(text):
    return dt.datetime.fromisoformat(text).replace(tzinfo=SEOUL)


def fee(*, start, now, bought="2026-01-01 12:00", policy=STANDARD, sold_for=None):
    return policy.fee(
        price=99_999,
        bought_at=at(bought),
        sold_for=at(sold_for or start),
        start_at=at(start),
        now=now,
    )


@pytest.mark.parametrize(
    ("last_moment_of", "percent", "then"),
    [
        ("2027-05-10", 0, 10),
        ("2027-05-13", 10, 20),
        ("2027-05-17", 20, 30),
        ("2027-05-19", 30, 90),
    ],
)
@pytest.mark.parametrize("start", ["2027-05-20 00:30", "2027-05-20 19:00", "2027-05-20 23:59"])
def test_a_fee_rises_at_midnight_in_seoul(last_moment_of, percent, then, start):
    midnight = at(last_moment_of) + dt.timedelta(days=1)
    last = fee(start=start, now=(midnight - MICROSECOND).astimezone(dt.UTC))
    first = fee(start=start, now=midnight.astimezone(dt.UTC))

    assert (last.percent, last.won, last.until) == (percent, 99_999 * percent // 100, midnight)
    assert (first.percent, first.won) == (then, 99_999 * then // 100)


def test_the_last_fee_stays_until_the_show_begins():
    assert fee(start="2027-05-20 19:00", now=at("2027-05-20 18:59")).until == at("2027-05-20 19:00")


FREE_UNTIL = [
    ("2026-07-09 18:00", "2026-07-10 18:00", "a Thursday"),
    ("2026-07-10 18:00", "2026-07-13 18:00", "a Friday"),
    ("2026-07-10 00:00", "2026-07-11 00:00", "a whole Friday"),
    ("2026-07-11 00:00", "2026-07-14 00:00", "a Saturday"),
    ("2026-07-12 23:59", "2026-07-14 00:00", "a Sunday"),
    ("2026-09-23 20:00", "2026-09-28 20:00", "the evening before Chuseok"),
    ("2026-09-25 09:00", "2026-09-29 00:00", "Chuseok itself"),
    ("2025-10-02 12:00", "2025-10-10 12:00", "before seven days off, with a substitute holiday"),
    ("2026-08-14 12:00", "2026-08-18 12:00", "before a Monday that is a substitute holiday"),
    ("2025-01-24 12:00", "2025-01-31 12:00", "before a day off declared that month, and Seollal"),
    ("2025-04-30 10:00", "2025-05-02 10:00", "before Labour Day, no public holiday in 2025"),
    ("2026-12-31 12:00", "2027-01-04 12:00", "the last day of a year"),
    ("2026-12-31 23:59", "2027-01-04 23:59", "the last minute of a year"),
]


@pytest.mark.parametrize(("bought", "until", "_what"), FREE_UNTIL, ids=[e[2] for e in FREE_UNTIL])
def test_the_24_free_hours_run_on_business_days_only(bought, until, _what):
    far_away = at(until) + dt.timedelta(days=30)
    assert free_after_purchase_until(bought_at=at(bought), start_at=far_away) == at(until)

    # Five days before the show, where the ladder takes 20 %.
    show = f"{at(until).date() + dt.timedelta(days=5)} 19:00"
    last = fee(start=show, bought=bought, now=at(until) - MICROSECOND)
    assert (last.won, last.basis, last.until) == (0, "just_bought", at(until))
    assert fee(start=show, bought=bought, now=at(until)).percent == 20


def test_the_24_free_hours_end_three_days_before_the_show_also_on_a_weekend():
    show, bought = "2026-07-14 19:00", "2026-07-10 18:00"
    until = at("2026-07-12 00:00")

    assert fee(start=show, bought=bought, now=until - MICROSECOND).won == 0
    assert fee(start=show, bought=bought, now=until - MICROSECOND).until == until
    assert fee(start=show, bought=bought, now=until).percent == 30


@pytest.mark.parametrize(
    ("bought", "now", "show", "told"),
    [
        # In the middle of the ladder: free for a day of business, then its fees.
        ("2026-11-23 18:00", "2026-11-23 18:05", "2026-12-01 19:00", "24 18:00, 24, 28, 30, 01"),
        ("2026-11-23 18:00", "2026-11-24 18:00", "2026-12-01 19:00", "24, 28, 30, 01"),
        # The free days of the ladder end before the 24 hours do, and after them.
        ("2026-11-21 18:00", "2026-11-21 18:05", "2026-12-01 19:00", "24 00:00, 24, 28, 30, 01"),
        ("2026-11-05 18:00", "2026-11-05 18:05", "2026-12-01 19:00", "21, 24, 28, 30, 01"),
    ],
)
def test_the_steps_of_a_ticket_begin_with_the_time_in_which_it_was_just_bought(
    bought, now, show, told
):
    policy = RefundPolicy.parse(KOREAN_STANDARD)

    steps = policy.steps_of_ticket(bought_at=at(bought), start_at=at(show), now=at(now))

    assert told == ", ".join(
        f"{step.until.astimezone(SEOUL):{'%d %H:%M' if step.is_to_the_minute else '%d'}}"
        for step in steps
    )
    assert steps[0].percent == fee(start=show, bought=bought, now=at(now)).percent


@pytest.mark.parametrize(
    ("bought", "percent"),
    [("2026-07-13 23:59", 30), ("2026-07-12 00:00", 30), ("2026-07-14 00:00", 90)],
    ids=["for tomorrow", "for the day after tomorrow", "for today"],
)
def test_a_ticket_for_a_show_within_three_days_has_no_free_hours(bought, percent):
    found = fee(start="2026-07-14 19:00", bought=bought, now=at(bought))

    assert (found.percent, found.basis) == (percent, "ladder")


def test_the_ladder_counts_its_days_across_the_end_of_a_year():
    show = "2027-01-03 19:00"

    steps = [
        (at(f"2026-12-{day} 23:59"), percent) for day, percent in ((24, 0), (27, 10), (31, 20))
    ]

    assert [fee(start=show, now=now).percent for now, _percent in steps] == [0, 10, 20]
    assert fee(start=show, now=at("2027-01-01 00:00")).percent == 30


def test_the_days_of_the_ladder_do_not_move_for_a_holiday():
    # Seven days before is Chuseok.
    assert fee(start="2026-10-02 19:00", now=at("2026-09-25 23:59")).percent == 10
    assert fee(start="2026-10-02 19:00", now=at("2026-09-26 00:00")).percent == 20


def test_a_day_off_that_the_library_does_not_know_can_be_set(settings):
    bought, far_away = at("2027-05-06 12:00"), at("2027-06-30 19:00")
    assert free_after_purchase_until(bought_at=bought, start_at=far_away) == at("2027-05-07 12:00")

    settings.EXTRA_HOLIDAYS = ["2027-05-07"]

    assert free_after_purchase_until(bought_at=bought, start_at=far_away) == at("2027-05-10 12:00")


@pytest.mark.parametrize(
    ("sold_for", "start", "is_free"),
    [
        ("2027-05-20 19:00", "2027-05-20 23:59", False),
        ("2027-05-20 19:00", "2027-05-20 00:00", False),
        ("2027-05-20 23:59", "2027-05-21 00:00", True),
        ("2027-05-21 00:00", "2027-05-20 23:59", True),
        ("2027-05-20 19:00", "2027-06-20 19:00", True),
    ],
)
def test_a_show_moved_to_another_date_in_seoul_is_free_to_cancel(sold_for, start, is_free):
    at_the_last_moment = at(start) - MICROSECOND
    found = fee(start=start, sold_for=sold_for, now=at_the_last_moment)
    assert (found.won == 0, found.basis == "moved") == (is_free, is_free)


# --- Never worse than the standard ------------------------------------------------------------

MINUTES = dt.timedelta(minutes=1)
EPOCH = at("2025-01-01 00:00")
moments = st.integers(0, 3 * 365 * 24 * 60).map(lambda minutes: EPOCH + minutes * MINUTES)
ladders = st.dictionaries(st.integers(1, 14), st.integers(0, 100), max_size=5).flatmap(
    lambda steps: st.integers(0, 100).map(
        lambda last: RefundPolicy((*sorted(steps.items(), reverse=True), (0, last)))
    )
)


def standard_fee(price, bought_at, start_at, now):
    """What the standard lets the organiser keep at most, minute by minute and day by day."""
    days = (start_at.astimezone(SEOUL).date() - now.astimezone(SEOUL).date()).days
    business_minutes, minute = 0, bought_at
    while minute < now and business_minutes < 24 * 60:
        business_minutes += is_business_day(minute.date())
        minute += MINUTES
    if business_minutes < 24 * 60 and days >= 3:
        return 0
    limits = [(10, 0), (7, 10), (3, 20), (1, 30), (0, 90)]
    return price * next(percent for day, percent in limits if days >= day) / 100


@given(
    price=st.integers(1, 1_000_000),
    bought_at=moments,
    waits=st.one_of(st.integers(0, 7 * 24 * 60), st.integers(0, 60 * 24 * 60)),
    left=st.integers(1, 15 * 24 * 60),
    policy=ladders,
)
@example(
    price=1_005,
    bought_at=at("2026-07-10 18:00"),
    waits=3 * 24 * 60 - 1,
    left=4 * 24 * 60,
    policy=STANDARD,
)
def test_no_ladder_that_meets_the_standard_costs_more_than_it(
    price, bought_at, waits, left, policy
):
    now = bought_at + waits * MINUTES
    start_at = now + left * MINUTES
    for ladder in (STANDARD, policy) if policy.meets_standard else (STANDARD,):
        found = ladder.fee(
            price=price, bought_at=bought_at, sold_for=start_at, start_at=start_at, now=now
        )
        assert found.won <= standard_fee(price, bought_at, start_at, now)
        assert now < found.until <= start_at


@given(price=st.integers(1, 10_000_000))
def test_a_compensation_is_a_tenth_rounded_up(price):
    assert 10 * compensation(price) - 9 <= price <= 10 * compensation(price)


@pytest.mark.parametrize(
    ("text", "meets"),
    [
        (KOREAN_STANDARD, True),
        ("0:0", True),
        ("3:0 0:90", False),
        ("3:20 1:30 0:90", False),
        ("10:0 7:10 3:20 1:30 0:91", False),
        ("10:0 8:11 7:10 3:20 1:30 0:90", False),
        ("11:1 10:0 7:10 3:20 1:30 0:90", False),
        ("9:0 7:10 5:5 3:20 1:30 0:90", True),
        ("1:0 0:50", True),
    ],
)
def test_a_ladder_is_compared_with_the_standard_day_by_day(text, meets):
    assert RefundPolicy.parse(text).meets_standard is meets


@pytest.mark.django_db
def test_the_database_and_the_code_agree_on_which_ladders_need_a_reason():
    concert = ConcertFactory()
    seen = set()

    @given(policy=ladders)
    @example(policy=STANDARD)
    @example(policy=RefundPolicy.parse("0:91"))
    def agree(policy):
        text = " ".join(f"{day}:{percent}" for day, percent in policy.steps)
        try:
            with transaction.atomic():
                Concert.objects.filter(pk=concert.pk).update(refund_policy=text)
                # Always another ladder than before, so that the trigger looks.
                Concert.objects.filter(pk=concert.pk).update(
                    refund_policy=KOREAN_STANDARD, refund_policy_reason=""
                )
        except IntegrityError:
            seen.add(False)
            assert not policy.meets_standard
        else:
            seen.add(True)
            assert policy.meets_standard

    agree()
    assert seen == {True, False}
