"""The bare Django that ours is compared with: no middleware, one JSON view, one Redis call."""

import os

import redis
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path

settings.configure(
    SECRET_KEY="only for measuring",
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=[],
)
client = redis.Redis.from_url(os.environ["REDIS_URL"])


def rank(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"ahead": client.zrank("benchmark:plain", "somebody")})


urlpatterns = [path("rank/", rank)]
application = get_wsgi_application()
