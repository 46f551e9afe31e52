"""The pages of the programme: the list, and one concert."""

import datetime as dt
import uuid
from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from concertbook.db.clock import seconds_until
from concerts.forms import SearchForm
from concerts.models import Concert
from concerts.services import performances, programme

CONCERTS_PER_PAGE = 12


@require_safe
def concert_list(request: HttpRequest) -> HttpResponse:
    form = SearchForm(request.GET)
    found: QuerySet[Any] = Concert.objects.none()
    if form.is_valid():
        found = programme.find_concerts(**form.cleaned_data)
    page = Paginator(found, CONCERTS_PER_PAGE).get_page(request.GET.get("page"))
    soonest = min((concert.next_sale for concert in page if concert.next_sale), default=None)
    context = {"form": form, "page": page, "changes_in": _changes_in(soonest)}
    return render(request, "concerts/list.html", context)


@require_safe
def concert_detail(request: HttpRequest, concert_id: uuid.UUID) -> HttpResponse:
    concert = programme.get_concert(concert_id)
    context = {
        "concert": concert,
        "performances": performances.add_seats(performances.find_performances(concert)),
        "changes_in": _changes_in(concert.next_sale),  # type: ignore[attr-defined]
    }
    return render(request, "concerts/detail.html", context)


def _changes_in(moment: dt.datetime | None) -> int:
    """Seconds until the page changes, 0 if it will not.

    At least 1 until the moment has come: a page built just before it, and kept, asks again.
    """
    return max(1, seconds_until(moment)) if moment else 0
