"""Files about the whole site, at the addresses where programs look for them."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from concertbook.http.origin import origin_of


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """Search engines read the public pages and nothing else."""
    origin = origin_of(request)
    return render(request, "robots.txt", {"origin": origin}, content_type="text/plain")


@require_safe
def manifest(request: HttpRequest) -> HttpResponse:
    """The site as an app on a home screen."""
    return render(request, "site.webmanifest", content_type="application/manifest+json")
