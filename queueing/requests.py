"""The Queue-Token header of a request, for the apps whose calls need an admission."""

import uuid

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from concertbook.http.ids import UUID, parse_uuid
from queueing.errors import QueueNotAdmitted

# A string to clients: what they generate from a format would put a UUID object into the header.
QUEUE_TOKEN = {"type": "string", "pattern": f"^{UUID}$"}
QUEUE_TOKEN_HEADER = OpenApiParameter("Queue-Token", QUEUE_TOKEN, "header", required=True)
OPTIONAL_QUEUE_TOKEN_HEADER = OpenApiParameter("Queue-Token", QUEUE_TOKEN, "header")


def queue_token(request: Request) -> uuid.UUID | None:
    """As parse_queue_token, of a request to the API."""
    return parse_queue_token(request.headers.get("Queue-Token"))


def parse_queue_token(header: str | None) -> uuid.UUID | None:
    """The token, None without a header. Raises QueueNotAdmitted for one that is no UUID."""
    if header is None:
        return None
    try:
        return parse_uuid(header)
    except ValueError:
        raise QueueNotAdmitted from None
