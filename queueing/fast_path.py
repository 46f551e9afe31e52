"""The fast path of the line: take a place, and where do I stand.

A poll is one round trip to Redis, a join one statement and two, if the credential is valid.
Sessions and people that Redis does not know, rooms without an index, and people in line already
are for Django.
"""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import Error, close_old_connections

from accounts import credentials
from concertbook.errors import DomainError
from concertbook.http.client_address import client_address
from concertbook.http.fast_path import Answer, Environ, FallThrough, Route, render, respond
from concertbook.http.ids import UUID
from queueing.line.errors import LineUnavailable, UnknownPerson, UnknownSession
from queueing.representations import QueuePositionSerializer
from queueing.services import join_and_leave, polling
from queueing.services.queue_position import QueuePosition

# The one query of polls that is answered here.
WATCHES_FRONT = "watches_front=true"


def poll(environ: Environ, token: str) -> Answer:
    visitor = credentials.read_credential(environ)
    with _leaving_to_django():
        place = polling.poll(
            token=uuid.UUID(token),
            user_id=visitor.user_id,
            session=visitor.session_in_cache,
            address=client_address(environ),
            watches_front=_watches_front(environ),
        )
    return _tell("200 OK", place)


def _watches_front(environ: Environ) -> bool:
    query = environ.get("QUERY_STRING", "")
    if query not in ("", WATCHES_FRONT):
        raise FallThrough
    return bool(query)


def join(environ: Environ, slug: str) -> Answer:
    # A body says nothing here; a long one is Django's to refuse.
    if len(environ.get("CONTENT_LENGTH") or "") > 1 or environ.get("HTTP_TRANSFER_ENCODING"):
        raise FallThrough
    # Not by cookie: a form's request must show that it comes from a page of ours.
    visitor = credentials.read_authorization(environ)
    address = client_address(environ)
    with _leaving_to_django():
        join_and_leave.count_join(
            user_id=visitor.user_id, address=address, session=visitor.session_in_cache
        )
    return _tell("201 Created", _join_anew(visitor.user_id, slug, address))


@contextmanager
def _leaving_to_django() -> Iterator[None]:
    try:
        yield
    except (UnknownSession, UnknownPerson, LineUnavailable) as unknown:
        raise FallThrough from unknown


def _join_anew(user_id: uuid.UUID, slug: str, address: str) -> QueuePosition:
    close_old_connections()
    try:
        place = join_and_leave.join_anew(user_id=user_id, slug=slug, address=address)
    except (Error, DomainError) as told_by_django:
        raise FallThrough from told_by_django
    if place is None:
        raise FallThrough
    return place


def _tell(status: str, place: QueuePosition) -> Answer:
    answer = render(QueuePositionSerializer.represent(place))
    return respond(status, answer, **{"Retry-After": str(place.poll_after_seconds)})


ROUTES: list[Route] = [
    ("GET", re.compile(f"/api/v1/queue-tokens/({UUID})/"), poll),
    ("POST", re.compile(r"/api/v1/waiting-rooms/([-a-zA-Z0-9_]+)/tokens/"), join),
]
