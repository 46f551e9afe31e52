"""The style guide of the pages, served with DEBUG only."""

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from concerts.models import Concert, ShowColour

SHEETS = [f"css/{name}.css" for name in ("concerts", "room", "seats", "tickets")]


@require_safe
def styleguide(request: HttpRequest) -> HttpResponse:
    concerts = [
        Concert(
            id=uuid.UUID(int=number * 7919),
            title="한밤의 재즈",
            title_en="Midnight Jazz",
            artist="김도윤 트리오",
            venue="연남 블루룸",
            venue_en="Yeonnam Blue Room",
            colour=colour,
        )
        for number, colour in enumerate(ShowColour)
    ]
    return render(request, "styleguide.html", {"concerts": concerts, "sheets": SHEETS})
