"""Sessions in the database, cached in Redis; a key that cannot be ours is not looked for."""

from django.contrib.sessions.backends import cached_db


class SessionStore(cached_db.SessionStore):
    def _validate_session_key(self, key: str | None) -> bool:
        # A NUL in the cookie would be an error in the database, a space one in the cache.
        return bool(key and key.isalnum() and key.isascii()) and len(key or "") >= 8
