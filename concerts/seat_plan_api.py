"""Seat plans, for mobile apps, pages and the caches in front of them: no request is personal."""

import uuid

from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from concertbook.http.compression import best_coding
from concertbook.http.negotiation import JSON
from concertbook.http.public_answers import CODINGS
from concerts.representations import SeatPlanDocument, SeatPlanOutput
from concerts.services import seat_plans

REVALIDATION = [
    OpenApiParameter("If-None-Match", str, "header", description="the ETag of before"),
    OpenApiParameter("ETag", str, "header", required=True, response=[200, 304]),
]


class SeatPlan(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(responses={200: SeatPlanOutput, 304: None}, parameters=REVALIDATION)
    def get(self, request: Request, schedule_id: uuid.UUID) -> Response:
        version = seat_plans.public_version(schedule_id)
        address = reverse("seat_plan_version", args=[schedule_id, version])
        return Response(SeatPlanOutput.of(version=version, address=address))


class SeatPlanVersion(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(responses={200: SeatPlanDocument, 304: None}, parameters=REVALIDATION)
    def get(self, request: Request, schedule_id: uuid.UUID, version: str) -> HttpResponse:
        plan = seat_plans.public_plan(schedule_id, version)
        coding = best_coding(request.headers.get("Accept-Encoding", ""), CODINGS)
        headers = {
            "Vary": "Accept-Encoding",
            "ETag": f'"{version}-{coding}"' if coding else f'"{version}"',
        }
        if coding:
            headers["Content-Encoding"] = coding
        body = {"br": plan.br, "gzip": plan.gzip}.get(coding) or plan.plain
        return HttpResponse(body, content_type=JSON, headers=headers)
