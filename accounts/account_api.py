"""A user's devices, the copies of their data, and the end of the account, for mobile apps."""

import uuid
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import app_tokens
from accounts.models import User
from accounts.representations import (
    DataCopiesOutput,
    DeletionOutput,
    DeletionTermsOutput,
    DevicesOutput,
)
from accounts.requests import current_user
from accounts.services import account_deletion, data_copies, devices, ledger
from concertbook.http.downloads import download, renderers_of
from concertbook.http.validation import StrictIntegerField, valid_input


class OwnPasswordInput(serializers.Serializer[Any]):
    password = serializers.CharField(
        max_length=128, trim_whitespace=False, help_text="the account's own, once more"
    )


class Devices(APIView):
    """The user's browsers and apps that are logged in, the last used first. The last use is noted
    once an hour at most."""

    @extend_schema(operation_id="me_devices_list", responses=DevicesOutput)
    def get(self, request: Request) -> Response:
        listed = devices.list_devices(user=current_user(request), session_key=_session_key(request))
        return Response(DevicesOutput.of(devices=listed))


class Device(APIView):
    @extend_schema(responses={204: None}, description="Log a device out; it may be this one.")
    def delete(self, request: Request, device_id: uuid.UUID) -> Response:
        devices.end_device(user=current_user(request), public_id=device_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class OtherDevicesEnding(APIView):
    @extend_schema(request=None, responses={204: None}, description="Log out all others.")
    def post(self, request: Request) -> Response:
        devices.end_other_devices(user=current_user(request), session_key=_session_key(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _session_key(request: Request) -> str | None:
    if request.auth is None:
        return request._request.session.session_key
    return app_tokens.session_key_of(request.auth)


class DataCopies(APIView):
    """Copies of all that is kept about the user, the newest first. One is written within seconds, a
    mail says when, and it can be downloaded for a few days."""

    @extend_schema(operation_id="me_data_copies_list", responses=DataCopiesOutput)
    def get(self, request: Request) -> Response:
        return Response(_copies_of(current_user(request)))

    @extend_schema(
        request=OwnPasswordInput,
        responses={202: DataCopiesOutput},
        description="Ask for a copy, 5 times an hour at most; none is added while one is queued."
        " 403 `wrong_password`, 429 `too_many_requests`.",
    )
    def post(self, request: Request) -> Response:
        user = current_user(request)
        data_copies.request_copy(user=user, **valid_input(OwnPasswordInput, request))
        return Response(_copies_of(user), status=status.HTTP_202_ACCEPTED)


def _copies_of(user: User) -> dict[str, Any]:
    copies = data_copies.list_copies(user=user)
    for each in copies:
        each.kept_until = each.created_at + data_copies.kept_for()  # type: ignore[attr-defined]
    return DataCopiesOutput.of(copies=copies)


class DataCopyFile(APIView):
    """A ZIP archive with data.json and data.html; 404 until its state is DONE."""

    renderer_classes = renderers_of(data_copies.MEDIA_TYPE)

    @extend_schema(responses={(200, data_copies.MEDIA_TYPE): OpenApiTypes.BINARY})
    def get(self, request: Request, copy_id: uuid.UUID) -> HttpResponse:
        archive = data_copies.read_copy(user=current_user(request), copy_id=copy_id)
        return download(archive, data_copies.MEDIA_TYPE, data_copies.FILE_NAME)


class Deletion(APIView):
    """The end of the account. A log-in within the days of grace undoes it
    (`POST /api/v1/auth/login/`, whose answer then has `deletion_undone`)."""

    class DeletionInput(OwnPasswordInput):
        give_up = StrictIntegerField(
            min_value=0,
            default=0,
            help_text="the balance in won that the user gives up expressly; 0 for none",
        )

    @extend_schema(responses=DeletionTermsOutput)
    def get(self, request: Request) -> Response:
        user = current_user(request)
        terms = DeletionTermsOutput.of(
            obstacles=account_deletion.list_obstacles(user=user),
            balance=ledger.balance_amount(user=user),
            days_of_grace=settings.DELETION_GRACE_DAYS,
        )
        return Response(terms)

    @extend_schema(
        request=DeletionInput,
        responses={202: DeletionOutput},
        description="Ask for the end of the account, 5 times a minute at most. All devices, this"
        " one too, are logged out at once. 403 `wrong_password`; 409 `account_in_use`, whose"
        " `obstacles` name each reason by code and detail; 429 `too_many_requests`.",
    )
    def post(self, request: Request) -> Response:
        data = valid_input(self.DeletionInput, request)
        closes_at = account_deletion.request_deletion(user=current_user(request), **data)
        return Response(DeletionOutput.of(closes_at=closes_at), status=status.HTTP_202_ACCEPTED)
