"""What other programs read: a concert's calendar and picture, and the list of all pages."""

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.models import Document
from concertbook.http.languages import addresses_by_language, public_page
from concerts import calendar_file
from concerts.services import performances, programme
from concerts.share_picture import draw_picture


@require_safe
def calendar(request: HttpRequest, concert_id: uuid.UUID) -> HttpResponse:
    concert = programme.get_concert(concert_id)
    page = request.build_absolute_uri(public_page(request, "concert_detail", concert.pk))
    written = calendar_file.write_calendar(concert, performances.find_performances(concert), page)
    disposition = {"Content-Disposition": 'attachment; filename="concert.ics"'}
    return HttpResponse(written, content_type=calendar_file.MEDIA_TYPE, headers=disposition)


@require_safe
def share_picture(request: HttpRequest, concert_id: uuid.UUID) -> HttpResponse:
    picture = draw_picture(programme.get_concert(concert_id))
    return HttpResponse(picture, content_type="image/png")


@require_safe
def sitemap(request: HttpRequest) -> HttpResponse:
    """The list, each concert that is not over, and what is told about us, in each language."""
    documents = (public_page(request, "document", kind) for kind in Document.Kind.values)
    about = [public_page(request, "concert_list"), public_page(request, "business"), *documents]
    pages = dict.fromkeys(about) | {
        public_page(request, "concert_detail", concert_id): changed_at
        for concert_id, changed_at in programme.find_concerts().values_list("pk", "updated_at")
    }
    entries = [(addresses_by_language(page), changed_at) for page, changed_at in pages.items()]
    origin = request.build_absolute_uri("/").rstrip("/")
    context = {"origin": origin, "entries": entries}
    return render(request, "sitemap.xml", context, content_type="application/xml")
