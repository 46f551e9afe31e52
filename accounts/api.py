"""Sign-up, log-in and the balance, for mobile apps."""

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.core.exceptions import ValidationError as FormError
from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, serializers, status
from rest_framework.fields import get_error_detail
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import app_tokens, devices, log_in
from accounts.address_field import AddressField
from accounts.clients import read_client
from accounts.errors import InvalidAmount, InvalidCredentials
from accounts.models import LANGUAGES, BalanceHistory, User
from accounts.rate_limits import count_sign_up
from accounts.representations import (
    BalanceHistorySerializer,
    ChargesOutput,
    EmailChangesOutput,
    LoggedInSerializer,
    MeSerializer,
    MyBalanceOutput,
    TokenPairSerializer,
)
from accounts.requests import current_user
from accounts.run_once import OPTIONAL_IDEMPOTENCY_KEY_HEADER, answer_once
from accounts.services import (
    charges,
    documents,
    email_change,
    language_change,
    ledger,
    name_change,
    second_factor,
    sign_up,
)
from concertbook.http.origin import origin_of
from concertbook.http.pagination import NewestFirst
from concertbook.http.validation import HasSchemaLimits, valid_input, valid_query

Result = TypeVar("Result")


DEVICE_TOKEN = OpenApiParameter(
    devices.HEADER, str, "header", description="device of an earlier log-in's or sign-up's answer"
)


class NameField(HasSchemaLimits, serializers.CharField):
    """A name that the pages take as well."""

    schema_limits: ClassVar = {"pattern": sign_up.NAME_PATTERN}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            **kwargs,
            max_length=sign_up.LONGEST_NAME,
            help_text="with a character that can be seen, without control characters and marks"
            " that turn the direction of writing",
        )


class SignUp(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    class SignUpInput(serializers.Serializer[Any]):
        email = AddressField()
        password = serializers.CharField(
            min_length=settings.PASSWORD_MIN_LENGTH, max_length=128, trim_whitespace=False
        )
        name = NameField()

    @extend_schema(
        request=SignUpInput,
        responses={201: LoggedInSerializer},
        parameters=[DEVICE_TOKEN],
        auth=[],
    )
    def post(self, request: Request) -> Response:
        """Open an account. The request agrees to the terms of use and the privacy policy in force
        (/about/terms/, /about/privacy/), and their versions are stored: show them before."""
        data = valid_input(self.SignUpInput, request)
        count_sign_up(request._request)
        user = _refuse_fields(
            lambda: sign_up.sign_up(
                origin=origin_of(request._request),
                agreed=documents.agreed_versions(),
                **data,
            )
        )
        log_in.remember_log_in(request._request, data["email"])
        return _tokens(request, user, status.HTTP_201_CREATED)


class LogIn(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    class LogInInput(serializers.Serializer[Any]):
        email = AddressField()
        password = serializers.CharField(max_length=128, trim_whitespace=False)
        code = serializers.CharField(
            max_length=20,
            required=False,
            help_text="of the second factor, for a member of the staff who checks in tickets",
        )

    @extend_schema(
        request=LogInInput, responses=LoggedInSerializer, parameters=[DEVICE_TOKEN], auth=[]
    )
    def post(self, request: Request) -> Response:
        data = valid_input(self.LogInInput, request)
        code = data.pop("code", None)
        user = log_in.authenticate(request._request, **data)
        if user is None:
            raise InvalidCredentials
        if code is not None:
            second_factor.check_code(user=user, code=code)
        return _tokens(request, user, status.HTTP_200_OK, gave_factor=code is not None)


class Refresh(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    class RefreshInput(serializers.Serializer[Any]):
        refresh = serializers.CharField(max_length=4096)

    @extend_schema(request=RefreshInput, responses=TokenPairSerializer, auth=[])
    def post(self, request: Request) -> Response:
        pair = app_tokens.refresh_tokens(valid_input(self.RefreshInput, request)["refresh"])
        return Response(TokenPairSerializer.represent(pair))


class LogOut(APIView):
    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request) -> Response:
        if request.auth is None:
            get_adapter().logout(request._request)
        else:
            app_tokens.revoke_tokens(request.headers["Authorization"].split()[1])
        return Response(status=status.HTTP_204_NO_CONTENT)


class Me(APIView):
    class MeInput(serializers.Serializer[Any]):
        name = NameField(required=False)
        language = serializers.ChoiceField(
            choices=LANGUAGES, required=False, help_text="of mails; a sign-up takes Accept-Language"
        )

    @extend_schema(responses=MeSerializer)
    def get(self, request: Request) -> Response:
        return Response(MeSerializer.represent(current_user(request)))

    @extend_schema(request=MeInput, responses=MeSerializer)
    def patch(self, request: Request) -> Response:
        named, user = valid_input(self.MeInput, request), current_user(request)
        if "name" in named:
            _refuse_fields(lambda: name_change.change_name(user=user, name=named["name"]))
        if "language" in named:
            language_change.change_language(user=user, language=named["language"])
        return Response(MeSerializer.represent(user))


class EmailChanges(APIView):
    """A link is sent to the new address; until it is followed, nothing changes. The account's own
    address may be named as well, to have the link that confirms it sent again."""

    class EmailChangesInput(serializers.Serializer[Any]):
        email = AddressField()
        password = serializers.CharField(
            max_length=128, trim_whitespace=False, help_text="the account's own, once more"
        )

    @extend_schema(request=EmailChangesInput, responses={202: EmailChangesOutput})
    def post(self, request: Request) -> Response:
        data = valid_input(self.EmailChangesInput, request)
        email = _refuse_fields(
            lambda: email_change.request_email_change(
                user=current_user(request),
                origin=origin_of(request._request),
                **data,
            )
        )
        return Response(EmailChangesOutput.of(email=email), status=status.HTTP_202_ACCEPTED)


class MyBalance(APIView):
    @extend_schema(responses=MyBalanceOutput)
    def get(self, request: Request) -> Response:
        amount = ledger.balance_amount(user=current_user(request))
        return Response(MyBalanceOutput.of(amount=amount))


class ChargeAmountField(serializers.IntegerField):
    """An amount for the charge service, which refuses a wrong one with its own code."""

    def __init__(self) -> None:
        super().__init__(min_value=1, max_value=settings.CHARGE_MAX_WON, help_text="won")

    def to_internal_value(self, data: Any) -> int:
        if not charges.is_valid_charge(data):
            raise serializers.ValidationError(InvalidAmount.message, code=InvalidAmount.code)
        return int(data)


class Charges(APIView):
    class ChargesInput(serializers.Serializer[Any]):
        amount = ChargeAmountField()

    @extend_schema(
        request=ChargesInput,
        responses={201: ChargesOutput},
        parameters=[OPTIONAL_IDEMPOTENCY_KEY_HEADER],
    )
    def post(self, request: Request) -> HttpResponse:
        named = valid_input(self.ChargesInput, request)
        amount, user = named["amount"], current_user(request)
        if "Idempotency-Key" not in request.headers:
            line = charges.charge(user=user, amount=amount)
            return Response(ChargesOutput.represent(line), status=status.HTTP_201_CREATED)
        return answer_once(
            request,
            named,
            ChargesOutput.represent,
            lambda once: charges.charge(user=user, amount=amount, once=once),
            status.HTTP_201_CREATED,
        )


class BalanceHistoryList(generics.ListAPIView[BalanceHistory]):
    queryset = BalanceHistory.objects.none()  # names the model to the OpenAPI document
    serializer_class = BalanceHistorySerializer

    class pagination_class(NewestFirst):  # noqa: N801
        ordering = ("-seq",)

    class BalanceHistoryListFilter(serializers.Serializer[Any]):
        type = serializers.ChoiceField(choices=BalanceHistory.Type.choices, required=False)

    @extend_schema(parameters=[BalanceHistoryListFilter])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[BalanceHistory]:
        wanted = valid_query(self.BalanceHistoryListFilter, self.request)
        return ledger.balance_history(user=current_user(self.request), **wanted)


def _tokens(request: Request, user: User, code: int, *, gave_factor: bool = False) -> Response:
    client = read_client(request._request)
    pair = app_tokens.issue_tokens(user, client, gave_factor=gave_factor)
    assert user.email is not None
    device = devices.device_logged_in(request._request, user.email)
    answer = LoggedInSerializer.of(
        access=pair.access,
        refresh=pair.refresh,
        device=device.token(),
        deletion_undone=getattr(request._request, "keeps_account", False),
    )
    return Response(answer, status=code)


def _refuse_fields(act: Callable[[], Result]) -> Result:
    """The service's result. Raises its field errors as the API's ValidationError."""
    try:
        return act()
    except FormError as invalid:
        errors = invalid.error_dict.items()
        raise serializers.ValidationError(
            {field: get_error_detail(FormError(list(each))) for field, each in errors}
        ) from invalid
