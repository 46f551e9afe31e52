"""Join the line, poll my place, leave, check the draw: for mobile apps."""

import uuid
from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import AllowAny
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.requests import current_user
from concertbook.db.clock import utc
from concertbook.http.client_address import client_address
from concertbook.http.ids import UUID, parse_uuid
from queueing.errors import QueueNotAdmitted
from queueing.models import Draw, QueueToken, WaitingRoom
from queueing.services import draw, places, polling

# A string to clients: what they generate from a format would put a UUID object into the header.
QUEUE_TOKEN = {"type": "string", "pattern": f"^{UUID}$"}
QUEUE_TOKEN_HEADER = OpenApiParameter("Queue-Token", QUEUE_TOKEN, "header", required=True)
OPTIONAL_QUEUE_TOKEN_HEADER = OpenApiParameter("Queue-Token", QUEUE_TOKEN, "header")
POLL_AFTER = OpenApiParameter(
    "Retry-After",
    {"type": "integer", "minimum": 0},
    "header",
    required=True,
    response=[200, 201],
    description="seconds until the next poll",
)


class PlaceSerializer(serializers.Serializer[polling.QueuePosition]):
    token = serializers.UUIDField()
    room = serializers.SlugField()
    room_state = serializers.ChoiceField(choices=WaitingRoom.State.choices)
    status = serializers.ChoiceField(choices=QueueToken.Status.choices)
    is_admitted = serializers.BooleanField()
    position = serializers.IntegerField(help_text="my number in this room")
    ahead = serializers.IntegerField(help_text="people still waiting before me")
    estimated_wait_seconds = serializers.IntegerField()
    estimated_wait_from_seconds = serializers.IntegerField(help_text="if all goes fast")
    estimated_wait_until_seconds = serializers.IntegerField(help_text="if all goes slowly")
    seats_left = serializers.IntegerField(
        allow_null=True, help_text="seats still free behind this room, null when not known"
    )
    poll_after_seconds = serializers.IntegerField()
    expires_at = serializers.DateTimeField(
        allow_null=True, help_text="when my time inside ends, or ended"
    )


class Tokens(APIView):
    @extend_schema(
        request=None,
        responses={201: PlaceSerializer, 200: PlaceSerializer},
        parameters=[POLL_AFTER],
        operation_id="join",
    )
    def post(self, request: Request, slug: str) -> Response:
        place, joined = places.join(
            user=current_user(request), slug=slug, address=client_address(request.META)
        )
        return _answer(place, status.HTTP_201_CREATED if joined else status.HTTP_200_OK)


class Token(APIView):
    @extend_schema(responses=PlaceSerializer, parameters=[POLL_AFTER], operation_id="poll")
    def get(self, request: Request, token: uuid.UUID) -> Response:
        place = polling.get_position(
            user=current_user(request), token=token, address=client_address(request.META)
        )
        return _answer(place, status.HTTP_200_OK)

    @extend_schema(responses={204: None}, operation_id="leave")
    def delete(self, request: Request, token: uuid.UUID) -> Response:
        places.leave(user=current_user(request), token=token)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _answer(place: polling.QueuePosition, code: int) -> Response:
    headers = {"Retry-After": str(place.poll_after_seconds)}
    return Response(place_answer(place), status=code, headers=headers)


def place_answer(place: polling.QueuePosition) -> dict[str, Any]:
    """A place as PlaceSerializer describes it, without its cost: nothing is asked as often."""
    until = place.expires_at
    return {
        "token": str(place.token),
        "room": place.room,
        "room_state": place.room_state,
        "status": place.status,
        "is_admitted": place.is_admitted,
        "position": place.position,
        "ahead": place.ahead,
        "estimated_wait_seconds": place.estimated_wait_seconds,
        "estimated_wait_from_seconds": place.estimated_wait_from_seconds,
        "estimated_wait_until_seconds": place.estimated_wait_until_seconds,
        "seats_left": place.seats_left,
        "poll_after_seconds": place.poll_after_seconds,
        "expires_at": until and utc(until),
    }


class DrawSerializer(serializers.Serializer[Draw]):
    commitment = serializers.CharField(help_text="SHA-256 of the seed, in hex")
    committed_at = serializers.DateTimeField()
    drawn_at = serializers.DateTimeField(allow_null=True)
    seed = serializers.CharField(
        source="revealed_seed", allow_null=True, help_text="in hex, null before the draw"
    )
    participants = serializers.IntegerField(
        allow_null=True, help_text="how many took part, null before the draw"
    )
    participants_hash = serializers.SerializerMethodField(
        help_text="SHA-256 of their tokens, 16 bytes each, sorted; in hex, null before the draw"
    )

    def get_participants_hash(self, draw: Draw) -> str | None:
        return draw.participants_hash or None


class RoomDraw(APIView):
    permission_classes = (AllowAny,)

    @extend_schema(responses=DrawSerializer, operation_id="draw")
    def get(self, request: Request, slug: str) -> Response:
        return Response(DrawSerializer(draw.get_draw(slug=slug)).data)


class AnyType(JSONRenderer):
    """For answers that the view writes itself, whatever type the client asks for."""

    media_type = "*/*"


class DrawParticipants(APIView):
    """The tokens of all who took part, one a line, in the order drawn; 404 before the draw."""

    permission_classes = (AllowAny,)
    renderer_classes = (AnyType,)

    @extend_schema(responses={(200, "text/plain"): OpenApiTypes.STR})
    def get(self, request: Request, slug: str) -> StreamingHttpResponse:
        tokens = draw.drawn_tokens(slug=slug)
        lines = (f"{token}\n" for token in tokens)
        return StreamingHttpResponse(lines, content_type="text/plain; charset=utf-8")


def queue_token(request: Request) -> uuid.UUID | None:
    """The Queue-Token header, None without one. Raises QueueNotAdmitted for one that is no UUID."""
    return parse_queue_token(request.headers.get("Queue-Token"))


def parse_queue_token(value: str | None) -> uuid.UUID | None:
    if value is None:
        return None
    try:
        return parse_uuid(value)
    except ValueError:
        raise QueueNotAdmitted from None
