"""What other programs read: a concert's calendar and picture, and the list of all pages."""

import uuid

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from accounts.models import Document
from concertbook.http.languages import public_page
from concertbook.http.origin import origin_of
from concerts import calendar_file, site_map
from concerts.services import performances, programme
from concerts.share_picture import draw_picture

# In the place of a concert's id.
ANY = uuid.UUID(int=0)


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
    # Resolved once: each takes as long as all that is written about a concert.
    concert = public_page(request, "concert_detail", ANY)
    concerts = programme.find_concerts().values_list("pk", "updated_at")
    pages = [
        *((page, None) for page in about),
        *((concert.replace(str(ANY), str(pk)), changed_at) for pk, changed_at in concerts),
    ]
    origin = origin_of(request)
    return HttpResponse(site_map.write_sitemap(origin, pages), content_type=site_map.MEDIA_TYPE)
