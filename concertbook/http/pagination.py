import binascii
import re
from base64 import b64decode
from typing import Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import ErrorDetail, NotFound, ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request

from concertbook.http.problems import NO_SUCH_VALUE
from concertbook.http.validation import query_value

BASE64 = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$"
CURSOR = re.compile(r"(?=.)(o=\d{1,3}(&|$))?(r=1(&|$))?(p=[^&=]{1,200})?")


class NewestFirst(CursorPagination):
    """Cursor pagination, newest first: pages do not shift when rows are added; ties are ordered by
    key."""

    ordering: tuple[str, ...] = ("-created_at", "-pk")
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> Any:
        """Raises ValidationError for an invalid cursor."""
        cursor = query_value(request, self.cursor_query_param)
        if cursor is not None:
            _require_ours(cursor)
        try:
            return super().paginate_queryset(queryset, request, view)
        except (ValueError, OverflowError, NotFound, *NO_SUCH_VALUE.__args__) as exc:
            raise _no_cursor() from exc

    def get_page_size(self, request: Request) -> int:
        """Raises ValidationError unless it is a number from 1 to ``max_page_size``."""
        text = query_value(request, self.page_size_query_param)
        if text is None:
            return self.page_size
        if not (text.isascii() and text.isdecimal() and len(text) <= 3):
            raise self._no_page_size()
        size = int(text)
        if not 1 <= size <= self.max_page_size:
            raise self._no_page_size()
        return size

    def _no_page_size(self) -> ValidationError:
        message = _("This must be a whole number from 1 to %(most)s.") % {
            "most": self.max_page_size
        }
        return ValidationError({self.page_size_query_param: [ErrorDetail(message, "invalid")]})

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        parameters: list[dict[str, Any]] = super().get_schema_operation_parameters(view)
        limits = {
            self.page_size_query_param: {
                "minimum": 1,
                "maximum": self.max_page_size,
                "default": self.page_size,
            },
            self.cursor_query_param: {"pattern": BASE64, "minLength": 1},
        }
        for parameter in parameters:
            parameter["schema"] |= limits[parameter["name"]]
        return parameters


def _require_ours(cursor: str) -> None:
    """Check the cursor's form: base64 of ``o=12&r=1&p=position``, each part optional."""
    try:
        inside = b64decode(cursor.encode("ascii"), validate=True).decode("ascii")
    except (UnicodeError, binascii.Error):
        raise _no_cursor() from None
    if not CURSOR.fullmatch(inside):
        raise _no_cursor()


def _no_cursor() -> ValidationError:
    message = _("This is not a cursor of ours.")
    return ValidationError({"cursor": [ErrorDetail(message, "invalid")]})
