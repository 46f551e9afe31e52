"""What is on: the list, and one concert."""

import uuid

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from concerts import services
from concerts.forms import SearchForm
from concerts.models import Concert

CONCERTS_PER_PAGE = 12


@require_safe
def concert_list(request: HttpRequest) -> HttpResponse:
    form = SearchForm(request.GET)
    found = services.find_offers(**form.cleaned_data) if form.is_valid() else Concert.objects.none()
    page = Paginator(found, CONCERTS_PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "concerts/list.html", {"form": form, "page": page})


@require_safe
def concert_detail(request: HttpRequest, concert_id: uuid.UUID) -> HttpResponse:
    concert = services.get_concert(concert_id)
    context = {"concert": concert, "performances": services.find_performances(concert)}
    return render(request, "concerts/detail.html", context)
