"""An ended session is refused immediately, by the fast path and by Django."""

import datetime as dt
from contextlib import contextmanager

import pytest
import redis
from django.contrib.auth.hashers import make_password
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.app_tokens import issue_tokens
from accounts.models import EndedSession, User
from accounts.services.ended_sessions import OVERLAP, forget_ended_sessions
from accounts.sessions import end_sessions
from queueing.models import QueueToken
from queueing.services import index_build, join_and_leave
from tests.factories import PASSWORD, UserFactory, WaitingRoomFactory
from tests.fast_path import FellThrough, ask
from tests.mailbox import link_to

pytestmark = pytest.mark.django_db(transaction=True)

NEW = "New-Harbor-4821!x"


class Device:
    """A phone or a browser of a user in line, with the answers of the fast path and Django."""

    def __init__(self, user, room, **headers):
        self.headers = headers
        self.poll = f"/api/v1/queue-tokens/{QueueToken.objects.get(user=user).pk}/"

    def is_on_the_fast_path(self):
        try:
            return ask(self.poll, **self.headers)[0] == 200
        except FellThrough:
            return False

    def status_in_django(self, method, path):
        browser = Client(raise_request_exception=False)
        return browser.generic(method, path, headers=self.headers).status_code

    def is_logged_in(self):
        return self.status_in_django("GET", self.poll) == 200


@pytest.fixture
def room():
    room = WaitingRoomFactory()
    index_build.build_missing()
    return room


@pytest.fixture
def user(room):
    user = UserFactory()
    join_and_leave.join(user=user, slug=room.slug)
    return user


@pytest.fixture
def phone(user, room):
    return Device(user, room, Authorization=f"Bearer {issue_tokens(user).access}")


@pytest.fixture
def browser(user, room):
    client = Client()
    client.force_login(user)
    client.post(reverse("waiting_room", args=[room.slug]), follow=True)
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    return Device(user, room, Cookie=cookies)


def on_the_page(user):
    client = Client()
    client.force_login(user)
    fields = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
    assert client.post(reverse("account_change_password"), fields).status_code == 302
    assert client.get("/api/v1/me/").status_code == 200, "the session of the change is kept"


def by_the_link(user):
    client = Client()
    client.post(reverse("account_reset_password"), {"email": user.email})
    client.post(link_to(user.email), {"password1": NEW})


def in_the_admin(user):
    boss = User.objects.create_superuser("boss@example.com", PASSWORD)
    client = Client()
    client.force_login(boss)
    fields = {"password1": NEW, "password2": NEW, "usable_password": "true"}
    page = reverse("admin:auth_user_password_change", args=[user.pk])
    assert client.post(page, fields).status_code == 302


def in_a_script(user):
    User.objects.filter(pk=user.pk).update(password=make_password(NEW))


PASSWORD_CHANGES = [on_the_page, by_the_link, in_the_admin, in_a_script]


@pytest.mark.parametrize("change", PASSWORD_CHANGES, ids=lambda each: each.__name__)
@pytest.mark.parametrize("flush", [False, True], ids=["", "redis forgets"])
def test_a_new_password_ends_every_open_session(user, phone, browser, room, change, flush):
    other = WaitingRoomFactory()
    index_build.build_missing()
    assert phone.is_on_the_fast_path()
    assert browser.is_on_the_fast_path()

    change(user)
    if flush:
        cache.clear()
        index_build.build_missing()

    user.refresh_from_db()
    assert user.check_password(NEW)
    assert not phone.is_on_the_fast_path()
    assert not browser.is_on_the_fast_path()
    with pytest.raises(FellThrough):
        ask(f"/api/v1/waiting-rooms/{other.slug}/tokens/", method="POST", **phone.headers)
    assert phone.status_in_django("GET", phone.poll) == 401
    assert browser.status_in_django("GET", browser.poll) == 401
    assert not phone.is_on_the_fast_path(), "and Django's look has brought nothing back"
    assert not QueueToken.objects.filter(user=user, room=other).exists()


def saved(user):
    user.is_active = False
    user.save()


def saved_alone(user):
    user.is_active = False
    user.save(update_fields=["is_active"])


def updated(user):
    User.objects.filter(pk=user.pk).update(is_active=False)


def in_bulk(user):
    user.is_active = False
    User.objects.bulk_update([user], ["is_active"])


@pytest.mark.parametrize("deactivate", [saved, saved_alone, updated, in_bulk])
def test_a_deactivated_user_is_logged_out_and_remains_so_when_activated_again(
    user, phone, browser, deactivate
):
    deactivate(user)

    assert not phone.is_on_the_fast_path()
    assert not browser.is_on_the_fast_path()
    assert not phone.is_logged_in()
    assert not browser.is_logged_in()
    user.is_active = True
    user.save()
    assert not phone.is_on_the_fast_path()
    assert not phone.is_logged_in()


def test_changes_unrelated_to_credentials_end_no_session(user, phone, browser):
    user.name = "Another"
    user.save()
    user.save(update_fields=["name"])
    User.objects.filter(pk=user.pk).update(name="Third")

    assert phone.is_on_the_fast_path()
    assert browser.is_on_the_fast_path()


def test_another_users_sessions_are_kept(user, phone, room):
    other = UserFactory()
    other.set_password(NEW)
    other.save()

    assert phone.is_on_the_fast_path()


def test_sessions_end_but_one(user, phone, browser):
    phone_key = Session.objects.order_by("expire_date").first().pk
    assert len({phone_key}) == 1
    assert phone.is_on_the_fast_path()

    end_sessions(user_ids=[user.pk], except_session=phone_key)

    assert [phone.is_on_the_fast_path(), browser.is_on_the_fast_path()] == [True, False]
    assert phone.is_logged_in()
    assert not browser.is_logged_in()


def test_an_app_that_logs_out_leaves_the_others_in(user, phone, browser):
    assert phone.status_in_django("POST", "/api/v1/auth/logout/") == 204

    assert not phone.is_on_the_fast_path()
    assert not phone.is_logged_in()
    assert browser.is_on_the_fast_path()
    assert browser.is_logged_in()


def test_a_session_that_redis_forgot_comes_back_while_it_lasts(user, phone, room):
    cache.clear()
    index_build.build_missing()
    assert not phone.is_on_the_fast_path()

    assert phone.is_logged_in()

    assert phone.is_on_the_fast_path()


def test_a_password_changed_with_manage_py_ends_the_sessions(user, phone, monkeypatch):
    monkeypatch.setattr("getpass.getpass", lambda *args, **kwargs: NEW)
    call_command("changepassword", user.email)

    assert not phone.is_on_the_fast_path()
    assert not phone.is_logged_in()


@contextmanager
def redis_away(settings):
    there = settings.CACHES
    unreachable = {**there["default"], "LOCATION": "redis://127.0.0.1:1/0"}
    settings.CACHES = {**there, "default": unreachable}
    yield
    settings.CACHES = there


def test_a_session_that_ended_while_redis_was_away_is_out_after_the_sweep(user, phone, settings):
    with redis_away(settings):
        in_a_script(user)
        assert forget_ended_sessions() == 0
    assert phone.is_on_the_fast_path(), "nothing has told Redis yet"

    assert forget_ended_sessions() == 1

    assert not phone.is_on_the_fast_path()
    assert not phone.is_logged_in()


def test_an_ended_session_is_out_of_a_redis_that_came_back_older(user, phone, settings):
    forget_ended_sessions()
    client = redis.Redis.from_url(settings.REDIS_URL)
    older = {key: client.dump(key) for key in client.scan_iter()}
    in_a_script(user)
    forget_ended_sessions()
    client.flushdb()
    for key, value in older.items():
        client.restore(key, 0, value)
    assert phone.is_on_the_fast_path(), "the older data has it"

    forget_ended_sessions()

    assert not phone.is_on_the_fast_path()


def test_a_sweep_looks_at_what_ended_lately_and_forgets_what_redis_cannot_have(
    user, phone, settings
):
    in_a_script(user)
    assert forget_ended_sessions() == 1
    assert forget_ended_sessions() == 1, "its transaction might have been a long one"

    EndedSession.objects.update(ended_at=timezone.now() - OVERLAP - dt.timedelta(minutes=1))
    assert forget_ended_sessions() == 0
    cache.clear()
    assert forget_ended_sessions() == 1, "a Redis that was flushed may come back"

    age = dt.timedelta(seconds=settings.SESSION_COOKIE_AGE)
    EndedSession.objects.update(ended_at=timezone.now() - age - dt.timedelta(minutes=1))
    assert forget_ended_sessions() == 0
    assert not EndedSession.objects.exists()
