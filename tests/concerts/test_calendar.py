"""A concert's file for calendars, read as calendars read it."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar

from payments.services.schedule_cancellation import cancel_schedule
from tests.factories import ConcertFactory, ScheduleFactory, StaffFactory, ahead

pytestmark = pytest.mark.django_db(transaction=True)

SEOUL = ZoneInfo("Asia/Seoul")


def events(client, concert, language="ko"):
    response = client.get(f"/{language}/concerts/{concert.pk}/calendar.ics")
    assert response["Content-Type"] == "text/calendar; charset=utf-8"
    calendar = Calendar.from_ical(response.content)
    assert [str(zone["TZID"]) for zone in calendar.walk("VTIMEZONE")] == ["Asia/Seoul"]
    return {str(event["UID"]): event for event in calendar.walk("VEVENT")}


def test_each_performance_is_an_event_in_seoul(client):
    concert = ConcertFactory(
        title="연희동 한밤; 재즈, 하나",
        title_en="Yeonhui",
        venue="연희예술극장",
        venue_address="서울 서대문구 연희로 1",
    )
    schedule = ScheduleFactory(concert=concert)

    (event,) = events(client, concert).values()

    assert event["UID"] == f"{schedule.pk}@concertbook"
    assert event["SUMMARY"] == concert.title
    assert event["LOCATION"] == "연희예술극장, 서울 서대문구 연희로 1"
    assert event["DTSTART"].params["TZID"] == "Asia/Seoul"
    assert event["DTSTART"].dt == schedule.start_at.astimezone(SEOUL).replace(microsecond=0)
    assert event["DTEND"].dt - event["DTSTART"].dt == dt.timedelta(hours=2)
    assert event["URL"] == f"http://testserver/ko/concerts/{concert.pk}/"
    (english,) = events(client, concert, "en").values()
    assert english["SUMMARY"] == "Yeonhui"


def test_the_opening_of_dates_that_open_together_is_one_event_with_an_alarm(client):
    concert = ConcertFactory(title="봄밤")
    opens = dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(days=1)
    first, _second = (ScheduleFactory(concert=concert, reserve_from=opens) for _ in range(2))
    later = ScheduleFactory(concert=concert, reserve_from=ahead(days=2))
    ScheduleFactory(concert=concert)

    found = events(client, concert, "en")

    openings = [uid for uid in found if uid.endswith("-sale@concertbook")]
    assert len(openings) == 2
    assert openings[1] == f"{later.pk}-sale@concertbook"
    opening = found[openings[0]]
    assert opening["SUMMARY"] == "Sale opens: 봄밤"
    assert opening["DTSTART"].dt == opens
    (alarm,) = opening.walk("VALARM")
    assert alarm["TRIGGER"].dt == dt.timedelta(minutes=-10)
    assert len(found) == 6
    assert str(first.pk) in {uid.partition("@")[0] for uid in found}


def test_a_moved_or_cancelled_event_keeps_its_uid(client):
    schedule = ScheduleFactory(reserve_from=ahead(days=1))
    before = events(client, schedule.concert)

    schedule.start_at += dt.timedelta(hours=1)
    schedule.end_at += dt.timedelta(hours=1)
    schedule.reserve_from += dt.timedelta(hours=1)
    schedule.save()
    moved = events(client, schedule.concert)

    assert moved.keys() == before.keys()
    for uid, event in moved.items():
        assert event["DTSTART"].dt - before[uid]["DTSTART"].dt == dt.timedelta(hours=1)
        assert event["SEQUENCE"] >= before[uid]["SEQUENCE"]
    cancel_schedule(schedule_id=schedule.pk, by=StaffFactory())
    ((uid, event),) = events(client, schedule.concert).items()
    assert uid in before
    assert event["STATUS"] == "CANCELLED"


def test_an_unknown_concert_has_no_calendar(client):
    address = "/concerts/00000000-0000-0000-0000-000000000000/calendar.ics"

    assert client.get(address).status_code == 404
