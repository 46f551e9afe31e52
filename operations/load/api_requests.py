"""The requests of a purchase, as data: the buyers send them, the benchmarks as prepared bytes."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

API = "/api/v1/"


@dataclass(frozen=True)
class Request:
    """``path`` is below ``API``; ``kind`` and ``about`` are for the record of what was asked."""

    kind: str
    method: str
    path: str
    body: object = None
    about: tuple[Any, ...] = ()
    key: str = ""
    queue_token: str = ""
    etag: str = ""

    def under(self, key: str) -> "Request":
        """The same request with this idempotency key."""
        return replace(self, key=key)

    @property
    def payload(self) -> bytes | None:
        return None if self.body is None else json.dumps(self.body).encode()

    def headers(self, access: str) -> dict[str, str]:
        """With an access token of the mobile API, or without any."""
        named = {
            "Authorization": f"Bearer {access}" if access else "",
            "Content-Type": "application/json" if self.body is not None else "",
            "Idempotency-Key": self.key,
            "Queue-Token": self.queue_token,
            "If-None-Match": self.etag,
        }
        return {name: value for name, value in named.items() if value}


# --- The line ------------------------------------------------------------------------------------


def join(slug: str) -> Request:
    return Request("join", "POST", f"waiting-rooms/{slug}/tokens/", {})


def poll(token: str) -> Request:
    return Request("poll", "GET", f"queue-tokens/{token}/")


def leave(token: str) -> Request:
    return Request("leave", "DELETE", f"queue-tokens/{token}/", about=(token,))


# --- Seats and money -----------------------------------------------------------------------------


def see_seats(schedule_id: uuid.UUID, *, queue_token: str, etag: str) -> Request:
    path = f"schedules/{schedule_id}/seats/"
    return Request("seats", "GET", path, queue_token=queue_token, etag=etag)


def see_states(schedule_id: uuid.UUID, *, queue_token: str, since: str = "") -> Request:
    """All states, or what changed since a cursor (seat_picture)."""
    query = f"?since={since}" if since else ""
    path = f"schedules/{schedule_id}/seat-state/{query}"
    return Request("states", "GET", path, queue_token=queue_token)


def see_changes(schedule_id: uuid.UUID, *, queue_token: str, since: str = "") -> Request:
    """All seats, or those that changed since a cursor."""
    query = f"?since={since}" if since else ""
    path = f"schedules/{schedule_id}/seats/changes/{query}"
    return Request("changes", "GET", path, queue_token=queue_token)


def hold(schedule_id: uuid.UUID, numbers: Sequence[int], *, queue_token: str) -> Request:
    path = f"schedules/{schedule_id}/reservations/"
    body = {"seats": list(numbers)}
    return Request("hold", "POST", path, body, tuple(numbers), queue_token=queue_token)


def see_reservations() -> Request:
    return Request("mine", "GET", "reservations/")


def see_tickets() -> Request:
    return Request("mine", "GET", "tickets/")


def release(reservation: str) -> Request:
    return Request("release", "DELETE", f"reservations/{reservation}/", about=(reservation,))


def pay(reservations: Sequence[str]) -> Request:
    body = {"reservations": list(reservations)}
    return Request("pay", "POST", "payments/", body, tuple(reservations))


def cancel(ticket: str) -> Request:
    return Request("cancel", "POST", f"tickets/{ticket}/cancel/", {}, (ticket,))


def charge(amount: int) -> Request:
    return Request("charge", "POST", "me/balance/charges/", {"amount": amount}, (amount,))
