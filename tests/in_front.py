"""Ask what stands in front of Django, without Django behind it."""

import json

from django.test import RequestFactory

from concertbook.front import Front
from concertbook.wsgi import LINE, SALE


class SteppedAside(BaseException):
    """Django is to answer, and would read this body."""


def ask(path, *, method="GET", content=b"", content_type="application/octet-stream", **headers):
    """Status, headers and body of what is answered before Django. Raises SteppedAside."""

    def django(environ, start_response):
        raise SteppedAside(environ["wsgi.input"].read())

    factory = RequestFactory(headers={"Host": "testserver", **headers})
    environ = factory.generic(method, path, content, content_type=content_type).environ
    answered = []
    (body,) = Front(django, [*LINE, *SALE])(environ, lambda *head: answered.append(head))
    ((status, answer_headers),) = answered
    return int(status[:3]), dict(answer_headers), json.loads(body)
