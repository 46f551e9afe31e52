"""The cache of public answers: who builds, who waits, how old an answer may be."""

import gzip
import json
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import brotli
import pytest
from django.core.cache import cache
from django.db import connections
from django.test import RequestFactory

from concertbook.http import public_cache, public_store
from concertbook.http.public_cache import PublicCache
from concertbook.wsgi import django_application
from tests.factories import ConcertFactory, ScheduleFactory

pytestmark = pytest.mark.django_db(transaction=True)


class Clock:
    """The monotonic clock of the cache; it stands still until a test moves it."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    """For answers that are kept in the process; those in Redis expire by Redis' own clock."""
    clock = Clock()
    monkeypatch.setattr(public_cache, "monotonic", clock)
    return clock


@pytest.fixture
def flush():
    """Empty Redis, as when an answer there is too old."""
    return cache.clear


class Server:
    """A process with a cache of its own; counts what it asks Django."""

    def __init__(self):
        self.built = []
        self.fallen_through = []
        self.before_build = lambda: None
        self.wsgi = PublicCache(self._django)

    def _django(self, environ, start_response):
        is_build = environ.get("REMOTE_ADDR") is None
        (self.built if is_build else self.fallen_through).append(environ)
        if is_build:
            self.before_build()
        return django_application(environ, start_response)

    def get(self, path, query=None, *, method="GET", **headers):
        """Status, headers and body."""
        factory = RequestFactory(headers={"Host": "testserver", **headers})
        environ = factory.generic(method, path, query_params=query).environ
        started = []
        chunks = self.wsgi(environ, lambda *head: started.append(head))
        body = b"".join(chunks)
        getattr(chunks, "close", lambda: None)()
        if threading.current_thread() is not threading.main_thread():
            connections.close_all()
        ((status, answer_headers),) = started
        return int(status[:3]), dict(answer_headers), body


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def address():
    return f"/api/v1/schedules/{ScheduleFactory().pk}/"


def test_a_second_request_is_answered_without_django(server, address):
    first, second = server.get(address), server.get(address)

    assert first == second
    assert first[0] == 200
    assert len(server.built) == 1
    assert not server.fallen_through


def test_another_process_finds_the_answer_in_redis(server, address):
    other = Server()

    assert other.get(address) == server.get(address)
    assert len(server.built) + len(other.built) == 1


def test_an_answer_is_built_anew_after_a_second(server, address, clock, flush):
    server.get(address)
    clock.now += 0.9
    server.get(address)
    assert len(server.built) == 1
    clock.now += 0.2
    flush()
    server.get(address)
    assert len(server.built) == 2


def test_while_one_builds_the_others_send_the_old_answer(server, address, clock, flush):
    old = server.get(address)
    clock.now += 1.5
    flush()
    meanwhile = []
    server.before_build = lambda: meanwhile.append(in_another_thread(server.get, address))
    server.get(address)

    assert meanwhile == [old]
    assert len(server.built) == 2


def test_while_one_builds_another_process_sends_the_old_answer(server, address, clock, flush):
    other = Server()
    old = server.get(address)
    other.get(address)
    clock.now += 1.5
    flush()
    meanwhile = []
    server.before_build = lambda: meanwhile.append(in_another_thread(other.get, address))
    server.get(address)

    assert meanwhile == [old]
    assert not other.built


def test_no_answer_older_than_two_seconds_is_sent(server, address, clock, flush, monkeypatch):
    server.get(address)
    clock.now += 2.1
    flush()
    meanwhile = []

    def ask_from_another_thread():
        server.before_build = lambda: None
        asked = ThreadPoolExecutor(1).submit(server.get, address)
        with pytest.raises(TimeoutError):
            asked.result(0.2)
        meanwhile.append(asked)

    server.before_build = ask_from_another_thread
    new = server.get(address)

    assert meanwhile[0].result(5) == new
    assert len(server.built) == 2


def visit_all_at_once(servers, address):
    """The answers to sixteen visitors, who ask at the same moment."""
    begin = threading.Barrier(16)

    def visit(number):
        begin.wait()
        return servers[number % len(servers)].get(address)

    with ThreadPoolExecutor(16) as visitors:
        return list(visitors.map(visit, range(16)))


def test_visitors_in_many_threads_and_processes_cost_one_build(address):
    servers = [Server() for _ in range(4)]
    answers = visit_all_at_once(servers, address)

    assert sum(len(server.built) for server in servers) == 1
    assert all(answer == answers[0] for answer in answers)


def test_what_another_process_builds_between_the_look_and_the_lock_is_sent(address, monkeypatch):
    late, other = Server(), Server()
    take_lock = public_store.RedisStore.take_lock

    def take_late(store, key):
        if store is late.wsgi.store:
            other.get(address)
        return take_lock(store, key)

    monkeypatch.setattr(public_store.RedisStore, "take_lock", take_late)

    assert late.get(address)[2] == other.get(address)[2]
    assert (len(late.built), len(other.built)) == (0, 1)


def test_visitors_of_a_concert_that_is_gone_cost_one_build_too():
    address = f"/api/v1/concerts/{uuid.uuid4()}/"
    servers = [Server() for _ in range(4)]
    answers = visit_all_at_once(servers, address)

    assert {status for status, _headers, _body in answers} == {404}
    assert sum(len(server.built) for server in servers) == 1


def test_a_builder_that_died_is_not_waited_for_for_long(server, address, monkeypatch):
    monkeypatch.setattr(public_cache, "LONGEST_WAIT", 0.1)
    monkeypatch.setattr(public_store.RedisStore, "take_lock", lambda self, key: None)

    assert server.get(address)[0] == 200
    assert len(server.built) == 1


@pytest.mark.usefixtures("_no_redis")
def test_without_redis_each_process_builds_for_itself(address):
    servers = Server(), Server()
    for _ in range(2):
        for server in servers:
            assert server.get(address)[0] == 200

    assert [len(server.built) for server in servers] == [1, 1]


def test_an_error_is_not_kept(server, address, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError

    monkeypatch.setattr("concerts.api.performances.get_performance", fail)
    for _ in range(2):
        assert server.get(address)[0] == 500
    monkeypatch.undo()

    assert server.get(address)[0] == 200


def test_what_tells_visitors_apart_does_not_reach_django(server, address):
    server.get(
        address,
        Cookie="sessionid=secret; django_language=en",
        Authorization="Bearer secret",
        X_Forwarded_For="1.2.3.4",
        User_Agent="me",
        Accept_Language="fr;q=0.1, en;q=0.9",
    )

    (environ,) = server.built
    named = {name: value for name, value in environ.items() if name.startswith("HTTP_")}
    assert named == {"HTTP_HOST": "testserver", "HTTP_ACCEPT_LANGUAGE": "en"}
    assert "REMOTE_ADDR" not in environ


def test_unknown_parameters_and_their_order_do_not_matter(server):
    address = "/api/v1/concerts/"
    server.get(address, {"search": "jazz", "on_sale": "true"})
    server.get(address, {"on_sale": "true", "utm_source": "x", "search": "jazz"})
    assert len(server.built) == 1

    server.get(address, {"search": "rock"})
    server.get(address)
    assert len(server.built) == 3


def test_links_of_an_answer_name_the_host_that_was_asked(server):
    for _ in range(2):
        ConcertFactory()
    for host in "testserver", "testserver:8080", "testserver":
        _status, _headers, body = server.get("/api/v1/concerts/", {"page_size": "1"}, Host=host)
        assert json.loads(body)["next"].startswith(f"http://{host}/api/")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"Host": "else.example"}, 400),
        ({"Accept": "text/html"}, 406),
        ({"method": "POST"}, 405),
        ({"method": "OPTIONS"}, 200),
        ({"query": {"utm_source": "x" * 2000}}, 200),
    ],
)
def test_an_unusual_request_is_left_to_django(server, address, change, status):
    assert server.get(address, **change)[0] == status
    assert len(server.fallen_through) == 1
    assert not server.built


@pytest.mark.parametrize(
    ("accepted", "coding", "decompress"),
    [
        ("gzip, deflate, br, zstd", "br", brotli.decompress),
        ("gzip", "gzip", gzip.decompress),
        ("br;q=0.1, gzip", "gzip", gzip.decompress),
        ("br;q=0, gzip;q=0", None, bytes),
        ("", None, bytes),
    ],
)
def test_an_answer_is_compressed_as_the_client_wants(server, address, accepted, coding, decompress):
    _status, plain, body = server.get(address)
    status, headers, compressed = server.get(address, Accept_Encoding=accepted)

    assert status == 200
    assert headers.get("Content-Encoding") == coding
    assert decompress(compressed) == body
    assert int(headers["Content-Length"]) == len(compressed)
    assert (headers["ETag"] == plain["ETag"]) is (coding is None)
    assert "Accept-Encoding" in plain["Vary"]
    assert len(server.built) == 1


@pytest.mark.parametrize("accepted", ["", "gzip", "br"])
def test_an_unchanged_answer_is_answered_with_304(server, address, accepted):
    _status, first, _body = server.get(address, Accept_Encoding=accepted)
    for known in first["ETag"], f'"x", W/{first["ETag"]}', "*":
        status, headers, body = server.get(address, Accept_Encoding=accepted, If_None_Match=known)
        assert (status, body) == (304, b"")
        assert "Content-Type" not in headers
        for name in "ETag", "Cache-Control", "Vary", "Content-Security-Policy":
            assert headers[name] == first[name]

    assert server.get(address, Accept_Encoding=accepted, If_None_Match='"x"')[0] == 200


def test_a_head_is_answered_from_the_same_entry(server, address):
    _status, headers, body = server.get(address)

    assert server.get(address, method="HEAD") == (200, headers, b"")
    assert int(headers["Content-Length"]) == len(body)
    assert len(server.built) == 1


def test_django_itself_sends_the_same_headers(server, address, client):
    _status, headers, body = server.get(address)
    direct = client.get(address)

    assert direct.content == body
    assert dict(direct.headers) | {"Vary": ""} == headers | {"Vary": ""}
    assert headers["Cache-Control"] == ("public, max-age=0, s-maxage=1, stale-while-revalidate=1")
    assert headers["Vary"] == "Accept-Encoding"


def test_an_answer_that_sets_a_cookie_is_not_shared(server, address, monkeypatch, caplog):
    def with_cookie(environ, start_response):
        return django_application(
            environ,
            lambda status, headers: start_response(status, [*headers, ("Set-Cookie", "a=b")]),
        )

    server.wsgi.django = with_cookie

    assert server.get(address)[1]["Set-Cookie"] == "a=b"
    assert "Not public" in caplog.text
    del server.wsgi.django
    server.wsgi.django = server._django
    server.get(address)
    assert len(server.built) == 1


def test_the_memory_is_bounded(server, monkeypatch):
    monkeypatch.setattr(public_cache, "MOST_BYTES", 20_000)
    for number in range(50):
        server.get("/api/v1/concerts/", {"search": f"word {number}"})

    kept = server.wsgi._kept
    assert kept._bytes <= 20_000
    assert kept._bytes == sum(record.answer.size for record in kept._records.values())


def in_another_thread(function, *args):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *args).result(5)
