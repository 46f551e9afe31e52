"""Health checks: is the process alive, and can it serve requests?"""

import redis
from django.conf import settings
from django.http import HttpRequest, JsonResponse

from concertbook.db.statements import execute
from concertbook.http.problems import DATABASE_AWAY


def livez(request: HttpRequest) -> JsonResponse:
    """200 as long as the process answers; a restart would not help against a dead database."""
    return JsonResponse({"alive": True})


def readyz(request: HttpRequest) -> JsonResponse:
    """200 when requests can be served, else 503. Without Redis requests are slower, but served."""
    database = _database_answers()
    body = {"database": database, "redis": _redis_answers()}
    return JsonResponse(body, status=200 if database else 503)


def _database_answers() -> bool:
    try:
        execute("SELECT 1")
    except DATABASE_AWAY:
        return False
    return True


def _redis_answers() -> bool:
    client = redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()
