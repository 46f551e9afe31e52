"""Concerts, schedules and seat maps, for mobile apps."""

import re
import uuid
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.requests import current_user
from concertbook.db.search import compose
from concertbook.http.negotiation import JSON
from concertbook.http.pagination import NewestFirst
from concertbook.http.validation import QueryBooleanField, query_value, valid_query
from concerts import seat_map_answers, seat_state_answers
from concerts.models import Concert, ConcertSchedule
from concerts.representations import (
    AvailabilitySerializer,
    ConcertSerializer,
    ScheduleSerializer,
    SeatChangesOutput,
    SeatsOutput,
    SeatStateOutput,
)
from concerts.services import performances, programme, seat_map, seat_states
from queueing.requests import OPTIONAL_QUEUE_TOKEN_HEADER, queue_token


class SearchField(serializers.CharField):
    def to_internal_value(self, data: Any) -> str:
        return compose(super().to_internal_value(data))


class ConcertList(generics.ListAPIView[Concert]):
    permission_classes = (AllowAny,)
    queryset = Concert.objects.none()  # names the model to the OpenAPI document
    serializer_class = ConcertSerializer

    class pagination_class(NewestFirst):  # noqa: N801
        ordering = ("run_starts", "pk")

    class ConcertListFilter(serializers.Serializer[Any]):
        search = SearchField(required=False, default="", max_length=100, allow_blank=True)
        on_sale = QueryBooleanField(required=False, default=False)

    @extend_schema(parameters=[ConcertListFilter])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Concert]:
        wanted = valid_query(self.ConcertListFilter, self.request)
        return programme.find_concerts(**wanted)


class ConcertDetail(APIView):
    permission_classes = (AllowAny,)

    @extend_schema(responses=ConcertSerializer)
    def get(self, request: Request, concert_id: uuid.UUID) -> Response:
        concert = programme.get_concert(concert_id)
        return Response(ConcertSerializer.represent(concert))


class ScheduleList(generics.ListAPIView[ConcertSchedule]):
    permission_classes = (AllowAny,)
    queryset = ConcertSchedule.objects.none()  # names the model to the OpenAPI document
    serializer_class = ScheduleSerializer

    class pagination_class(NewestFirst):  # noqa: N801
        ordering = ("start_at", "pk")

    def get_queryset(self) -> QuerySet[ConcertSchedule]:
        concert = programme.get_concert(self.kwargs["concert_id"])
        return performances.find_performances(concert)

    def paginate_queryset(self, queryset: Any) -> Any:
        return performances.add_seats(super().paginate_queryset(queryset) or ())


class ScheduleDetail(APIView):
    permission_classes = (AllowAny,)

    @extend_schema(responses=ScheduleSerializer)
    def get(self, request: Request, schedule_id: uuid.UUID) -> Response:
        schedule = performances.get_performance(schedule_id)
        return Response(ScheduleSerializer.represent(schedule))


class SeatsLeft(APIView):
    """Seats by section, grade and price, in the order of the seats' numbers."""

    permission_classes = (AllowAny,)

    @extend_schema(responses=AvailabilitySerializer(many=True), operation_id="availability")
    def get(self, request: Request, schedule_id: uuid.UUID) -> Response:
        found = performances.get_availability(schedule_id)
        return Response(list(map(AvailabilitySerializer.represent, found)))


class Seats(APIView):
    @extend_schema(
        responses={200: SeatsOutput, 304: None},
        parameters=[
            OPTIONAL_QUEUE_TOKEN_HEADER,
            OpenApiParameter("If-None-Match", str, "header", description="the ETag of before"),
            OpenApiParameter("ETag", str, "header", required=True, response=[200, 304]),
        ],
    )
    def get(self, request: Request, schedule_id: uuid.UUID) -> HttpResponse:
        view = seat_states.seat_states(
            user=current_user(request), schedule_id=schedule_id, token=queue_token(request)
        )
        answer = seat_map_answers.answer(view, **_asked_for(request))
        return _respond(answer)


def _asked_for(request: Request) -> dict[str, str]:
    return {
        "if_none_match": request.headers.get("If-None-Match", ""),
        "accept_encoding": request.headers.get("Accept-Encoding", ""),
    }


def _respond(answer: seat_state_answers.SeatAnswer) -> HttpResponse:
    status, headers, body = answer
    return HttpResponse(body, status=status, content_type=JSON, headers=headers)


# Cursors of the present and the former form; one of the former gets every seat.
CHANGES_CURSOR = f"{seat_states.CURSOR.pattern}|{seat_map.CURSOR.pattern}"


def _parameters_of_changes(cursor: str) -> list[OpenApiParameter]:
    """In the API's description. ``cursor`` is the pattern of ``since``."""
    return [
        OPTIONAL_QUEUE_TOKEN_HEADER,
        OpenApiParameter(
            "since",
            {"type": "string", "pattern": cursor},
            description="a cursor; without it, every seat",
        ),
        OpenApiParameter("If-None-Match", str, "header", description="the ETag of before"),
        OpenApiParameter("ETag", str, "header", required=True, response=[200, 304]),
    ]


class SeatChanges(APIView):
    @extend_schema(
        responses={200: SeatChangesOutput, 304: None},
        parameters=_parameters_of_changes(f"^({CHANGES_CURSOR})$"),
    )
    def get(self, request: Request, schedule_id: uuid.UUID) -> HttpResponse:
        since = _cursor(request, CHANGES_CURSOR)
        view = seat_states.seat_states(
            user=current_user(request), schedule_id=schedule_id, token=queue_token(request)
        )
        return _respond(seat_map_answers.changes(view, since=since, **_asked_for(request)))


def _cursor(request: Request, pattern: str) -> str | None:
    text = query_value(request, "since")
    if text is not None and re.fullmatch(pattern, text, re.ASCII) is None:
        raise serializers.ValidationError({"since": _("This is not a cursor of ours.")})
    return text


class SeatState(APIView):
    @extend_schema(
        responses={200: SeatStateOutput, 304: None},
        parameters=_parameters_of_changes(f"^{seat_states.CURSOR.pattern}$"),
    )
    def get(self, request: Request, schedule_id: uuid.UUID) -> HttpResponse:
        since = _cursor(request, seat_states.CURSOR.pattern)
        view = seat_states.seat_states(
            user=current_user(request), schedule_id=schedule_id, token=queue_token(request)
        )
        return _respond(seat_state_answers.answer(view, since=since, **_asked_for(request)))
