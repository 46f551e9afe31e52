"""Check-ins, for the page at /door/ and for other scanners."""

import gzip
import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpResponse
from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.app_tokens import session_of
from accounts.errors import SecondFactorNeeded
from accounts.requests import current_user
from accounts.second_factor import GAVE_FACTOR
from concertbook.http.compression import accepts_gzip
from concertbook.http.negotiation import JSON
from concertbook.http.validation import (
    HasSchemaLimits,
    VisibleTextField,
    valid_input,
    valid_query,
)
from payments.representations import (
    CheckInListOutput,
    CheckInSerializer,
    CheckInStateOutput,
    SyncedScansOutput,
    synced_scan,
)
from payments.services import check_in_lists, check_in_state, check_ins, scan_sync
from payments.services.scan_sync import MOST_SCANS, OfflineScan


class ScanInput(serializers.Serializer[Any]):
    id = serializers.UUIDField(help_text="the scanner's own key of this scan")
    code = serializers.CharField(max_length=40)
    gate = serializers.CharField(max_length=50, required=False, default="", allow_blank=True)
    scanned_at = serializers.DateTimeField(help_text="by the scanner's clock, corrected by ours")


class ScansField(HasSchemaLimits, serializers.ListField):
    schema_limits: ClassVar = {"minItems": 1, "maxItems": MOST_SCANS}

    def __init__(self) -> None:
        super().__init__(child=ScanInput(), min_length=1, max_length=MOST_SCANS)


class MayCheckIn(BasePermission):
    """Members of the staff with the permission, and superusers; with a second factor, as the page
    of the door. Raises SecondFactorNeeded."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        user = request.user
        if not (user.is_staff and user.has_perm("payments.check_in_ticket")):
            return False
        if settings.STAFF_SECOND_FACTOR and not _session(request).get(GAVE_FACTOR):
            raise SecondFactorNeeded
        return True


def _session(request: Request) -> Any:
    """The session of the request's token, or of the browser."""
    return session_of(request.auth) if request.auth else request._request.session


class CheckIns(APIView):
    permission_classes = (MayCheckIn,)

    class CheckInsInput(serializers.Serializer[Any]):
        code = serializers.CharField(max_length=40)
        schedule = serializers.UUIDField(help_text="the show of this entrance")
        gate = serializers.CharField(max_length=50, required=False, default="", allow_blank=True)
        scan = serializers.UUIDField(
            required=False,
            help_text="the scanner's own key: sent again, the answer is the same check-in",
        )

    @extend_schema(request=CheckInsInput, responses=CheckInSerializer)
    def post(self, request: Request) -> Response:
        data = valid_input(self.CheckInsInput, request)
        checked_in = check_ins.check_in(
            code=data["code"],
            schedule_id=data["schedule"],
            gate=data["gate"],
            scan=data.get("scan"),
            by=current_user(request),
        )
        return Response(CheckInSerializer.represent(checked_in))


class CheckInUndo(APIView):
    permission_classes = (MayCheckIn,)

    class CheckInUndoInput(serializers.Serializer[Any]):
        reason = VisibleTextField(max_length=200)

    @extend_schema(request=CheckInUndoInput, responses=CheckInSerializer)
    def post(self, request: Request, check_in_id: uuid.UUID) -> Response:
        undone = check_ins.undo_check_in(
            check_in_id=check_in_id,
            by=current_user(request),
            reason=valid_input(self.CheckInUndoInput, request)["reason"],
        )
        return Response(CheckInSerializer.represent(undone))


class CheckInList(APIView):
    """The signed list of hashed codes (services/check_in_lists.py)."""

    permission_classes = (MayCheckIn,)

    @extend_schema(
        responses={200: CheckInListOutput, 304: None},
        parameters=[
            OpenApiParameter("If-None-Match", str, "header", description="the ETag of before"),
            OpenApiParameter("ETag", str, "header", required=True, response=[200, 304]),
            OpenApiParameter(
                "Check-In-List-Signature",
                str,
                "header",
                required=True,
                response=[200],
                description="of the body's bytes: ECDSA P-256 with SHA-256, r and s in base64",
            ),
        ],
    )
    def get(self, request: Request, schedule_id: uuid.UUID) -> HttpResponse:
        signed = check_in_lists.signed_list(schedule_id=schedule_id, by=current_user(request))
        headers = {
            "ETag": f'"{signed.version}"',
            "Cache-Control": "private, no-cache",
            "Vary": "Accept-Encoding",
        }
        # A proxy that compresses makes it a weak one.
        asked = request.headers.get("If-None-Match", "")
        if headers["ETag"] in {each.removeprefix("W/") for each in parse_etags(asked)}:
            return HttpResponse(status=304, headers=headers)
        headers["Check-In-List-Signature"] = signed.signature
        body = signed.body
        if accepts_gzip(request.headers.get("Accept-Encoding", "")):
            headers["Content-Encoding"] = "gzip"
            body = gzip.compress(body, compresslevel=1, mtime=0)
        return HttpResponse(body, content_type=JSON, headers=headers)


class CheckInState(APIView):
    """Counts by gate, conflicts, and what was checked in since."""

    permission_classes = (MayCheckIn,)

    class CheckInStateQuery(serializers.Serializer[Any]):
        since = serializers.DateTimeField(
            required=False, help_text="``now`` of the answer before; all check-ins without it"
        )

    @extend_schema(parameters=[CheckInStateQuery], responses=CheckInStateOutput)
    def get(self, request: Request, schedule_id: uuid.UUID) -> Response:
        state = check_in_state.state_since(
            schedule_id=schedule_id,
            by=current_user(request),
            since=valid_query(self.CheckInStateQuery, request).get("since"),
        )
        return Response(CheckInStateOutput.represent(state))


class SyncedScans(APIView):
    """What a scanner did without a network. Sent again, the answer is the same."""

    permission_classes = (MayCheckIn,)

    class SyncedScansInput(serializers.Serializer[Any]):
        scans = ScansField()

    @extend_schema(request=SyncedScansInput, responses=SyncedScansOutput)
    def post(self, request: Request, schedule_id: uuid.UUID) -> Response:
        records = scan_sync.sync_scans(
            schedule_id=schedule_id,
            by=current_user(request),
            scans=[
                OfflineScan(**scan) for scan in valid_input(self.SyncedScansInput, request)["scans"]
            ],
        )
        return Response(SyncedScansOutput.of(scans=list(map(synced_scan, records))))
