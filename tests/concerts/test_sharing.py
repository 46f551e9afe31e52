"""What search engines and messengers read: structured data, tags, pictures, the list of pages."""

import datetime as dt
import json
import re
from io import BytesIO
from urllib.robotparser import RobotFileParser
from xml.etree import ElementTree

import pytest
from django.urls import URLResolver, get_resolver
from PIL import Image

from concerts.models import ShowColour
from payments.services.schedule_cancellation import cancel_schedule
from tests.factories import (
    ConcertFactory,
    ScheduleFactory,
    StaffFactory,
    UserFactory,
    ago,
    ahead,
    bought,
    fill,
)

pytestmark = pytest.mark.django_db(transaction=True)

SCHEMA = "https://schema.org/"
PLACEHOLDER = re.compile(r"<(?:\w+:)?\w+>")
UNKNOWN = "00000000-0000-0000-0000-000000000000"


def page_of(client, concert, language="ko"):
    return client.get(f"/{language}/concerts/{concert.pk}/").content.decode()


def events(client, concert, language="ko"):
    page = page_of(client, concert, language)
    (written,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, re.S)
    return json.loads(written)


def tags(page):
    return dict(re.findall(r'<meta (?:name|property)="([\w:]+)" content="([^"]*)">', page))


def test_each_performance_is_an_event_with_its_offers(client):
    concert = ConcertFactory(
        title="봄밤",
        title_en="Spring Night",
        artist="연희 트리오",
        venue="연희예술극장",
        venue_en="Yeonhui Theatre",
        venue_address="서울 서대문구 연희로 1",
        description="봄밤의 재즈",
    )
    start = dt.datetime(2030, 4, 1, 10, tzinfo=dt.UTC)
    schedule = ScheduleFactory(
        concert=concert,
        seats=1,
        start_at=start,
        end_at=start + dt.timedelta(hours=2),
        reserve_until=start,
    )
    fill(schedule, sections=1, rows=1, seats_per_row=2, grade="VIP")
    bought(UserFactory(won=10_000), schedule, 1)

    (event,) = events(client, concert)

    address = f"http://testserver/ko/concerts/{concert.pk}/"
    assert (event["@type"], event["name"], event["url"]) == ("Event", "봄밤", address)
    assert event["startDate"] == "2030-04-01T19:00:00+09:00"
    assert event["endDate"] == "2030-04-01T21:00:00+09:00"
    assert event["eventStatus"] == SCHEMA + "EventScheduled"
    assert event["location"]["name"] == "연희예술극장"
    assert event["location"]["address"]["streetAddress"] == "서울 서대문구 연희로 1"
    assert event["performer"]["name"] == "연희 트리오"
    offers = {offer["name"]: offer for offer in event["offers"]}
    assert offers["VIP"]["availability"] == SCHEMA + "InStock"
    assert offers["R"]["availability"] == SCHEMA + "SoldOut"
    assert (offers["VIP"]["price"], offers["VIP"]["priceCurrency"]) == (10_000, "KRW")
    assert dt.datetime.fromisoformat(offers["R"]["validFrom"]) <= dt.datetime.now(dt.UTC)
    (english,) = events(client, concert, "en")
    assert english["name"] == "Spring Night"
    assert english["location"]["name"] == "Yeonhui Theatre"


def test_offers_follow_the_sale(client):
    upcoming = ScheduleFactory(reserve_from=ahead(days=2))
    over = ScheduleFactory(reserve_until=ago(seconds=1))
    cancelled = ScheduleFactory()
    cancel_schedule(schedule_id=cancelled.pk, by=StaffFactory())

    (soon,) = events(client, upcoming.concert)
    assert soon["offers"][0]["availability"] == SCHEMA + "PreOrder"
    opens = dt.datetime.fromisoformat(soon["offers"][0]["validFrom"])
    assert opens == upcoming.reserve_from.replace(microsecond=0)
    assert "offers" not in events(client, over.concert)[0]
    (off,) = events(client, cancelled.concert)
    assert off["eventStatus"] == SCHEMA + "EventCancelled"
    assert "offers" not in off


def test_a_performance_that_was_moved_says_from_when(client):
    start = dt.datetime(2030, 4, 1, 10, tzinfo=dt.UTC)
    schedule = ScheduleFactory(start_at=start, end_at=start + dt.timedelta(hours=2))
    type(schedule).objects.update(moved_from=start - dt.timedelta(days=7))

    (event,) = events(client, schedule.concert)

    assert event["eventStatus"] == SCHEMA + "EventRescheduled"
    assert event["previousStartDate"] == "2030-03-25T19:00:00+09:00"


def test_no_text_ends_the_data_or_the_tags(client):
    evil = "</script><script>alert(1)</script><!--\"&'\u2028"
    schedule = ScheduleFactory(concert__title=evil, concert__description=evil, concert__artist=evil)

    page = page_of(client, schedule.concert)

    assert events(client, schedule.concert)[0]["description"] == evil
    assert "<script>alert" not in page
    assert "<!--" not in page


def test_a_shared_link_has_a_title_and_a_picture(client):
    schedule = ScheduleFactory(concert__title="봄밤 & 재즈", concert__venue="연희극장")

    said = tags(page_of(client, schedule.concert))

    assert said["og:title"] == "봄밤 &amp; 재즈"
    assert "연희극장" in said["og:description"]
    assert said["twitter:card"] == "summary_large_image"
    assert said["og:image"].startswith("http://testserver/concerts/")
    response = client.get(said["og:image"].removeprefix("http://testserver"))
    assert response["Content-Type"] == "image/png"
    assert "public" in response["Cache-Control"]
    with Image.open(BytesIO(response.content)) as picture:
        assert picture.size == (1200, 630)
    assert len(response.content) < 100_000


@pytest.mark.parametrize(
    ("title", "artist"),
    [
        ("가" * 200, "나" * 200),
        ("한 " * 100, ""),
        ("", ""),
        ("Radiohead", "x"),
        ("가\n나", "a\u0301"),
    ],
)
@pytest.mark.parametrize("colour", [ShowColour.INK, ShowColour.TEAL])
def test_every_title_has_a_picture(client, title, artist, colour):
    concert = ConcertFactory(title=title, artist=artist, colour=colour)

    assert client.get(f"/concerts/{concert.pk}/picture.png").status_code == 200


def test_another_title_is_another_picture(client):
    concert = ConcertFactory(title="가")
    address = f"/concerts/{concert.pk}/picture.png"
    before = client.get(address).content

    type(concert).objects.update(title="나")

    assert client.get(address).content != before
    assert client.get(f"/concerts/{UNKNOWN}/picture.png").status_code == 404


@pytest.mark.parametrize(
    ("asked", "canonical"),
    [
        ("/", "/en/"),
        ("/ko/", "/ko/"),
        ("/en/?page=2&search=jazz", "/en/?page=2"),
        ("/?page=1", "/en/"),
        ("/?page=%22%3E", "/en/"),
    ],
)
def test_each_public_page_names_its_address_in_its_language(client, asked, canonical):
    page = client.get(asked, headers={"Accept-Language": "en"}).content.decode()

    assert f'<link rel="canonical" href="http://testserver{canonical}">' in page


def test_the_sitemap_has_each_concert_in_each_language(client):
    schedule = ScheduleFactory()
    over = ConcertFactory(start_time=ago(days=3), end_time=ago(days=2))
    rehearsed = ScheduleFactory(
        concert__waiting_room__slug="dress", concert__waiting_room__rehearsal="dress"
    )

    response = client.get("/sitemap.xml")

    assert response["Content-Type"].startswith("application/xml")
    names = {
        "s": "http://www.sitemaps.org/schemas/sitemap/0.9",
        "x": "http://www.w3.org/1999/xhtml",
    }
    urls = ElementTree.fromstring(response.content).findall("s:url", names)
    found = {url.find("s:loc", names).text: url for url in urls}
    concert = f"http://testserver/ko/concerts/{schedule.concert_id}/"
    assert {"http://testserver/ko/", "http://testserver/en/", concert} < found.keys()
    for other in (over, rehearsed.concert):
        assert not any(str(other.pk) in address for address in found)
    links = found[concert].findall("x:link", names)
    assert {link.get("hreflang") for link in links} == {"x-default", "ko", "en"}
    for address in found:
        assert client.get(address.removeprefix("http://testserver")).status_code == 200


def routes(resolver=None, before="/"):
    for each in (resolver or get_resolver()).url_patterns:
        route = before + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from routes(each, route)
        else:
            yield PLACEHOLDER.sub("x", route), hasattr(each.callback, "public_policy")


def test_robots_read_all_public_pages_and_no_other(client):
    response = client.get("/robots.txt")
    robots = RobotFileParser()
    robots.parse(response.content.decode().splitlines())

    assert robots.site_maps() == ["http://testserver/sitemap.xml"]
    for route, is_public in routes():
        if is_public and not route.startswith(("/api/", "/rooms/")):
            assert robots.can_fetch("*", route), route
        elif "(?P" not in route:
            assert not robots.can_fetch("*", route), route


@pytest.mark.parametrize("language", ["ko", "en"])
def test_the_manifest_names_icons_that_are_there(client, language):
    response = client.get("/site.webmanifest", headers={"Accept-Language": language})

    manifest = json.loads(response.content)
    assert response["Content-Type"] == "application/manifest+json"
    assert manifest["lang"] == language
    for icon in manifest["icons"]:
        if icon["type"] == "image/png":
            with Image.open(f"static/{icon['src'].removeprefix('/static/')}") as picture:
                assert icon["sizes"] == "{}x{}".format(*picture.size)
