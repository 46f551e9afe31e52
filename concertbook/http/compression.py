"""Compression of large answers, for clients that accept gzip.

Enabled per view: the compressed length reveals content (BREACH), so a compressed answer must not
contain a secret next to text that an attacker can choose.
"""

import functools
import re
from collections.abc import Sequence

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.utils.cache import patch_vary_headers
from django.utils.decorators import decorator_from_middleware

_CODING = re.compile(r"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*(?:;\s*[qQ]\s*=\s*([0-9.]{1,5})\s*)?")


class AcceptedGZipMiddleware(GZipMiddleware):
    """Django's middleware, which would also compress for a client that sends ``gzip;q=0``."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if accepts_gzip(request.headers.get("Accept-Encoding", "")):
            return super().process_response(request, response)
        patch_vary_headers(response, ["Accept-Encoding"])
        return response


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether an Accept-Encoding header accepts gzip (RFC 9110, 12.5.3)."""
    return best_coding(accept_encoding, ("gzip",)) == "gzip"


@functools.lru_cache(maxsize=1000)
def best_coding(accept_encoding: str, offered: Sequence[str]) -> str:
    """The coding among ``offered`` that the client wants most, the first of equals; "" for none."""
    weights: dict[str, float] = {}
    for part in accept_encoding.split(","):
        coding = _CODING.fullmatch(part)
        if coding:
            weights[coding[1].lower()] = _weight(coding[2])
    wanted = {coding: weights.get(coding, weights.get("*", 0)) for coding in offered}
    best = max(wanted, key=lambda coding: wanted[coding])
    return best if wanted[best] > 0 else ""


def _weight(q: str | None) -> float:
    try:
        return 1.0 if q is None else float(q)
    except ValueError:
        return 0.0


# A decorator of views. The ETag of a compressed answer becomes a weak one.
compressed = decorator_from_middleware(AcceptedGZipMiddleware)
