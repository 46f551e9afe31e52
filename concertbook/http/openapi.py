"""Extensions of drf-spectacular: the two kinds of authentication, the refusals of every call, and
limits of fields that it does not know.

Imported for its effect by urls.py.
"""

from collections.abc import Iterator
from typing import Any

from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiSerializerFieldExtension,
)
from drf_spectacular.openapi import AutoSchema

from concertbook.errors import every_refusal
from concertbook.http.problems import CONTENT_TYPE


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "allauth.headless.contrib.rest_framework.authentication.JWTTokenAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


class BrowserSessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "concertbook.http.problems.BrowserSessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}


# No NUL, which PostgreSQL does not store; in trimmed texts at least one other character than
# spaces. Valid in every dialect of regular expressions: RE2 has no \u0000.
ANY_TEXT = r"^[^\x00]*$"
SOME_TEXT = r"^[^\x00]*[^\s\x00][^\x00]*$"


class TextField(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """A text field refuses NUL and, if it is trimmed, a text of spaces only."""

    target_class = "rest_framework.fields.CharField"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Any) -> dict[str, Any]:
        schema = _map_field(auto_schema, self.target, direction)
        # For a text that may be blank and has a pattern, drf-spectacular writes two alternatives.
        if self.target.allow_blank or {"format", "pattern", "enum"} & schema.keys():
            return schema
        return schema | {"pattern": SOME_TEXT if self.target.trim_whitespace else ANY_TEXT}


class MoreLimits(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """A field with additional checks declares them in ``schema_limits``."""

    target_class = "concertbook.http.validation.HasSchemaLimits"
    match_subclasses = True
    priority = 1

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Any) -> dict[str, Any]:
        schema = _map_field(auto_schema, self.target, direction)
        limits: dict[str, Any] = self.target.schema_limits
        return schema | limits


def _map_field(auto_schema: AutoSchema, field: Any, direction: Any) -> dict[str, Any]:
    """The schema of the field by drf-spectacular without our extensions."""
    # Private, but what the library's documentation uses in its own examples of extensions.
    schema: dict[str, Any] = auto_schema._map_serializer_field(  # type: ignore[no-untyped-call]
        field, direction, bypass_extensions=True
    )
    return schema


def complete_answers(result: dict[str, Any], **_others: object) -> dict[str, Any]:
    """A hook of drf-spectacular: every field of an answer is required, as it is always present.

    The limits of a text in a request do not apply to an answer, which may be empty.
    """
    schemas = result["components"]["schemas"]
    operations = [each for path in result["paths"].values() for each in path.values()]
    for name in _components(schemas, [operation["responses"] for operation in operations]):
        properties = schemas[name].get("properties")
        if properties:
            schemas[name]["required"] = sorted(properties)
        for field in (properties or {}).values():
            field.pop("minLength", None)
            if field.get("pattern") in (ANY_TEXT, SOME_TEXT):
                del field["pattern"]
    return result


def _components(schemas: dict[str, Any], part: Any) -> set[str]:
    """The names of all schemas that this part of the document refers to, directly or indirectly."""
    found: set[str] = set()
    new = set(_references(part))
    while new:
        found |= new
        new = {name for each in new for name in _references(schemas[each])} - found
    return found


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"].removeprefix("#/components/schemas/")
        part = list(part.values())
    if isinstance(part, list):
        for each in part:
            yield from _references(each)


def add_problems(result: dict[str, Any], **_others: object) -> dict[str, Any]:
    """A hook of drf-spectacular: adds the refusals, all as problems, to every call."""
    result["components"]["schemas"]["Problem"] = _problem()
    refused = {
        "description": "The request is refused: code says why, and what clients may rely on.",
        "headers": {
            "Retry-After": {
                "schema": {"type": "integer", "minimum": 1},
                "description": "Seconds: with 429, 503, and a 409 that a moment's wait resolves.",
            },
            "WWW-Authenticate": {"schema": {"type": "string"}, "description": "With 401."},
            "Allow": {"schema": {"type": "string"}, "description": "With 405."},
        },
        "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for path in result["paths"].values():
        for operation in path.values():
            operation["responses"]["default"] = refused
    return result


def _problem() -> dict[str, Any]:
    text = {"type": "string"}
    field = {
        "type": "object",
        "required": ["field", "code", "detail"],
        "properties": {"field": text, "code": text, "detail": text},
    }
    codes = {refusal.code for refusal in every_refusal()}
    return {
        "type": "object",
        "description": "RFC 9457. Some codes bring more with them: seat_taken the seats to take"
        " instead (nearest), ticket_used when and where (used_at, gate).",
        "required": ["type", "title", "status", "detail", "code"],
        "properties": {
            "type": text
            | {"format": "uri-reference", "description": "Leads to what the code means."},
            "title": text,
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": text | {"description": "In the language that was asked for."},
            "code": text | {"enum": sorted(codes)},
            "errors": {"type": "array", "items": field},
        },
        "additionalProperties": True,
    }
