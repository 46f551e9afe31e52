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
from concertbook.http.client_address import client_address
from concertbook.http.validation import QueryBooleanField, valid_input, valid_query
from queueing.representations import (
    DrawSerializer,
    FrontSerializer,
    QueuePositionSerializer,
    RoomSerializer,
)
from queueing.services import draw_results, front, join_and_leave, polling, rooms, turn_notices
from queueing.services.queue_position import QueuePosition

POLL_AFTER = OpenApiParameter(
    "Retry-After",
    {"type": "integer", "minimum": 0},
    "header",
    required=True,
    response=[200, 201],
    description="seconds until the next poll",
)


class Room(APIView):
    """The room as it is for every visitor, without joining its line."""

    permission_classes = (AllowAny,)

    @extend_schema(responses=RoomSerializer, operation_id="room")
    def get(self, request: Request, slug: str) -> Response:
        return Response(RoomSerializer.represent(rooms.get_any_room(slug)))


class Tokens(APIView):
    @extend_schema(
        request=None,
        responses={201: QueuePositionSerializer, 200: QueuePositionSerializer},
        parameters=[POLL_AFTER],
        operation_id="join",
    )
    def post(self, request: Request, slug: str) -> Response:
        place, joined = join_and_leave.join(
            user=current_user(request), slug=slug, address=client_address(request.META)
        )
        return _answer(place, status.HTTP_201_CREATED if joined else status.HTTP_200_OK)


class PollQuery(serializers.Serializer[Any]):
    watches_front = QueryBooleanField(
        required=False,
        default=False,
        help_text="the client watches the front of the line: polls are a sign of life only, every"
        " 60 to 400 seconds, and when the front has passed the position",
    )


class Token(APIView):
    @extend_schema(
        responses=QueuePositionSerializer,
        parameters=[PollQuery, POLL_AFTER],
        operation_id="poll",
    )
    def get(self, request: Request, token: uuid.UUID) -> Response:
        place = polling.get_position(
            user=current_user(request),
            token=token,
            address=client_address(request.META),
            **valid_query(PollQuery, request),
        )
        return _answer(place, status.HTTP_200_OK)

    @extend_schema(responses={204: None}, operation_id="leave")
    def delete(self, request: Request, token: uuid.UUID) -> Response:
        join_and_leave.leave(user=current_user(request), token=token)
        return Response(status=status.HTTP_204_NO_CONTENT)


class TurnNotice(APIView):
    """Have a browser shown a push message when it is my turn (Web Push, RFC 8030)."""

    class TurnNoticeInput(serializers.Serializer[Any]):
        endpoint = serializers.CharField(
            max_length=1000, help_text="an address at one of the known push services"
        )
        p256dh = serializers.CharField(max_length=88, help_text="the browser's key, base64url")
        auth = serializers.CharField(max_length=24, help_text="the browser's secret, base64url")

    @extend_schema(request=TurnNoticeInput, responses={204: None}, operation_id="tell_my_turn")
    def post(self, request: Request, token: uuid.UUID) -> Response:
        turn_notices.tell_my_turn(
            user=current_user(request), token=token, **valid_input(self.TurnNoticeInput, request)
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


def _answer(place: QueuePosition, code: int) -> Response:
    headers = {"Retry-After": str(place.poll_after_seconds)}
    return Response(QueuePositionSerializer.represent(place), status=code, headers=headers)


class RoomFront(APIView):
    permission_classes = (AllowAny,)

    @extend_schema(responses=FrontSerializer, operation_id="front")
    def get(self, request: Request, slug: str) -> Response:
        return Response(FrontSerializer.represent(front.get_front(slug=slug)))


class RoomDraw(APIView):
    permission_classes = (AllowAny,)

    @extend_schema(responses=DrawSerializer, operation_id="draw")
    def get(self, request: Request, slug: str) -> Response:
        return Response(DrawSerializer.represent(draw_results.get_draw(slug=slug)))


class AnyType(JSONRenderer):
    """For answers that the view writes itself, whatever type the client asks for."""

    media_type = "*/*"


class DrawParticipants(APIView):
    """The tokens of all who took part, one a line, in the order drawn; 404 before the draw."""

    permission_classes = (AllowAny,)
    renderer_classes = (AnyType,)

    @extend_schema(responses={(200, "text/plain"): OpenApiTypes.STR})
    def get(self, request: Request, slug: str) -> StreamingHttpResponse:
        tokens = draw_results.drawn_tokens(slug=slug)
        lines = (f"{token}\n" for token in tokens)
        return StreamingHttpResponse(lines, content_type="text/plain; charset=utf-8")
