"""Sessions in the database, cached in Redis, each with its user.

The fast path trusts a session's key in the cache (accounts.credentials), so that a poll costs no
SQL. So a session that has ended, or that was opened with an old password, must never get into the
cache. The steps, each with the race that it closes:

1. ``save`` locks the user's row (FOR SHARE), then writes the session, then the cache. A password
   change locks the same row first: it finds this session, or this session finds the new password.
2. ``end_sessions`` deletes the rows, then the keys: before the commit (a process that dies
   afterwards leaves no key behind) and after it (a reader may have written one meanwhile). It
   records the ended sessions, for a Redis that is out of reach now (services/ended_sessions.py).
3. ``load`` writes the cache, then checks that the session is still valid, and else deletes the key.

Locks are taken in this order: user, session, user's session.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.sessions.backends import cached_db
from django.core.cache import caches
from django.db import transaction
from django.utils.crypto import constant_time_compare
from redis import RedisError

from accounts.clients import CLIENT
from concertbook.db.arrays import array
from concertbook.db.redis_commands import ask
from concertbook.db.statements import execute, fetch_all, fetch_first

NOT_READ = object()


class SessionStore(cached_db.SessionStore):
    # Part of Django, but missing in its type stubs.
    _cache: Any
    _get_session: Any
    _get_session_from_db: Any
    # What the cache has under key_in_redis, by a reader that had to ask Redis anyway.
    read_beside: Any = NOT_READ

    def _validate_session_key(self, key: str | None) -> bool:
        # An impossible key is not looked up: a NUL in the cookie would be an error in the database,
        # a space one in the cache.
        return bool(key and key.isalnum() and key.isascii()) and len(key or "") >= 8

    def load(self) -> dict[str, Any]:
        data = self._cached()
        if data is not None:
            return data
        row = self._get_session_from_db()
        if row is None:
            return {}
        data = self.decode(row.session_data)
        is_cached = self._cache.set(
            self.cache_key, data, self.get_expiry_age(expiry=row.expire_date)
        )
        if is_cached and SESSION_KEY in data and not self._is_still_good(data):
            self._cache.delete(self.cache_key)
        return data

    @property
    def key_in_redis(self) -> str:
        return str(self._cache.make_key(self.cache_key))

    def _cached(self) -> dict[str, Any] | None:
        """The session in the cache, read there now or with the request's count."""
        found, self.read_beside = self.read_beside, NOT_READ
        if found is NOT_READ:
            try:
                (found,) = ask(("GET", self.key_in_redis))
            except RedisError:
                return None
        data: dict[str, Any] | None = self._cache.client.decode(found) if found else None
        return data

    def _is_still_good(self, data: dict[str, Any]) -> bool:
        found = fetch_first(
            """
            SELECT logged_in.password FROM django_session AS live
            JOIN accounts_user AS logged_in ON logged_in.id = %s::uuid AND logged_in.is_active
            WHERE live.session_key = %s
            """,
            [data[SESSION_KEY], self.session_key],
        )
        return _is_password_of(data, found)

    def save(self, must_create: bool = False) -> None:
        if self.session_key is None:
            self.create()
            return
        data = self._get_session(no_load=must_create)
        with transaction.atomic():
            is_good = SESSION_KEY not in data or self._lock_user(data)
            super(cached_db.SessionStore, self).save(must_create)
            if SESSION_KEY in data:
                self._note_user(data)
            if is_good:
                self._cache.set(self.cache_key, data, self.get_expiry_age())
            else:
                self._cache.delete(self.cache_key)

    def _lock_user(self, data: dict[str, Any]) -> bool:
        """Lock the user; whether the session's password hash is still the user's."""
        found = fetch_first(
            "SELECT password FROM accounts_user WHERE id = %s::uuid AND is_active FOR SHARE",
            [data[SESSION_KEY]],
        )
        return _is_password_of(data, found)

    def _note_user(self, data: dict[str, Any]) -> None:
        execute(
            """
            INSERT INTO accounts_usersession (session_id, user_id, client, system, network)
            SELECT %s, id, %s, %s, %s FROM accounts_user WHERE id = %s::uuid
            ON CONFLICT (session_id) DO UPDATE SET user_id = excluded.user_id
            WHERE accounts_usersession.user_id <> excluded.user_id
            """,
            [self.session_key, *data.get(CLIENT, ("", "", "")), data[SESSION_KEY]],
        )

    def delete(self, session_key: str | None = None) -> None:
        key = self.session_key if session_key is None else session_key
        if key is not None:
            _end("session_key = %s", [key])


def _is_password_of(data: dict[str, Any], found: Sequence[str] | None) -> bool:
    if found is None:
        return False
    (password,) = found
    current = get_user_model()(password=password).get_session_auth_hash()
    return constant_time_compare(data.get(HASH_SESSION_KEY, ""), current)


def end_sessions(*, user_ids: Iterable[UUID], except_session: str | None = None) -> None:
    """Log these users out everywhere: pages, apps, the fast path. Takes the users' row locks.

    ``except_session`` is the key of a session that is kept. Joins the caller's transaction, so that
    the cause (a new password, for example) and the end of the sessions are atomic.
    """
    users = array(user_ids)
    with transaction.atomic():
        # In key order, and before their sessions: see the lock order in the module's docstring.
        execute(
            "SELECT FROM accounts_user WHERE id = ANY(%s::uuid[]) ORDER BY id FOR NO KEY UPDATE",
            [users],
        )
        _end(
            "session_key IN (SELECT session_id FROM accounts_usersession"
            " WHERE user_id = ANY(%s::uuid[])) AND session_key <> %s",
            [users, except_session or ""],
        )


def prolong(session_key: str) -> None:
    """Let the cache keep the session as long as the database does, from now."""
    store = SessionStore(session_key)
    store._cache.touch(store.cache_key, settings.SESSION_COOKIE_AGE)


def _end(condition: str, arguments: list[str]) -> None:
    with transaction.atomic():
        deleted = f"DELETE FROM django_session WHERE {condition} RETURNING session_key"
        keys = [key for (key,) in fetch_all(deleted, arguments)]
        execute(
            """
            WITH ended AS (
                DELETE FROM accounts_usersession WHERE session_id = ANY(%s::text[])
                RETURNING session_id
            )
            INSERT INTO accounts_endedsession (session_key, ended_at)
            SELECT session_id, clock_timestamp() FROM ended
            """,
            [array(keys)],
        )
        forget(keys)
        transaction.on_commit(partial(forget, keys))


def forget(session_keys: Sequence[str]) -> bool:
    """Delete the sessions' keys from the cache; whether the cache was reachable."""
    # Django's backends return None or nothing; django-redis a number, or None for an ignored error.
    cache: Any = caches[settings.SESSION_CACHE_ALIAS]
    return cache.delete_many([cached_db.KEY_PREFIX + key for key in session_keys]) is not None
