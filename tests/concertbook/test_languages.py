"""The language of every text: what is Korean on an English page is marked as Korean."""

import re
from html.parser import HTMLParser

import pytest
from django.db.models import F
from django.test import Client
from django.utils import timezone

from concertbook.templatetags.texts import HANGUL
from concerts.models import Seat
from payments.models import Ticket
from payments.services.schedule_cancellation import cancel_schedule
from queueing.services import index_build, join_and_leave
from tests.factories import (
    ScheduleFactory,
    StaffFactory,
    UserFactory,
    WaitingRoomFactory,
    admitted,
    bought,
    held,
)

pytestmark = pytest.mark.django_db(transaction=True)

VOID = {"meta", "link", "input", "br", "img", "hr", "source", "path", "use", "col"}


class Texts(HTMLParser):
    """The texts of a page, each with the language of its element."""

    def __init__(self):
        super().__init__()
        self.open = []
        self.found = []
        self.wrong_times = []

    def handle_starttag(self, tag, attrs):
        if tag in VOID:
            return
        if tag == "time" and any(each == "time" for each, _language in self.open):
            self.wrong_times.append(self.getpos())
        language = dict(attrs).get("lang") or (self.open[-1][1] if self.open else "")
        self.open.append((tag, language))

    def handle_endtag(self, tag):
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        tag, language = self.open[-1] if self.open else ("", "")
        if data.strip() and tag not in ("script", "style", "title"):
            self.found.append((language, data.strip()))


def texts_of(html):
    reader = Texts()
    reader.feed(html)
    assert reader.wrong_times == [], "a time element within another"
    return reader.found


def unmarked(html):
    return [text for language, text in texts_of(html) if HANGUL.search(text) and language != "ko"]


class Season:
    """A buyer of Korean concerts in every state, with names in Korean everywhere."""

    def __init__(self):
        hall = {"concert__title": "한밤의 재즈", "concert__venue": "연남 블루룸"}
        self.open = ScheduleFactory(
            seats=8, purchase_limit=8, concert__waiting_room__title="한밤의 재즈", **hall
        )
        self.buyer = UserFactory(won=1_000_000, name="김민지")
        admitted(self.buyer, self.open)
        Seat.objects.update(label=F("label"), section="1층", grade="전석")
        self.tickets = bought(self.buyer, self.open, 1, 2).tickets
        admitted(self.buyer, self.open)
        held(self.buyer, self.open, 3)
        gone = ScheduleFactory(seats=2, **hall)
        admitted(self.buyer, gone)
        bought(self.buyer, gone, 1)
        cancel_schedule(schedule_id=gone.pk, by=StaffFactory(), reason="출연자 건강 문제")
        self.gone = gone
        self.draw = WaitingRoomFactory(
            shuffle=True, state="SCHEDULED", title="추첨 공연", opens_at=timezone.now()
        )
        full = ScheduleFactory(
            concert__waiting_room__capacity=1, concert__waiting_room__title="가득 찬 공연", **hall
        )
        admitted(UserFactory(), full)
        index_build.build_missing()
        join_and_leave.join(user=self.buyer, slug=full.concert.waiting_room.slug)
        self.full = full

    def addresses(self):
        room = self.full.concert.waiting_room.slug
        yield from ("/en/", "/checkout/", "/tickets/", "/reservations/", "/balance/", "/accounts/")
        for schedule in (self.open, self.gone):
            yield f"/en/concerts/{schedule.concert_id}/"
        for ticket in Ticket.objects.filter(user=self.buyer):
            yield f"/tickets/{ticket.pk}/"
        yield f"/tickets/{self.tickets[0].pk}/cancel/"
        yield from (f"/schedules/{self.open.pk}/seats/{end}" for end in ("", "?view=list", "best/"))
        yield from (f"/rooms/{room}/", f"/rooms/{self.open.concert.waiting_room.slug}/")
        yield from (f"/en/rooms/{self.draw.slug}/draw/", f"/rooms/{self.draw.slug}/draw/lot/")
        yield f"/visitor/?page=/en/&language=en&room={room}"
        yield from ("/en/about/terms/", "/en/about/business/", "/accounts/signup/", "/nowhere/")


def test_every_korean_text_on_an_english_page_is_marked_as_korean():
    season = Season()
    browser = Client()
    browser.force_login(season.buyer)
    browser.cookies["django_language"] = "en"
    wrong = {}

    for address in season.addresses():
        page = browser.get(address, headers={"Accept-Language": "en"}, follow=True)
        html = page.content.decode()
        if "/visitor/" not in address:
            assert '<html lang="en"' in html, address
        if left := unmarked(html):
            wrong[address] = left

    assert not wrong, "\n".join(f"{address}: {left}" for address, left in wrong.items())


@pytest.mark.parametrize(
    ("html", "count"),
    [
        ("<p>한글</p>", 1),
        ('<p lang="ko">한글 <b>굵게</b></p>', 0),
        ('<p lang="ko">한글</p><p>밖</p>', 1),
    ],
)
def test_the_reader_of_this_test_finds_what_is_not_marked(html, count):
    assert len(unmarked(f'<html lang="en">{html}</html>')) == count


@pytest.mark.parametrize("language", ["ko", "en"])
def test_every_attribute_for_a_language_names_one_of_ours(language):
    season = Season()
    browser = Client()
    browser.force_login(season.buyer)
    browser.cookies["django_language"] = language

    for address in season.addresses():
        html = browser.get(address.replace("/en/", f"/{language}/", 1)).content.decode()
        assert set(re.findall(r'\b(?:href)?lang="([^"]*)"', html)) <= {"ko", "en", "x-default"}
