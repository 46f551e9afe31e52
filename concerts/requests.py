"""The visitor of a request, as the line's index checks them before they see seats."""

import uuid

from accounts.credentials import Credential
from concertbook.http.requests_per_user import counter_of
from concerts.seat_index.looks import Person
from queueing.models import room_of


def person_of(visitor: Credential, token: uuid.UUID) -> Person:
    """The visitor with the queue token that the request shows."""
    counter = counter_of(visitor.user_id)
    return Person(
        room_id=room_of(token),
        token=token,
        session=visitor.session_in_cache,
        counter=counter.key,
        requests=counter.limit.amount,
    )
