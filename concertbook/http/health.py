"""What a supervisor asks: is the process alive, and is it of use?"""

import redis
from django.conf import settings
from django.http import HttpRequest, JsonResponse

from concertbook.db.statements import execute
from concertbook.http.problems import DATABASE_AWAY


def livez(request: HttpRequest) -> JsonResponse:
    """200 as long as the process answers at all; a dead database is no reason to restart it."""
    return JsonResponse({"alive": True})


def readyz(request: HttpRequest) -> JsonResponse:
    """200 when requests can be served, else 503. Redis away makes us slower, not unready."""
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
