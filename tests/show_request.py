"""A WSGI application that echoes its request, for tests of the proxy before it.

Its answer has the headers that the request's query names, and an id that no other answer has.
"""

import json
import uuid
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl

SHOWN = ("HTTP_", "REMOTE_", "CONTENT_LENGTH", "SERVER_PROTOCOL")


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    shown = {name: value for name, value in environ.items() if name.startswith(SHOWN)}
    body = environ["wsgi.input"].read()
    shown_body = {"environ": shown, "body_bytes": len(body), "id": str(uuid.uuid4())}
    answer = json.dumps(shown_body).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))]
    start_response("200 OK", [*headers, *parse_qsl(environ["QUERY_STRING"])])
    return [answer]
