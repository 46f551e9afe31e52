"""The pages of the programme: the list, and one concert."""

import uuid
from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from concertbook.db.clock import seconds_until
from concerts.concert_page import changes_in, context_of
from concerts.forms import SearchForm
from concerts.models import Concert
from concerts.services import posters, programme
from concerts.services.programme import Show

CONCERTS_PER_PAGE = 12
MOST_OPENING = 4


@require_safe
def concert_list(request: HttpRequest) -> HttpResponse:
    form = SearchForm(request.GET)
    found: QuerySet[Any] = Concert.objects.none()
    if form.is_valid():
        found = programme.find_concerts(**form.cleaned_data)
    page = Paginator(found, CONCERTS_PER_PAGE).get_page(request.GET.get("page"))
    show = _shown(form)
    plain = not (show or form["search"].value() or page.number > 1)
    opening: list[Any] = (
        list(programme.find_concerts(show=Show.OPENING)[:MOST_OPENING]) if plain else []
    )
    openings = [concert.next_sale for concert in (*page, *opening) if concert.next_sale]
    for concert in opening:
        concert.opens_in = seconds_until(concert.next_sale)
    context = {
        "form": form,
        "page": page,
        "show": show,
        "opening": opening,
        "changes_in": changes_in(min(openings, default=None)),
    }
    return render(request, "concerts/list.html", context)


def _shown(form: SearchForm) -> str:
    """The value of Show that is chosen, also by an old link; "" for all."""
    if not form.is_valid():
        return ""
    return form.cleaned_data["show"] or (Show.ON_SALE if form.cleaned_data["on_sale"] else "")


@require_safe
def concert_detail(request: HttpRequest, concert_id: uuid.UUID) -> HttpResponse:
    concert = programme.get_concert(concert_id)
    context = context_of(concert, date=request.GET.get("date", ""))
    return render(request, "concerts/detail.html", context)


@require_safe
def poster(request: HttpRequest, poster_id: uuid.UUID) -> HttpResponse:
    return HttpResponse(posters.poster_image(poster_id), content_type="image/webp")
