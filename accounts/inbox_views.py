"""The demo's inbox: every mail that was sent. Not part of any other installation."""

import uuid

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from accounts import demo_inbox
from concertbook.http.framed import framed


@require_safe
def inbox(request: HttpRequest) -> HttpResponse:
    if not settings.DEMO_INBOX:
        raise Http404
    return render(request, "accounts/inbox.html", {"mails": demo_inbox.list_mails()})


@require_safe
def mail(request: HttpRequest, mail_id: uuid.UUID) -> HttpResponse:
    return render(request, "accounts/inbox_mail.html", {"mail": _find(mail_id)})


@require_safe
def mail_html(request: HttpRequest, mail_id: uuid.UUID) -> HttpResponse:
    return framed(_find(mail_id).html, is_measured=True)


@require_safe
def attachment(request: HttpRequest, mail_id: uuid.UUID, number: int) -> HttpResponse:
    files = _find(mail_id).attachments
    if number >= len(files):
        raise Http404
    file = files[number]
    response = HttpResponse(file.content, content_type=file.type)
    header = content_disposition_header(True, file.name)
    response["Content-Disposition"] = header or "attachment"
    return response


def _find(mail_id: uuid.UUID) -> demo_inbox.ReceivedMail:
    found = demo_inbox.find_mail(mail_id)
    if not settings.DEMO_INBOX or found is None:
        raise Http404
    return found
