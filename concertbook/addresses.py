"""Whose address a request comes from, when proxies of ours stand in between."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings


def client_address(environ: Mapping[str, Any]) -> str:
    """The client's address: what the outermost proxy of ours saw, and never what a client says.

    Each of our TRUSTED_PROXIES appends the address it was asked from to X-Forwarded-For.
    """
    proxies = settings.TRUSTED_PROXIES
    forwarded = [part.strip() for part in environ.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    if 0 < proxies <= len(forwarded) and forwarded[-proxies]:
        return str(forwarded[-proxies])[:MOST_CHARACTERS]
    return str(environ.get("REMOTE_ADDR", ""))


# An IPv6 address with a zone; what is longer is no address.
MOST_CHARACTERS = 64
