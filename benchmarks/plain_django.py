"""The bare Django that ours is compared with: no middleware, one call to a store, one JSON view."""

import os
import uuid
from typing import ClassVar

import redis
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import models
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.utils import timezone

from concertbook.settings import DATABASES

settings.configure(
    SECRET_KEY="only for measuring",
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=[],
    USE_TZ=True,
    # The same database in the same manner, so that only what is done with it counts.
    DATABASES=DATABASES,
)
application = get_wsgi_application()
client = redis.Redis.from_url(os.environ["REDIS_URL"])


class Joined(models.Model):
    """A row about as large as a queue token; benchmarks/waiting.py makes the table."""

    token = models.UUIDField(primary_key=True, default=uuid.uuid4)
    user_id = models.UUIDField()
    room_id = models.BigIntegerField()
    position = models.BigIntegerField()
    status = models.CharField(max_length=7)
    issued_at = models.DateTimeField()
    last_request_at = models.DateTimeField()

    class Meta:
        app_label = "benchmarks"
        db_table = 'benchmark"."joined'

    objects: ClassVar[models.Manager["Joined"]]

    def __str__(self) -> str:
        return str(self.token)


def rank(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"ahead": client.zrank("benchmark:plain", "a person")})


def insert(request: HttpRequest) -> JsonResponse:
    now = timezone.now()
    row = Joined.objects.create(
        user_id=uuid.uuid4(),
        room_id=1,
        position=1,
        status="WAITING",
        issued_at=now,
        last_request_at=now,
    )
    return JsonResponse({"token": row.token}, status=201)


urlpatterns = [path("rank/", rank), path("row/", insert)]
