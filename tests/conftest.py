"""Fixtures for every test: API clients, a browser, and an empty Redis."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.cache import cache
from django.test import TransactionTestCase
from rest_framework.test import APIClient

from accounts.app_tokens import issue_tokens
from accounts.models import User
from accounts.services import business
from concertbook.http import rate_limit
from concerts.seat_index import looks
from tests.cleanup import delete_all_rows


@pytest.fixture(autouse=True)
def _fast_passwords(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _staff_is_not_asked(settings: Any) -> None:
    """Tests of the second factor switch it on again."""
    settings.STAFF_SECOND_FACTOR = False
    settings.CONFIRM_SECONDS = 0


@pytest.fixture(scope="session", autouse=True)
def _quick_cleanup() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda case: delete_all_rows())
        yield


@pytest.fixture(autouse=True)
def _empty_redis(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # After a test without Redis the limiter would back off for a second.
    monkeypatch.setattr(rate_limit, "_backs_off_until", 0.0)
    yield
    cache.clear()


@pytest.fixture(autouse=True)
def _no_known_business() -> Iterator[None]:
    yield
    business.forget_business()


@pytest.fixture(scope="session", autouse=True)
def _plain_names_of_static_files(tmp_path_factory: pytest.TempPathFactory) -> None:
    # A demo may have collected them once; the live server of the tests finds the plain names, and
    # WhiteNoise would read all of them for each client of a test.
    staticfiles_storage.hashed_files.clear()
    django_settings.STATIC_ROOT = tmp_path_factory.mktemp("staticfiles")


@pytest.fixture
def _no_redis(settings: Any) -> None:
    unreachable = "redis://127.0.0.1:1/0"
    default = {**settings.CACHES["default"], "LOCATION": unreachable}
    settings.CACHES = {**settings.CACHES, "default": default}
    settings.REDIS_URL = unreachable


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every reader of seats builds a snapshot."""
    monkeypatch.setattr(looks, "TOO_OLD", 0)


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """No snapshot is rebuilt because of its age."""
    for name in ("REBUILT_IF_CHANGED", "REBUILT", "TOO_OLD"):
        monkeypatch.setattr(looks, name, 10**9)


@pytest.fixture(scope="session", autouse=True)
def _no_thread_outlives_its_database(django_db_setup: None) -> Iterator[None]:
    yield
    from payments.fast_path.hold import HOLDS
    from payments.fast_path.pay import PAYMENTS
    from payments.services import group_commits

    for group in (HOLDS, PAYMENTS, group_commits.HOLDS, group_commits.PAYMENTS):
        group.stop()


@pytest.fixture
def app() -> Callable[[User | None], APIClient]:
    """A mobile app: ``app(user)`` is a client with that user's access token."""

    def client_of(user: User | None = None) -> APIClient:
        client = APIClient(raise_request_exception=False)
        if user is not None:
            client.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_tokens(user).access}")
        return client

    return client_of


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--screenshots", metavar="DIR", help="write pictures of every page's states into DIR"
    )
