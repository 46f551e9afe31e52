"""A WSGI application that echoes its request, for tests of the proxy before it."""

import json
from collections.abc import Callable, Iterable
from typing import Any

SHOWN = ("HTTP_", "REMOTE_", "CONTENT_LENGTH", "SERVER_PROTOCOL")


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    shown = {name: value for name, value in environ.items() if name.startswith(SHOWN)}
    body = environ["wsgi.input"].read()
    answer = json.dumps({"environ": shown, "body_bytes": len(body)}).encode()
    start_response(
        "200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))]
    )
    return [answer]
