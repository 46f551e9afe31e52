"""The pages of the programme."""

import datetime as dt

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from concerts.models import ConcertSchedule
from concerts.services.seat_generation import Block, generate_seats
from payments.services.schedule_cancellation import cancel_schedule
from tests.factories import ConcertFactory, ScheduleFactory, StaffFactory, UserFactory, bought

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_list_names_the_lowest_price_and_whether_it_is_on_sale(client):
    schedule = ScheduleFactory(seats=2, price=90_000)
    block = Block(section="far", rows=1, seats_per_row=1, grade="S", price=44_000)
    generate_seats(schedule_id=schedule.pk, blocks=[block])

    page = client.get("/", headers={"Accept-Language": "ko"}).content.decode()

    assert "44,000원부터" in page
    assert "예매 중" in page


def test_prices_and_dates_follow_the_language(client):
    start = dt.datetime(2030, 12, 24, 10, 0, tzinfo=dt.UTC)
    until = timezone.now() + dt.timedelta(days=1)
    schedule = ScheduleFactory(
        price=50_000, start_at=start, end_at=start + dt.timedelta(hours=2), reserve_until=until
    )
    url = f"/concerts/{schedule.concert_id}/"

    korean = client.get(url, headers={"Accept-Language": "ko"}).content.decode()
    english = client.get(url, headers={"Accept-Language": "en"}).content.decode()

    assert '2030.12.24(화) 19:00 <span class="zone">KST</span>' in korean
    assert "50,000원" in korean
    assert 'Tue 24 Dec 2030 19:00 <span class="zone">KST</span>' in english
    assert "₩50,000" in english


def test_the_list_says_that_a_concert_is_cancelled_once_all_of_it_is(client):
    concert = ConcertFactory()
    first, second = (ScheduleFactory(concert=concert) for _ in range(2))

    def shown():
        return client.get("/", headers={"Accept-Language": "en"}).content.decode()

    cancel_schedule(schedule_id=first.pk, by=StaffFactory())
    assert "On sale" in shown()
    assert "Performance cancelled" not in shown()
    cancel_schedule(schedule_id=second.pk, by=StaffFactory())
    assert "Performance cancelled" in shown()
    assert "Sale over" not in shown()


def test_search_and_filter_narrow_the_list(client):
    ConcertFactory(title="Not on sale jazz")
    ScheduleFactory(concert__title="Jazz tonight")
    ScheduleFactory(concert__title="Opera tonight")

    page = client.get("/", {"search": "jazz", "on_sale": "on"}).content.decode()

    assert "Jazz tonight" in page
    assert "Opera" not in page
    assert "Not on sale" not in page


@pytest.mark.parametrize("search", ["\x00", "x" * 101, "%", "'; --"])
def test_a_strange_search_is_answered(client, search):
    assert client.get("/", {"search": search}).status_code == 200


@pytest.mark.parametrize("page", ["0", "-1", "99", "x"])
def test_a_strange_page_number_is_answered(client, page):
    ScheduleFactory()

    assert client.get("/", {"page": page}).status_code == 200


def test_titles_and_descriptions_are_escaped(client):
    evil = "<script>alert(1)</script>"
    schedule = ScheduleFactory(concert__title=evil, concert__description=evil)

    for url in ["/", f"/concerts/{schedule.concert_id}/"]:
        page = client.get(url).content.decode()
        assert "alert(1)" in page
        assert "<script>alert" not in page


def test_no_page_brings_a_script_or_a_style_of_its_own(client):
    schedule = ScheduleFactory()

    response = client.get(f"/concerts/{schedule.concert_id}/")

    page = response.content.decode()
    assert " style=" not in page
    assert "<style" not in page
    # A data block runs nothing.
    runs_nothing = page.count('<script type="application/ld+json">')
    assert page.count("<script") == page.count("<script src=") + runs_nothing
    assert "default-src 'self'" in response["Content-Security-Policy"]


def test_a_concert_that_cannot_be_bought_offers_no_place_in_line(client):
    sold_out = ScheduleFactory(seats=1)
    bought(UserFactory(won=10_000), sold_out, 1)
    future = ScheduleFactory(reserve_from=timezone.now() + dt.timedelta(days=1))

    for schedule in [sold_out, future]:
        page = client.get(f"/concerts/{schedule.concert_id}/").content.decode()
        assert "/rooms/" not in page


def test_an_unknown_concert_is_a_page_that_says_so(client):
    response = client.get("/concerts/00000000-0000-0000-0000-000000000000/")

    assert response.status_code == 404
    assert "<h1>" in response.content.decode()


def test_a_missing_permission_gives_a_designed_error_page(client):
    client.force_login(StaffFactory())

    response = client.get("/admin/concerts/concert/")

    assert response.status_code == 403
    assert "<h1>이 작업을 할 권한이 없습니다." in response.content.decode()


def test_a_form_that_is_too_large_is_a_page_that_says_so(client, settings):
    too_much = {"login": "x" * settings.DATA_UPLOAD_MAX_MEMORY_SIZE}

    response = client.post("/accounts/login/", too_much, headers={"Accept-Language": "ko"})

    assert response.status_code == 413
    assert "64KiB" in response.content.decode()


def test_without_the_database_the_error_page_makes_no_query(client):
    client.force_login(UserFactory())

    def away(*args):
        raise OperationalError("gone")

    client.raise_request_exception = False
    with connection.execute_wrapper(away):
        response = client.get("/")

    assert response.status_code == 503
    assert response["Retry-After"]
    assert "<h1>" in response.content.decode()


@pytest.mark.parametrize("path", ["/", "/concerts/{concert}/"])
def test_a_page_built_just_before_the_sale_opens_asks_again(client, path):
    soon = timezone.now() + dt.timedelta(seconds=60)
    schedule = ScheduleFactory(reserve_from=soon)
    address = path.format(concert=schedule.concert_id)
    assert 'data-changes-in="5' in client.get(address).content.decode()

    for moment, expected in {0.9: 'data-changes-in="1"', -1.0: "<body"}.items():
        opens = timezone.now() + dt.timedelta(seconds=moment)
        ConcertSchedule.objects.filter(pk=schedule.pk).update(reserve_from=opens)
        page = client.get(address).content.decode()
        assert expected in page
        assert ("data-changes-in" in page) == (moment > 0)
