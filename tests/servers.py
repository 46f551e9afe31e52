"""A pytest plugin, loaded by `-p tests.servers` before Django's settings: the tests' servers.

The process that starts the tests runs PostgreSQL and Valkey for all of them, unless DATABASE_URL
or REDIS_URL already name some. Each worker of pytest-xdist gets a Valkey database of its own;
pytest-django gives each a PostgreSQL database of its own.
"""

from __future__ import annotations

import atexit
import os
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from scripts.embedded import ServerError, addresses, throwaway_servers

RUNNING = ExitStack()
DEFAULTS = {
    "DJANGO_SETTINGS_MODULE": "concertbook.settings",
    "SECRET_KEY": "only-for-the-tests-" + "x" * 50,
    "DEBUG": "0",
    "HTTPS": "0",
    "ALLOWED_HOSTS": "testserver,localhost,127.0.0.1",
    # Tests send requests faster than people; test_rate_limit.py sets its own limit.
    "REQUESTS_PER_USER": "1000000000",
}


def prepare_environment() -> None:
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if not worker:
        start_servers()
    number = int(worker.removeprefix("gw")) + 1 if worker else 1
    os.environ["REDIS_URL"] = with_database(os.environ["REDIS_URL"], number)


def start_servers() -> None:
    try:
        servers = RUNNING.enter_context(throwaway_servers(os.environ))
    except ServerError as error:
        raise pytest.UsageError(str(error)) from error
    os.environ.update(addresses(servers))
    atexit.register(RUNNING.close)


def with_database(url: str, number: int) -> str:
    return urlsplit(url)._replace(path=f"/{number}").geturl()


def pytest_unconfigure() -> None:
    RUNNING.close()


prepare_environment()
