"""The client's address behind trusted proxies."""

import functools
import ipaddress
from collections.abc import Mapping
from typing import Any

from django.conf import settings


def client_address(environ: Mapping[str, Any]) -> str:
    """The client's address as the outermost trusted proxy saw it, not as the client claims it.

    Each of our TRUSTED_PROXIES appends its client's address to X-Forwarded-For. They must
    drop headers whose names have an underscore, as deploy/nginx.conf does: granian puts a client's
    X_Forwarded_For into HTTP_X_FORWARDED_FOR too, the later of the two wins, and nothing in
    ``environ`` tells which one it was.
    """
    proxies = settings.TRUSTED_PROXIES
    forwarded = [part.strip() for part in environ.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    if 0 < proxies <= len(forwarded) and forwarded[-proxies]:
        return str(forwarded[-proxies])[:MOST_CHARACTERS]
    return str(environ.get("REMOTE_ADDR", ""))


def client_network(environ: Mapping[str, Any]) -> str:
    """The key of a limit per address: the IPv4 address, or the /64 network of an IPv6 address.

    A household has 2**64 IPv6 addresses, and could otherwise use each limit that many times.
    """
    return _network_of(client_address(environ))


@functools.lru_cache(maxsize=10_000)
def _network_of(address: str) -> str:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found.packed[:8] + bytes(8), 64)))


# The longest is an IPv6 address with a zone.
MOST_CHARACTERS = 64
