"""Content negotiation by the Accept header, as in RFC 9110, section 12.5.1.

The fast path and the API call the same functions, so that they refuse the same requests.
"""

import functools
import re
from collections.abc import Iterable, Sequence
from typing import Any

from rest_framework.exceptions import NotAcceptable
from rest_framework.metadata import SimpleMetadata
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

JSON = "application/json"
# A client that accepts only problems gets JSON, as every API client.
ALIASES = {JSON: (JSON, "application/problem+json")}

TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_RANGE = re.compile(rf"({TOKEN})/({TOKEN})")
_PART = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*"?)+')
_PARAMETER = re.compile(rf'\s*({TOKEN})\s*=\s*("(?:[^"\\]|\\.)*"|{TOKEN})\s*')
_QUALITY = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")
MOST_CHARACTERS = 8192


@functools.lru_cache(maxsize=1000)
def quality(accept: str, media_type: str) -> float:
    """How much the client wants this media type, from 0 (not at all) to 1.

    The most specific range that matches decides. Parts that do not follow the grammar are
    skipped; a header without a valid part, like one that is missing, accepts everything.
    """
    ranges = list(_ranges(accept[:MOST_CHARACTERS]))
    if not ranges:
        return 1.0
    names = ALIASES.get(media_type, (media_type,))
    found = [
        (_specificity(wanted), weight)
        for wanted, weight in ranges
        if any(_includes(wanted, name) for name in names)
    ]
    return max(found)[1] if found else 0.0


def accepts(accept: str | None, media_type: str) -> bool:
    return not accept or quality(accept, media_type) > 0


def _ranges(accept: str) -> Any:
    for part in _PART.findall(accept):
        name, *parameters = part.strip().split(";")
        match = _RANGE.fullmatch(name.strip())
        if match is None or (match[1] == "*" and match[2] != "*"):
            continue
        weight = _weight(parameters)
        if weight is not None:
            yield name.strip().lower(), weight


def _weight(parameters: Sequence[str]) -> float | None:
    """The q of a range, 1 by default; None if it is not a number from 0 to 1."""
    for parameter in parameters:
        match = _PARAMETER.fullmatch(parameter)
        if match and match[1].lower() == "q":
            return float(match[2]) if _QUALITY.fullmatch(match[2]) else None
    return 1.0


def _includes(wanted: str, name: str) -> bool:
    if wanted == "*/*" or name == "*/*":
        return True
    return wanted == name or (wanted.endswith("/*") and name.startswith(wanted[:-1]))


def _specificity(wanted: str) -> int:
    return 0 if wanted == "*/*" else 1 if wanted.endswith("/*") else 2


class JSONMetadata(SimpleMetadata):
    """The answer to OPTIONS, as JSON also for views that render pages or pictures."""

    def determine_metadata(self, request: Request, view: Any) -> dict[str, Any]:
        request.accepted_renderer = JSONRenderer()
        request.accepted_media_type = JSON
        metadata: dict[str, Any] = super().determine_metadata(request, view)
        return metadata


class ContentNegotiation(DefaultContentNegotiation):
    """REST framework's class ignores q, and compares parameters that JSON does not have."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        """None for a type with an asterisk: a media range is valid in Accept only."""
        if "*" in request.content_type.partition(";")[0]:
            return None
        return super().select_parser(request, parsers)

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        renderers = list(renderers)
        # ``?format=`` is used only where there is a choice (the OpenAPI file).
        if len(renderers) > 1 and (name := format_suffix or request.query_params.get("format")):
            renderers = self.filter_renderers(renderers, name)
        accept = request.headers.get("Accept", "")
        best = max(renderers, key=lambda each: quality(accept, each.media_type))
        if not accepts(accept, best.media_type):
            raise NotAcceptable(available_renderers=renderers)
        return best, best.media_type
