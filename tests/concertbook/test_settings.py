"""The settings of a production machine, and the health checks."""

import ast
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from allauth.account.adapter import get_adapter
from django.conf import settings as loaded
from django.test import Client, RequestFactory

ROOT = Path(__file__).resolve().parents[2]
PRODUCTION = {
    "DEBUG": "0",
    "HTTPS": "1",
    "SECRET_KEY": "Zq3v" * 20 + "9xKe",
    "ALLOWED_HOSTS": "tickets.example.com",
    "CSRF_TRUSTED_ORIGINS": "https://tickets.example.com",
}
PROBE = """
import django, json
django.setup()
from django.test import Client
client = Client(raise_request_exception=False, headers={"host": "tickets.example.com"})
answers = {path: client.get(path) for path in ("/livez", "/readyz")}
print(json.dumps({path: [answer.status_code, answer.json()] for path, answer in answers.items()}))
"""


@pytest.fixture
def unreachable() -> Iterator[str]:
    """An address that refuses connections for as long as the test runs."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


def python(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, **PRODUCTION, **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )


def probe(**environ: str) -> dict[str, list[Any]]:
    answer = python("-c", PROBE, **environ)
    assert answer.returncode == 0, answer.stderr
    answers: dict[str, list[Any]] = json.loads(answer.stdout)
    return answers


@pytest.mark.parametrize("secret", ["", loaded.INSECURE_SECRET_KEY])
def test_without_debug_the_default_secret_is_refused(secret):
    refused = python("manage.py", "check", SECRET_KEY=secret)

    assert refused.returncode != 0
    assert "ImproperlyConfigured" in refused.stderr
    assert "SECRET_KEY" in refused.stderr


def test_the_deployment_check_has_nothing_to_say():
    checked = python("manage.py", "check", "--deploy", "--fail-level", "WARNING")

    assert checked.returncode == 0, checked.stderr
    assert "no issues" in checked.stdout


def test_cookies_travel_over_tls_only():
    shown = python(
        "-c",
        "from django.conf import settings as s;"
        "print(s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SECURE_HSTS_SECONDS > 0)",
        DJANGO_SETTINGS_MODULE="concertbook.settings",
    )

    assert shown.stdout.split() == ["True", "True", "True"], shown.stderr


@pytest.mark.django_db
def test_with_both_stores_there_it_is_alive_and_ready(client):
    assert client.get("/livez").status_code == 200
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"database": True, "redis": True})


def test_without_its_database_it_is_alive_but_not_ready(unreachable):
    answers = probe(DATABASE_URL=f"postgresql://postgres@{unreachable}/concertbook")

    assert answers["/livez"][0] == 200
    assert answers["/readyz"] == [503, {"database": False, "redis": True}]


def test_without_redis_it_is_alive_and_ready(unreachable):
    answers = probe(REDIS_URL=f"redis://{unreachable}/0")

    assert answers["/livez"][0] == 200
    assert answers["/readyz"] == [200, {"database": True, "redis": False}]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/", "/livez", "/api/v1/concerts/", "/admin/"])
def test_a_host_that_is_not_ours_is_refused(path, method):
    client = Client(raise_request_exception=False)
    headers = {"host": "evil.example", "referer": "http://evil.example/"}

    assert client.generic(method, path, headers=headers).status_code == 400


def test_a_forged_host_behind_a_proxy_header_is_not_believed():
    request = RequestFactory().get("/", headers={"x-forwarded-host": "evil.example"})

    assert request.get_host() == "testserver"


def test_without_proxies_of_ours_forged_forwarding_headers_are_ignored(settings):
    assert settings.TRUSTED_PROXIES == 0
    forged = {"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https"}

    request = RequestFactory().get("/", headers=forged, REMOTE_ADDR="198.51.100.7")

    assert not request.is_secure()
    assert get_adapter().get_client_ip(request) == "198.51.100.7"


def test_behind_one_proxy_only_the_address_that_it_appended_counts():
    shown = python(
        "-c",
        "import django; django.setup();"
        "from allauth.account.adapter import get_adapter;"
        "from django.test import RequestFactory;"
        "chain = '203.0.113.9, 198.51.100.7';"
        "forwarded = {'x-forwarded-for': chain, 'x-forwarded-proto': 'https'};"
        "request = RequestFactory().get('/', headers=forwarded, REMOTE_ADDR='10.0.0.1');"
        "print(get_adapter().get_client_ip(request), request.is_secure())",
        DJANGO_SETTINGS_MODULE="concertbook.settings",
        TRUSTED_PROXIES="1",
    )

    assert shown.stdout.split() == ["198.51.100.7", "True"], shown.stderr


def test_the_parameters_of_the_database_url_are_used():
    url = "postgresql://me@one:5432,two:5433/db?sslmode=require&target_session_attrs=read-write"
    ask = "from django.conf import settings; print(settings.DATABASES['default'])"

    answer = python("-c", ask, DATABASE_URL=url, DJANGO_SETTINGS_MODULE="concertbook.settings")

    database = ast.literal_eval(answer.stdout)
    assert (database["HOST"], database["PORT"]) == ("one,two", "5432,5433")
    assert database["OPTIONS"]["sslmode"] == "require"
    assert database["OPTIONS"]["target_session_attrs"] == "read-write"
    assert database["OPTIONS"]["connect_timeout"] == 3, "the project's own options are kept"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "max-age=31536000"),
        ({"HSTS_INCLUDE_SUBDOMAINS": "1"}, "max-age=31536000; includeSubDomains"),
        (
            {"HSTS_INCLUDE_SUBDOMAINS": "1", "HSTS_PRELOAD": "1"},
            "max-age=31536000; includeSubDomains; preload",
        ),
        ({"HTTPS": "0"}, "None"),
    ],
    ids=["by default", "with subdomains", "with preload", "without TLS"],
)
def test_hsts_speaks_for_this_name_alone_unless_told_otherwise(environ, expected):
    ask = "import django; django.setup(); from django.test import Client; client = Client();"
    ask += "response = client.get('/livez', secure=True, headers={'host': 'tickets.example.com'});"
    ask += "print(response.headers.get('Strict-Transport-Security'))"
    assert python("-c", ask, **environ).stdout.strip() == expected
