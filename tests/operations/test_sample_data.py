"""manage.py loadsample: shows on sale and buyers with money, after every run."""

import datetime as dt
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import BalanceHistory, User
from concertbook.db.statements import set_local
from concerts.models import Concert, ConcertSchedule, Seat
from concerts.poster_art import artwork
from concerts.services.programme import find_concerts
from operations import sample_buyers
from operations.management.commands import loadsample
from operations.management.commands.loadsample import ACCOUNTS, WON_PER_BUYER
from operations.sample_season import SHOWS
from operations.services.audit import STATEMENT_TIMEOUT, run_checks
from payments.models import Ticket, TicketOffer
from payments.services.check_in_schedules import shows_of_today
from queueing.models import WaitingRoom
from tests.factories import balance_of, bought

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _developing(settings):
    settings.DEBUG = True


@pytest.fixture
def _small_season(monkeypatch):
    """Without the halls of thousands of seats, which take seconds."""
    few = {"midnight-jazz", "bach-alone", "storm-eve", "indie-wave"}
    monkeypatch.setattr(loadsample, "SHOWS", [show for show in SHOWS if show.slug in few])


def load():
    out = StringIO()
    call_command("loadsample", stdout=out)
    return out.getvalue()


def counts():
    models = User, BalanceHistory, WaitingRoom, Concert, ConcertSchedule, Seat
    return [model.objects.count() for model in models]


@pytest.mark.usefixtures("_small_season")
def test_it_makes_the_accounts_it_prints():
    printed = load()

    for account in ACCOUNTS:
        user = User.objects.get(email=account.email)
        assert user.check_password(account.password)
        assert f"{account.email} " in printed
        assert account.password in printed
        # The cancelled show's ticket is refunded.
        spent = 66_000 * user.tickets.exclude(status="CANCELLED").count()
        assert balance_of(user) == (WON_PER_BUYER - spent if account.is_buyer else 0)
    assert User.objects.get(is_superuser=True).email == "admin@concertbook.local"
    assert User.objects.filter(is_staff=True).count() == 8


def states():
    return {concert.waiting_room.slug: concert.sale for concert in find_concerts()}


def test_the_season_has_halls_of_every_size_in_every_state():
    load()
    # As run_audit does, in a transaction of its own: other plans, and more time.
    set_local("enable_seqscan", "on")
    set_local("statement_timeout", STATEMENT_TIMEOUT)
    assert not any(finding.violations for finding in run_checks())

    seats = {
        concert.waiting_room.slug: [schedule.seat_quantity for schedule in concert.schedules.all()]
        for concert in Concert.objects.all()
    }
    assert len(seats) == 12
    assert (seats["midnight-jazz"], seats["cinema-symphony"]) == ([50, 50], [2000])
    assert seats["first-snow"] == [20_000]
    sales = states()
    assert sales["first-snow"] == "open"
    assert sales["bach-alone"] == "sold_out"
    assert sales["storm-eve"] == "cancelled"
    assert sales["four-am-radio"] == sales["fireworks"] == sales["indie-wave"] == "upcoming"
    (moved,) = ConcertSchedule.objects.exclude(moved_from=None)
    assert moved.start_at - moved.moved_from == dt.timedelta(days=7)
    assert WaitingRoom.objects.get(shuffle=True).slug == "fireworks"
    (today,) = shows_of_today(by=User.objects.get(email="door@concertbook.local"))
    assert today.doors_open_at < timezone.now() < today.reserve_until
    assert today.seats.free()
    assert len({artwork(concert).motif for concert in Concert.objects.all()}) == 12
    assert Concert.objects.filter(title_en="").count() == 0
    assert Ticket.objects.filter(user__email="minji@concertbook.local").count() == 6
    assert [offer.email for offer in TicketOffer.objects.all()] == ["junho@concertbook.local"]


@pytest.mark.usefixtures("_small_season")
def test_some_seats_are_sold_and_some_are_held():
    load()

    jazz = Seat.objects.filter(schedule__concert__waiting_room__slug="midnight-jazz")
    assert jazz.filter(status=Seat.Status.RESERVED).count() in range(36, 41)
    assert jazz.filter(status=Seat.Status.HELD).count() in range(4, 9)


@pytest.mark.usefixtures("_small_season")
def test_a_second_run_adds_nothing_and_prints_the_same():
    printed = load()
    before = counts()

    assert load() == printed
    assert counts() == before


@pytest.mark.usefixtures("_small_season")
def test_a_buyer_of_the_sample_can_buy_and_the_audit_is_content():
    load()
    buyer = User.objects.get(email="junho@concertbook.local")
    schedule = ConcertSchedule.objects.filter(concert__waiting_room__slug="midnight-jazz").first()
    one, other = schedule.seats.free().filter(grade="S")[:2]

    bought(buyer, schedule, one.number, other.number)

    assert balance_of(buyer) == WON_PER_BUYER - 2 * 44_000
    assert not any(finding.violations for finding in run_checks())


@pytest.mark.usefixtures("_small_season")
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

    assert states()["midnight-jazz"] == "open"
    assert states()["bach-alone"] == "sold_out"
    assert old < set(ConcertSchedule.objects.values_list("pk", "start_at"))
    assert ConcertSchedule.objects.count() == 2 * len(old)
    assert Concert.objects.count() == 4


@pytest.mark.usefixtures("_small_season")
def test_a_show_whose_sale_is_over_gets_new_schedules():
    load()
    jazz = ConcertSchedule.objects.filter(concert__waiting_room__slug="midnight-jazz")
    jazz.update(reserve_until=timezone.now())

    load()

    assert jazz.count() == 4
    assert states()["midnight-jazz"] == "open"


@pytest.mark.usefixtures("_small_season")
def test_it_refuses_where_debug_is_off_unless_forced(settings):
    settings.DEBUG = False

    with pytest.raises(CommandError, match="--force"):
        load()
    assert counts() == [0] * 6

    call_command("loadsample", "--force", stdout=StringIO())
    assert User.objects.count() == len(ACCOUNTS) + sample_buyers.BUYERS


def test_the_hall_of_2000_has_free_seats_of_each_kind(monkeypatch):
    hall = [show for show in SHOWS if show.slug == "cinema-symphony"]
    monkeypatch.setattr(loadsample, "SHOWS", hall)
    load()

    for kind, seats in (("wheelchair", 4), ("companion", 4), ("restricted", 8)):
        assert Seat.objects.filter(kind=kind, status="AVAILABLE").count() == seats
