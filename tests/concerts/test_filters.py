"""The list shows what is on sale, what opens soon, or what plays this week."""

import datetime as dt

import pytest

from concerts.services.programme import find_concerts
from payments.services.schedule_cancellation import cancel_schedule
from tests.factories import ConcertFactory, ScheduleFactory, StaffFactory, ahead

pytestmark = pytest.mark.django_db(transaction=True)

SUNDAY_NOON = dt.datetime(2030, 1, 6, 3, tzinfo=dt.UTC)


def shown(client, **query):
    return list(client.get("/", query).context["page"])


def test_each_filter_shows_its_concerts(client):
    on_sale = ScheduleFactory().concert
    opening = ScheduleFactory(reserve_from=ahead(days=2)).concert
    soon = ScheduleFactory(reserve_from=ahead(days=1)).concert
    cancelled = ScheduleFactory(reserve_from=ahead(days=1))
    cancel_schedule(schedule_id=cancelled.pk, by=StaffFactory())
    unannounced = ConcertFactory()

    assert shown(client, show="on_sale") == [on_sale]
    assert shown(client, show="opening") == [soon, opening]
    every = {on_sale, opening, soon, cancelled.concert, unannounced}
    assert set(shown(client)) == set(shown(client, show="")) == every


def test_this_week_ends_with_sunday_in_seoul(monkeypatch):
    monkeypatch.setattr("concerts.services.programme.database_now", lambda: SUNDAY_NOON)
    hour = dt.timedelta(hours=1)

    def playing(start_at):
        return ScheduleFactory(
            reserve_from=start_at - 9 * hour,
            reserve_until=start_at,
            start_at=start_at,
            end_at=start_at + 2 * hour,
        )

    tonight = playing(SUNDAY_NOON + 7 * hour)
    plays_now = playing(SUNDAY_NOON - hour)
    playing(SUNDAY_NOON + 12 * hour)
    over = playing(SUNDAY_NOON - 3 * hour)
    playing_again = playing(SUNDAY_NOON + 20 * hour)
    type(over).objects.filter(pk=over.pk).update(concert=playing_again.concert)
    cancelled = playing(SUNDAY_NOON + 8 * hour)
    cancel_schedule(schedule_id=cancelled.pk, by=StaffFactory())

    assert list(find_concerts(show="week")) == [plays_now.concert, tonight.concert]


def test_a_filter_and_a_search_narrow_the_list_together(client):
    opening = ScheduleFactory(concert__title="연희동 재즈", reserve_from=ahead(days=2)).concert
    ScheduleFactory(concert__title="서촌 재즈", reserve_from=ahead(days=2))
    ScheduleFactory(concert__title="연희동 록")

    assert shown(client, show="opening", search="ㅇㅎㄷ") == [opening]


def test_links_from_before_still_filter(client):
    on_sale = ScheduleFactory().concert
    ConcertFactory()

    assert shown(client, on_sale="on") == [on_sale]


def test_an_unknown_filter_is_said(client):
    ScheduleFactory()

    response = client.get("/", {"show": "everything"})

    assert response.status_code == 200
    assert response.context["form"].errors["show"]
    assert not response.context["page"].object_list
