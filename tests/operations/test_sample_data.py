"""manage.py loadsample: shows on sale and buyers with money, after every run."""

import datetime as dt
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import BalanceHistory, User
from concerts.models import Concert, ConcertSchedule, Seat
from concerts.services.programme import find_concerts
from operations.management.commands.loadsample import ACCOUNTS, SHOWS, WON_PER_BUYER
from operations.services.audit import run_checks
from queueing.models import WaitingRoom
from tests.factories import balance_of, bought

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _developing(settings):
    settings.DEBUG = True


def load():
    out = StringIO()
    call_command("loadsample", stdout=out)
    return out.getvalue()


def counts():
    models = User, BalanceHistory, WaitingRoom, Concert, ConcertSchedule, Seat
    return [model.objects.count() for model in models]


def test_it_makes_the_accounts_it_prints():
    printed = load()

    for account in ACCOUNTS:
        user = User.objects.get(email=account.email)
        assert user.check_password(account.password)
        assert f"{account.email} " in printed
        assert account.password in printed
        assert balance_of(user) == (WON_PER_BUYER if account.is_buyer else 0)
    assert User.objects.get(is_superuser=True).email == "admin@concertbook.local"
    assert User.objects.filter(is_staff=True).count() == 2


def test_it_puts_a_small_room_and_a_big_hall_on_sale_and_announces_a_third():
    load()

    quantities = {
        concert.waiting_room.slug: [schedule.seat_quantity for schedule in concert.schedules.all()]
        for concert in Concert.objects.all()
    }
    assert quantities == {"midnight-jazz": [50, 50], "cinema-symphony": [2000], "indie-wave": [300]}
    on_sale = {concert.waiting_room.slug for concert in find_concerts(on_sale=True)}
    assert on_sale == {"midnight-jazz", "cinema-symphony"}
    jazz = Seat.objects.filter(schedule__concert__waiting_room__slug="midnight-jazz")
    assert set(jazz.values_list("grade", "price")) == {("VIP", 88000), ("R", 66000), ("S", 44000)}
    assert set(WaitingRoom.objects.values_list("state", flat=True)) == {"OPEN"}
    for schedule in ConcertSchedule.objects.all():
        labels = list(schedule.seats.values_list("label", flat=True))
        assert len(set(labels)) == len(labels)


def test_a_second_run_adds_nothing_and_prints_the_same():
    printed = load()
    before = counts()

    assert load() == printed
    assert counts() == before


def test_a_buyer_of_the_sample_can_buy_and_the_audit_is_content():
    load()
    buyer = User.objects.get(email="minji@concertbook.local")
    schedule = ConcertSchedule.objects.filter(concert__waiting_room__slug="midnight-jazz").first()

    bought(buyer, schedule, 1, 2)

    assert balance_of(buyer) == WON_PER_BUYER - 2 * 88_000
    assert not any(finding.violations for finding in run_checks())


def test_a_sale_that_is_over_gets_new_schedules_and_keeps_the_old_ones():
    load()
    long_ago = timezone.now() - dt.timedelta(days=100)
    ConcertSchedule.objects.update(
        reserve_from=long_ago,
        reserve_until=long_ago + dt.timedelta(days=1),
        start_at=long_ago + dt.timedelta(days=1),
        end_at=long_ago + dt.timedelta(days=2),
    )
    Concert.objects.update(start_time=long_ago, end_time=long_ago + dt.timedelta(days=2))
    old = set(ConcertSchedule.objects.values_list("pk", "start_at"))

    load()

    assert {concert.waiting_room.slug for concert in find_concerts(on_sale=True)} == {
        "midnight-jazz",
        "cinema-symphony",
    }
    assert old < set(ConcertSchedule.objects.values_list("pk", "start_at"))
    assert ConcertSchedule.objects.count() == 2 * len(old)
    assert Concert.objects.count() == len(SHOWS)


def test_a_show_that_is_sold_out_gets_new_schedules():
    load()
    Seat.objects.filter(schedule__concert__waiting_room__slug="midnight-jazz").delete()

    load()

    jazz = Seat.objects.filter(schedule__concert__waiting_room__slug="midnight-jazz")
    assert jazz.filter(status=Seat.Status.AVAILABLE).count() == 100


def test_it_refuses_where_debug_is_off_unless_forced(settings):
    settings.DEBUG = False

    with pytest.raises(CommandError, match="--force"):
        load()
    assert counts() == [0] * 6

    call_command("loadsample", "--force", stdout=StringIO())
    assert User.objects.count() == len(ACCOUNTS)
