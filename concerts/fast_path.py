"""The fast path of seats and their states: one round trip to Redis, if the credential is valid and
the line's index lets the person in. All others are for Django."""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from django.db import Error, close_old_connections

from accounts import credentials
from concertbook.http.fast_path import Answer, Environ, FallThrough, Route, respond
from concertbook.http.ids import UUID
from concerts import seat_map_answers, seat_state_answers
from concerts.requests import person_of
from concerts.services.seat_states import CURSOR, SeatStates, seat_states_by_index
from queueing.errors import QueueNotAdmitted
from queueing.line.errors import LineUnavailable, UnknownPerson, UnknownSession
from queueing.requests import parse_queue_token

_read_query = re.compile(f"(?:since=({CURSOR.pattern}))?").fullmatch


def seats(environ: Environ, schedule_id: str) -> Answer:
    if environ.get("QUERY_STRING", ""):
        raise FallThrough
    view = _look(environ, schedule_id)
    return _respond(seat_map_answers.answer(view, **_asked_for(environ)))


def seat_changes(environ: Environ, schedule_id: str) -> Answer:
    since = _since(environ)
    view = _look(environ, schedule_id)
    return _respond(seat_map_answers.changes(view, since=since, **_asked_for(environ)))


def seat_state(environ: Environ, schedule_id: str) -> Answer:
    since = _since(environ)
    view = _look(environ, schedule_id)
    return _respond(seat_state_answers.answer(view, since=since, **_asked_for(environ)))


def _since(environ: Environ) -> str | None:
    """The cursor in the query. Any other query is Django's."""
    query = _read_query(environ.get("QUERY_STRING", ""))
    if query is None:
        raise FallThrough
    return query[1]


def _look(environ: Environ, schedule_id: str) -> SeatStates:
    token = _read_token(environ)
    if token is None:
        raise FallThrough
    visitor = credentials.read_credential(environ)
    with _leaving_to_django():
        return seat_states_by_index(
            user_id=visitor.user_id,
            schedule_id=uuid.UUID(schedule_id),
            person=person_of(visitor, token),
        )


def _asked_for(environ: Environ) -> dict[str, str]:
    return {
        "if_none_match": environ.get("HTTP_IF_NONE_MATCH", ""),
        "accept_encoding": environ.get("HTTP_ACCEPT_ENCODING", ""),
    }


def _respond(answer: seat_state_answers.SeatAnswer) -> Answer:
    status, headers, body = answer
    if status == HTTPStatus.NOT_MODIFIED:
        return "304 Not Modified", list(headers.items()), b""
    return respond("200 OK", body, **headers)


def _read_token(environ: Environ) -> uuid.UUID | None:
    try:
        return parse_queue_token(environ.get("HTTP_QUEUE_TOKEN"))
    except QueueNotAdmitted as unknown:
        raise FallThrough from unknown


@contextmanager
def _leaving_to_django() -> Iterator[None]:
    close_old_connections()
    try:
        yield
    except (UnknownSession, UnknownPerson, LineUnavailable, Error) as unknown:
        raise FallThrough from unknown


ROUTES: list[Route] = [
    ("GET", re.compile(f"/api/v1/schedules/({UUID})/seat-state/"), seat_state),
    ("GET", re.compile(f"/api/v1/schedules/({UUID})/seats/"), seats),
    ("GET", re.compile(f"/api/v1/schedules/({UUID})/seats/changes/"), seat_changes),
]
