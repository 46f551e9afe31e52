"""A refresh token is used once; repeated within the grace period, later it ends the session."""

import datetime as dt
import threading

import pytest
from django.core.cache import cache
from django.db import connection

from accounts.app_tokens import issue_tokens
from accounts.app_tokens import refresh_tokens as refresh
from accounts.errors import InvalidRefreshToken
from accounts.models import UserSession
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


def is_alive(app, access):
    phone = app()
    phone.credentials(HTTP_AUTHORIZATION=f"Bearer {access}")
    return phone.get("/api/v1/me/").status_code == 200


def end_the_grace():
    """Move the refresh into the past, as the database's clock cannot be frozen."""
    for session in UserSession.objects.exclude(refreshed_at=None):
        session.refreshed_at -= dt.timedelta(seconds=31)
        session.save()


def test_a_refresh_gives_a_new_pair_that_works(app):
    first = issue_tokens(UserFactory())

    second = refresh(first.refresh)
    third = refresh(second.refresh)

    assert len({first.refresh, second.refresh, third.refresh}) == 3
    assert len({first.access, second.access, third.access}) == 3
    assert all(is_alive(app, pair.access) for pair in (first, second, third))


def test_a_refresh_whose_answer_was_lost_is_answered_byte_for_byte_alike(app):
    first = issue_tokens(UserFactory())
    ask = {"path": "/api/v1/auth/refresh/", "data": {"refresh": first.refresh}, "format": "json"}

    lost, again = app().post(**ask), app().post(**ask)

    assert lost.status_code == again.status_code == 200
    assert lost.content == again.content
    assert is_alive(app, again.json()["access"])
    assert refresh(again.json()["refresh"])


@pytest.mark.parametrize("flush", [False, True], ids=["with its cache", "after a flush"])
def test_refreshes_at_once_all_get_one_pair_that_works(app, flush):
    first = issue_tokens(UserFactory())
    if flush:
        cache.clear()
    barrier, got = threading.Barrier(8), []

    def ask():
        barrier.wait()
        try:
            got.append(refresh(first.refresh))
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(got) == 8
    assert len(set(got)) == 1
    assert is_alive(app, got[0].access)
    assert refresh(got[0].refresh)


def test_a_refresh_token_used_again_after_the_grace_ends_the_session(app):
    first = issue_tokens(UserFactory())
    second = refresh(first.refresh)
    end_the_grace()

    with pytest.raises(InvalidRefreshToken):
        refresh(first.refresh)

    assert not is_alive(app, second.access)
    assert not is_alive(app, first.access)
    with pytest.raises(InvalidRefreshToken):
        refresh(second.refresh)
    assert not UserSession.objects.exists()


def test_the_grace_is_a_setting(settings):
    settings.REFRESH_GRACE_SECONDS = 0
    first = issue_tokens(UserFactory())
    refresh(first.refresh)

    with pytest.raises(InvalidRefreshToken):
        refresh(first.refresh)


def test_the_newest_refresh_token_lasts_longer_than_the_grace():
    second = refresh(issue_tokens(UserFactory()).refresh)
    end_the_grace()

    assert refresh(second.refresh)


def test_a_refresh_token_two_generations_old_ends_the_session_even_within_the_grace(app):
    first = issue_tokens(UserFactory())
    second = refresh(first.refresh)
    third = refresh(second.refresh)

    with pytest.raises(InvalidRefreshToken):
        refresh(first.refresh)

    assert not is_alive(app, third.access)


def test_a_stolen_token_ends_its_own_session_and_no_other(app):
    user = UserFactory()
    phone, tablet = issue_tokens(user), issue_tokens(user)
    refresh(phone.refresh)
    end_the_grace()

    with pytest.raises(InvalidRefreshToken):
        refresh(phone.refresh)

    assert is_alive(app, tablet.access)
    assert refresh(tablet.refresh)


def test_a_refresh_prolongs_the_session_in_the_database_and_in_the_cache(app):
    first = issue_tokens(UserFactory())
    session = UserSession.objects.get().session
    session.expire_date -= dt.timedelta(days=13, hours=23)
    session.save()
    key = f"django.contrib.sessions.cached_db{session.pk}"
    cache.touch(key, 3600)

    refresh(first.refresh)

    left = UserSession.objects.get().session.expire_date - session.expire_date
    assert left > dt.timedelta(days=13)
    assert cache.ttl(key) > 13 * 24 * 3600


def test_no_refresh_after_log_out_a_new_password_or_while_inactive(app):
    for end in ("log out", "password", "inactive"):
        user = UserFactory()
        pair = issue_tokens(user)
        if end == "log out":
            phone = app()
            phone.credentials(HTTP_AUTHORIZATION=f"Bearer {pair.access}")
            assert phone.post("/api/v1/auth/logout/").status_code == 204
        elif end == "password":
            user.set_password("Another-4821!x")
            user.save()
        else:
            user.is_active = False
            user.save()
        with pytest.raises(InvalidRefreshToken):
            refresh(pair.refresh)


@pytest.mark.parametrize("what", ["", "x", "x.y.z", "access"])
def test_an_invalid_refresh_token_is_refused(app, what):
    token = issue_tokens(UserFactory()).access if what == "access" else what
    answer = app().post("/api/v1/auth/refresh/", {"refresh": token}, format="json")
    assert answer.status_code == (400 if what == "" else 401)
