from typing import Any

from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination


class NewestFirst(CursorPagination):
    """Pages that stay put while rows are added; ties in time are broken by the key."""

    ordering: tuple[str, ...] = ("-created_at", "-pk")
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200

    def paginate_queryset(self, *args: Any, **kwargs: Any) -> Any:
        """Raises NotFound for a cursor that is none of ours, also one that is no number."""
        try:
            return super().paginate_queryset(*args, **kwargs)
        except (ValueError, OverflowError) as exc:
            raise NotFound(self.invalid_cursor_message) from exc
