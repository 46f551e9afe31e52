"""Call the fast path without Django behind it."""

import json

from django.test import RequestFactory

from concertbook.http.fast_path import FastPath
from concertbook.wsgi import application


class FellThrough(BaseException):
    """The request fell through to Django, which would read this body."""


def ask(path, *, method="GET", content=b"", content_type="application/octet-stream", **headers):
    """Status, headers and body (None if empty) of the fast path's answer. Raises FellThrough."""

    def django(environ, start_response):
        raise FellThrough(environ["wsgi.input"].read())

    factory = RequestFactory(headers={"Host": "testserver", **headers})
    environ = factory.generic(method, path, content, content_type=content_type).environ
    answered = []
    (body,) = FastPath(django, application.routes)(environ, lambda *head: answered.append(head))
    ((status, answer_headers),) = answered
    return int(status[:3]), dict(answer_headers), json.loads(body) if body else None
