"""What other programs read: the concert for calendars."""

import uuid

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from concertbook.http.languages import public_page
from concerts import calendar_file
from concerts.services import performances, programme


@require_safe
def calendar(request: HttpRequest, concert_id: uuid.UUID) -> HttpResponse:
    concert = programme.get_concert(concert_id)
    page = request.build_absolute_uri(public_page(request, "concert_detail", concert.pk))
    written = calendar_file.write_calendar(concert, performances.find_performances(concert), page)
    disposition = {"Content-Disposition": 'attachment; filename="concert.ics"'}
    return HttpResponse(written, content_type=calendar_file.MEDIA_TYPE, headers=disposition)
