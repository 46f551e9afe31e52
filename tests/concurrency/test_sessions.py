"""Logging in, logging out and a new password at the same moment: no ended session comes back."""

import pytest
from django.core.cache import cache
from django.db import connection, transaction

from accounts.app_tokens import issue_tokens, refresh_tokens
from accounts.models import User, UserSession
from accounts.sessions import SessionStore, end_sessions
from tests.concurrency.threads import (
    Gate,
    Meeting,
    a_thread_waits_for_a_lock,
    background,
    race,
    until,
)
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


def is_cached(session_key):
    return f"django.contrib.sessions.cached_db{session_key}" in cache


def keys_of(user):
    return list(UserSession.objects.filter(user=user).values_list("pk", flat=True))


def another_password(user):
    user.set_password("New-Harbor-4821!x")
    user.save()


def run_beside(first, gate, second):
    """``first`` up to its gate; then ``second``, which waits for it or has ended; then the
    remainder."""
    with background(first, gate) as begun:
        gate.wait()
        with background(second) as other:
            until(lambda: other.done() or a_thread_waits_for_a_lock())
            gate.open()
            for done in (begun, other):
                if isinstance(done.result(), Exception):
                    raise done.result()


def test_a_log_in_during_a_password_change_is_not_cached():
    user = UserFactory()
    with_old_password = User.objects.get(pk=user.pk)

    run_beside(
        lambda: another_password(user),
        Gate("DELETE FROM accounts_usersession"),
        lambda: issue_tokens(with_old_password),
    )

    (key,) = keys_of(user)
    assert not is_cached(key)
    assert SessionStore(key).load()
    assert not is_cached(key), "nor when it is looked at"


def test_a_log_in_that_has_not_committed_is_ended_with_the_others():
    user = UserFactory()

    run_beside(
        lambda: issue_tokens(user),
        Gate("INSERT INTO accounts_usersession"),
        lambda: end_sessions(user_ids=[user.pk]),
    )

    assert keys_of(user) == []


def test_a_stale_form_that_brings_the_old_password_back_ends_the_sessions_of_the_new_one():
    user = UserFactory()
    stale = User.objects.get(pk=user.pk)

    def change_and_log_in():
        with transaction.atomic():
            another_password(user)
            issue_tokens(user)

    run_beside(change_and_log_in, Gate('UPDATE "accounts_usersession"'), stale.save)

    assert keys_of(user) == []


def test_a_session_that_ends_while_it_is_loaded_is_not_kept_in_the_cache():
    user = UserFactory()
    issue_tokens(user)
    (key,) = keys_of(user)
    cache.clear()

    run_beside(
        lambda: SessionStore(key).load(),
        Gate('FROM "django_session"'),
        lambda: end_sessions(user_ids=[user.pk]),
    )

    assert not is_cached(key)


def test_a_session_that_is_loaded_before_its_end_commits_is_not_kept_in_the_cache():
    user = UserFactory()
    issue_tokens(user)
    (key,) = keys_of(user)

    def end():
        with transaction.atomic():
            end_sessions(user_ids=[user.pk])
            with connection.cursor() as cursor:
                cursor.execute("SELECT 'about to commit'")

    run_beside(end, Gate("about to commit"), lambda: SessionStore(key).load())

    assert not is_cached(key)


def test_two_refreshes_at_once_give_one_pair_that_works():
    first = issue_tokens(UserFactory())

    one, other = race(
        lambda: refresh_tokens(first.refresh),
        lambda: refresh_tokens(first.refresh),
        meeting=Meeting('FROM "accounts_usersession"'),
    )

    assert one == other
    assert refresh_tokens(one.refresh)


def test_a_refresh_during_a_log_out_leaves_no_session():
    pair = issue_tokens(UserFactory())
    (key,) = UserSession.objects.values_list("pk", flat=True)

    run_beside(
        lambda: refresh_tokens(pair.refresh),
        Gate('FROM "django_session"'),
        lambda: SessionStore(key).flush(),
    )

    assert not UserSession.objects.exists()
    assert not is_cached(key)
