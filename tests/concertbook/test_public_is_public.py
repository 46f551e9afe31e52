"""Every public address answers every visitor with the same bytes; no other is public.

The addresses are those of the URLconf, so a new one is covered, or fails for the lack of a value
for its path.
"""

import datetime as dt
import re

import pytest
from django.test import Client, RequestFactory
from django.urls import URLResolver, get_resolver
from django.utils import timezone

from accounts.app_tokens import issue_tokens
from concertbook.http import public_cache, public_requests
from concertbook.http.public_cache import PublicCache
from concertbook.wsgi import django_application
from concerts.services.posters import add_poster
from concerts.services.seat_plans import present_version
from queueing.services.admission import admit_waiting
from queueing.services.join_and_leave import join
from tests.factories import (
    ScheduleFactory,
    StaffFactory,
    UserFactory,
    WaitingRoomFactory,
    bought,
)

pytestmark = pytest.mark.django_db(transaction=True)

UNKNOWN = "00000000-0000-0000-0000-000000000000"
MOMENT = re.compile(rb"\d{4}-\d\d-\d\dT[\d:.]+Z")
PLACEHOLDER = re.compile(r"<(?:\w+:)?(\w+)>")
# Public by their own header: caches ask again before each use.
PRIVATE_AND_REVALIDATED = {
    "/api/v1/schedules/<any_case_uuid:schedule_id>/check-ins/list/",
    "/api/v1/schedules/<any_case_uuid:schedule_id>/seats/",
    "/api/v1/schedules/<any_case_uuid:schedule_id>/seat-state/",
}


def routes(resolver=None, before="/"):
    """Route and callback of every address."""
    for each in (resolver or get_resolver()).url_patterns:
        route = before + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from routes(each, route)
        else:
            yield route, each.callback


def is_public(callback):
    return hasattr(callback, "public_policy")


PUBLIC = [route for route, callback in routes() if is_public(callback)]
PRIVATE = [route for route, callback in routes() if not is_public(callback) and "(?P" not in route]


class World:
    """Two buyers with names, money, a place in line and tickets; an operator."""

    def __init__(self):
        drawn = WaitingRoomFactory(
            shuffle=True, state="SCHEDULED", opens_at=timezone.now() - dt.timedelta(seconds=1)
        )
        schedule = ScheduleFactory(seats=4, concert__waiting_room=drawn)
        self.people = [UserFactory(name=name, won=10_000) for name in ("Kim Mina", "Park Jun")]
        for person in self.people:
            join(user=person, slug=drawn.slug)
        admit_waiting()
        bought(self.people[0], schedule, 1)
        self.values = {
            "concert_id": schedule.concert_id,
            "schedule_id": schedule.pk,
            "slug": drawn.slug,
            "kind": "terms",
            "number": 1,
            "version": present_version(schedule.pk),
            "poster_id": add_poster(b"picture").pk,
        }

    def path(self, route):
        return PLACEHOLDER.sub(lambda found: str(self.values[found[1]]), route)

    def visitors(self):
        """The headers of an anonymous visitor and of people who are logged in or half so."""
        yield {}
        for person in self.people:
            client = Client()
            client.force_login(person)
            cookies = f"sessionid={client.cookies['sessionid'].value}; django_language=en"
            yield {"Cookie": cookies}
            yield {"Authorization": f"Bearer {issue_tokens(person).access}"}
        yield {"Cookie": f"sessionid={'a' * 32}; csrftoken=x; messages=y"}
        yield {"Authorization": "Bearer nonsense"}


@pytest.fixture
def world():
    return World()


@pytest.fixture
def stopped_clock(monkeypatch):
    """On a busy machine the visitors take longer than the second for which an answer is kept, and
    the next answer tells another moment."""
    monkeypatch.setattr(public_cache, "monotonic", lambda: 1000.0)


def ask(wsgi, path, headers):
    """Status, headers and body as a server would send them."""
    environ = RequestFactory(headers={"Host": "testserver", **headers}).get(path).environ
    started = []
    chunks = wsgi(environ, lambda *head: started.append(head))
    body = b"".join(chunks)
    getattr(chunks, "close", lambda: None)()
    ((status, answer_headers),) = started
    return status, tuple(sorted(answer_headers)), body


def answers(world, wsgi, route, language="ko"):
    path = world.path(route)
    found = (ask(wsgi, path, {"Accept-Language": language, **who}) for who in world.visitors())
    return {answer if isinstance(wsgi, PublicCache) else timeless(*answer) for answer in found}


def timeless(status, headers, body):
    """The answer without the moment at which Django made it."""
    kept = tuple((name, value) for name, value in headers if name != "ETag")
    return status, kept, MOMENT.sub(b"now", body)


def test_there_are_public_addresses():
    assert {"/", "/en/", "/concerts/<any_case_uuid:concert_id>/"} < set(PUBLIC)
    assert len(PUBLIC) == len(public_requests.public_routes())


@pytest.mark.parametrize(
    ("cached", "language"),
    [
        (False, "ko"),
        pytest.param(False, "fr, en;q=0.5", marks=pytest.mark.long),
        (True, "en"),
    ],
)
def test_every_visitor_gets_the_same_bytes(world, cached, language, stopped_clock):
    wsgi = PublicCache(django_application) if cached else django_application
    for route in PUBLIC:
        found = answers(world, wsgi, route, language)

        assert len(found) == 1, route
        ((status, headers, _body),) = found
        assert status == "200 OK", route
        named = dict(headers)
        assert "public" in named["Cache-Control"], route
        assert "Set-Cookie" not in named, route
        assert "cookie" not in named.get("Vary", "").lower(), route


@pytest.mark.parametrize("route", ["/", "/concerts/<any_case_uuid:concert_id>/"])
def test_negative_control_a_page_that_knows_its_visitor_is_found(world, route, monkeypatch):
    def keeps_cookies(middleware, request):
        request.public_policy = None
        return middleware.get_response(request)

    monkeypatch.setattr(public_requests.PublicRequestMiddleware, "__call__", keeps_cookies)

    assert len(answers(world, django_application, route)) > 1


def test_negative_control_the_cache_shares_no_answer_that_sets_a_cookie(world, monkeypatch):
    def leak(environ, start_response):
        name = environ.get("HTTP_COOKIE", "")
        start_response(
            "200 OK", [("Cache-Control", "public"), ("ETag", '"x"'), ("Set-Cookie", "a=b")]
        )
        return [name.encode()]

    assert len(answers(world, PublicCache(leak), "/")) > 1


@pytest.mark.parametrize("who", ["anonymous", "buyer", "operator"])
def test_no_other_address_is_public(world, who):
    person = {"buyer": world.people[0], "operator": StaffFactory(is_superuser=True)}.get(who)
    client = Client(raise_request_exception=False)
    for route in PRIVATE:
        if person and "_auth_user_id" not in client.session:
            # Again after the address that logs out.
            client.force_login(person)
        path = PLACEHOLDER.sub(lambda found: str(world.values.get(found[1], UNKNOWN)), route)
        kept = set(client.get(path)["Cache-Control"].split(", "))
        revalidated = route in PRIVATE_AND_REVALIDATED and {"private", "no-cache"} <= kept
        assert "public" not in kept, route
        assert "no-store" in kept or revalidated, route
