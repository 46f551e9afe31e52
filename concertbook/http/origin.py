"""The origin of a request: scheme and host, without a slash at the end."""

from django.http import HttpRequest


def origin_of(request: HttpRequest) -> str:
    """For links that leave the site: in mails, in the sitemap."""
    return request.build_absolute_uri("/").rstrip("/")
