"""HTML that was made for another place, a mail, shown in a frame on a page of ours."""

from csp.constants import HEADER
from django.http import HttpResponse

# Styles in the document as in a mail, pictures as data: URLs, no scripts, and no origin of ours.
# Links open in place of the page around the frame.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self';"
    " sandbox allow-popups allow-popups-to-escape-sandbox"
    " allow-top-navigation-by-user-activation"
)


def framed(html: str, *, is_measured: bool = False) -> HttpResponse:
    """The document, for an ``iframe`` on this site only.

    ``is_measured``: a script of the page around it may read how high the document is. In
    neither case do scripts in the document run.
    """
    response = HttpResponse(html.replace("<head>", '<head><base target="_top">', 1))
    response[HEADER] = POLICY + (" allow-same-origin" if is_measured else "")
    response["X-Frame-Options"] = "SAMEORIGIN"
    return response
