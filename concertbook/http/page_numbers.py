"""The page of a list that a visitor asks for by its number (``?page=2``)."""

from collections.abc import Callable, Sequence
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest

ROWS_PER_PAGE = 20


def page_of(
    request: HttpRequest, rows: Sequence[Any] | QuerySet[Any], per_page: int = 0
) -> Page[Any]:
    """The page with this number; the first or the last where there is none."""
    return Paginator(rows, per_page or ROWS_PER_PAGE).get_page(request.GET.get("page"))


def page_of_newest(
    request: HttpRequest,
    newest: Callable[..., list[Any]],
    rows: Callable[[], QuerySet[Any]],
) -> Page[Any]:
    """As page_of, without counting the rows where the first page has all of them.

    ``newest`` returns the first ``most`` of the rows. Few people have more tickets than fit on one
    page, and to count them takes as long as to read them.
    """
    if "page" not in request.GET:
        found = newest(most=ROWS_PER_PAGE + 1)
        has_more = len(found) > ROWS_PER_PAGE
        paginator = Paginator(rows() if has_more else found, ROWS_PER_PAGE)
        return Page(found[:ROWS_PER_PAGE], 1, paginator)
    return page_of(request, rows())
