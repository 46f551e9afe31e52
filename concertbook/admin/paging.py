"""Pages of the admin's lists that do not count the rows of a table with millions.

A page reads one row more than it shows, to know whether there is a next page. A list ends after
LAST_PAGE pages, as every further page costs more: older rows are found by a search, a filter, or
by sorting the other way round.
"""

from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import PAGE_VAR, ChangeList
from django.core.paginator import Paginator
from django.http import HttpRequest

LAST_PAGE = 200


class UncountedPaginator(Paginator):  # type: ignore[type-arg]
    """For unfold's template only; ``count`` is what the page knows."""

    template_name = "admin/uncounted_pages.html"


class UncountedList(ChangeList):
    """``result_count`` is the number of rows up to the end of the page, and one more if there is a
    next page: on the last page, of all rows."""

    result_list: Any
    first_row: int
    last_row: int
    has_next: bool

    def get_results(self, request: HttpRequest) -> None:
        before = (self.page_num - 1) * self.list_per_page
        if not 1 <= self.page_num <= LAST_PAGE:
            raise IncorrectLookupParameters
        rows = list(self.queryset[before : before + self.list_per_page + 1])
        if not rows and before:
            raise IncorrectLookupParameters
        self.result_list = rows[: self.list_per_page]
        self.first_row, self.last_row = before + 1, before + len(self.result_list)
        self.has_next = len(rows) > self.list_per_page
        self.result_count = before + len(rows)
        self.full_result_count = self.result_count
        self.show_full_result_count = False
        self.show_admin_actions = True
        self.can_show_all = False
        self.multi_page = self.has_next or self.page_num > 1
        self.paginator: Any = UncountedPaginator(self.result_list, self.list_per_page)

    @property
    def is_cut_off(self) -> bool:
        """Whether there are more rows than a list shows."""
        return self.has_next and self.page_num == LAST_PAGE

    @property
    def previous_page(self) -> str:
        return self.get_query_string({PAGE_VAR: self.page_num - 1})

    @property
    def next_page(self) -> str:
        return self.get_query_string({PAGE_VAR: self.page_num + 1})
