from rest_framework.pagination import CursorPagination


class NewestFirst(CursorPagination):
    """Pages that stay put while rows are added; ties in time are broken by the key."""

    ordering: tuple[str, ...] = ("-created_at", "-pk")
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
