"""Strict input: the API does not coerce types and refuses repeated parameters."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.fields import Field
from rest_framework.request import Request

from concertbook.http.ids import parse_uuid
from concertbook.visible import has_visible

AnyField = Field[Any, Any, Any, Any]
# The JSON types of a field. REST framework accepts more: 5 for a text, "1" for a number.
JSON_TYPES: tuple[tuple[type[AnyField], type], ...] = (
    (serializers.UUIDField, str),
    (serializers.CharField, str),
    (serializers.DateTimeField, str),
    (serializers.BooleanField, bool),
    (serializers.IntegerField, int),
)
TRUTHS = {"true": True, "false": False, "1": True, "0": False}


def valid_input(serializer: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """The request's body, validated by the serializer; other fields are ignored.

    Raises ValidationError, also for a value that the serializer would coerce.
    """
    checked = serializer(data=request.data)
    errors = {} if checked.is_valid() else dict(checked.errors)
    if errors or isinstance(request.data, Mapping):
        errors = _type_errors(checked, request.data) | errors
    if errors:
        raise ValidationError(errors)
    return dict(checked.validated_data)


def _type_errors(serializer: serializers.Serializer[Any], data: Any) -> dict[str, Any]:
    if not isinstance(data, Mapping):
        return {}
    found = {name: _type_error(field, data.get(name)) for name, field in serializer.fields.items()}
    return {name: errors for name, errors in found.items() if errors}


def _type_error(field: AnyField, value: Any) -> Any:
    """The error for a value of another type; None leaves the value to the serializer."""
    if value is None:
        return None
    if isinstance(field, serializers.ListField) and isinstance(value, list):
        places = {at: _type_error(field.child, each) for at, each in enumerate(value)}
        return {at: errors for at, errors in places.items() if errors}
    for kind, json_type in JSON_TYPES:
        if isinstance(field, kind) and (type(value) is not json_type or not _is_one(field, value)):
            return [
                ErrorDetail(str(field.error_messages["invalid"]).format(value=value), "invalid")
            ]
    return None


def _is_one(field: AnyField, value: Any) -> bool:
    if isinstance(field, serializers.UUIDField):
        try:
            parse_uuid(value)
        except ValueError:
            return False
    return True


def valid_query(serializer: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """The query parameters of the serializer, each at most once; others are ignored.

    Raises ValidationError.
    """
    names = list(serializer().get_fields())
    data = {name: value for name in names if (value := query_value(request, name)) is not None}
    checked = serializer(data=data)
    checked.is_valid(raise_exception=True)
    return dict(checked.validated_data)


def query_value(request: Request, name: str) -> str | None:
    """The parameter's value, None if it is missing. Raises ValidationError if it is repeated."""
    values = request.query_params.getlist(name)
    if len(values) > 1:
        raise ValidationError({name: _("This parameter may be given once only.")})
    return values[0] if values else None


class HasSchemaLimits:
    """A field with limits that drf-spectacular cannot derive from REST framework's options."""

    schema_limits: ClassVar[dict[str, Any]]


class VisibleTextField(HasSchemaLimits, serializers.CharField):
    """A text with a visible character: not only spaces and fillers."""

    # An approximation, without a table of characters.
    schema_limits: ClassVar = {"pattern": r"^[^\x00]*[^\s\x00-\x1f\x7f-\x9f][^\x00]*$"}

    def __init__(self, *, max_length: int) -> None:
        super().__init__(max_length=max_length, help_text="with a character that can be seen")

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not has_visible(text):
            self.fail("blank")
        return text


class QueryBooleanField(serializers.BooleanField):
    """``true`` or ``false``, as OpenAPI writes a boolean; also ``1`` or ``0``."""

    def to_internal_value(self, data: Any) -> bool:
        truth = TRUTHS.get(str(data).lower())
        if truth is None:
            self.fail("invalid", input=data)
        return truth


class StrictIntegerField(serializers.IntegerField):
    """A JSON integer; "1", 1.0 and true are refused."""

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            self.fail("invalid")
        return data
