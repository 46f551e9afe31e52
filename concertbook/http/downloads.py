"""Files that a view writes itself, for pages and API."""

from django.http import HttpResponse
from django.utils.http import content_disposition_header
from rest_framework.renderers import JSONRenderer


class FileRenderer(JSONRenderer):
    """Lets a client of the API ask for a file by its media type; a refusal stays a JSON problem."""


def renderers_of(media_type: str) -> tuple[type[JSONRenderer], ...]:
    """The renderers of a view with such a file. A client that accepts only JSON gets it too."""
    return type("Renderer", (FileRenderer,), {"media_type": media_type}), JSONRenderer


def download(content: bytes, media_type: str, name: str) -> HttpResponse:
    """The answer that a browser saves under this name."""
    disposition = content_disposition_header(as_attachment=True, filename=name) or ""
    headers = {"Content-Disposition": disposition}
    return HttpResponse(content, content_type=media_type, headers=headers)
