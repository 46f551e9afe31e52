from typing import Any

from django_redis.cache import RedisCache


class FailOpenCache(RedisCache):  # type: ignore[misc]
    """A cache that is merely useless while Redis is out of reach.

    ``add`` is how rate limits take their lock. With its errors ignored it would answer what means
    "somebody else has it", and nobody could log in.
    """

    def add(self, *args: Any, **kwargs: Any) -> bool:
        added = super().add(*args, **kwargs)
        return True if added is None else bool(added)
