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


def framed(html: str) -> HttpResponse:
    """The document, for an ``iframe`` on this site only."""
    response = HttpResponse(html.replace("<head>", '<head><base target="_top">', 1))
    response[HEADER] = POLICY
    response["X-Frame-Options"] = "SAMEORIGIN"
    return response
