"""What the OpenAPI document says of every call: the two ways to log in, and how one is refused.

Imported for its effect by urls.py.
"""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

from concertbook.errors import every_refusal
from concertbook.problems import CONTENT_TYPE


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "allauth.headless.contrib.rest_framework.authentication.JWTTokenAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


class BrowserSessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "concertbook.problems.BrowserSessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}


def add_problems(result: dict[str, Any], **_others: object) -> dict[str, Any]:
    """Every call may be refused, and always in one form: a hook of drf-spectacular's."""
    result["components"]["schemas"]["Problem"] = _problem()
    refused = {
        "description": "The request is refused: code says why, and what clients may rely on.",
        "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for path in result["paths"].values():
        for operation in path.values():
            operation["responses"]["default"] = refused
    return result


def _problem() -> dict[str, Any]:
    text = {"type": "string"}
    field = {"type": "object", "properties": {"field": text, "code": text, "detail": text}}
    codes = {refusal.code for refusal in every_refusal()}
    return {
        "type": "object",
        "description": "RFC 9457. Some codes bring more with them: seat_taken the seats to take"
        " instead (nearest), ticket_used when and where (used_at, gate).",
        "required": ["type", "title", "status", "detail", "code"],
        "properties": {
            "type": text,
            "title": text,
            "status": {"type": "integer"},
            "detail": text | {"description": "In the language that was asked for."},
            "code": text | {"enum": sorted(codes)},
            "errors": {"type": "array", "items": field},
        },
        "additionalProperties": True,
    }
