"""A token as an entry of the index."""

import datetime as dt
import uuid

from queueing.line.records import Entry, person_of, to_milliseconds
from queueing.models import QueueToken


def waiting_entry(token: uuid.UUID, user_id: uuid.UUID, position: int) -> Entry:
    return Entry(person_of(token, user_id), position)


def admitted_entry(
    token: uuid.UUID, user_id: uuid.UUID, position: int, expires_at: dt.datetime
) -> Entry:
    return Entry(person_of(token, user_id), position, to_milliseconds(expires_at))


def entry_of(token: QueueToken) -> Entry:
    if token.is_admitted and token.expires_at:
        return admitted_entry(token.pk, token.user_id, token.position, token.expires_at)
    return waiting_entry(token.pk, token.user_id, token.position)
