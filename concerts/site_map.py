"""The list of all pages for search engines (sitemaps.org), for thousands of concerts."""

import datetime as dt
from collections.abc import Iterable
from html import escape

from concertbook.http.languages import addresses_by_language

MEDIA_TYPE = "application/xml"
HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:xhtml="http://www.w3.org/1999/xhtml">
"""


def write_sitemap(origin: str, pages: Iterable[tuple[str, dt.datetime | None]]) -> str:
    """Each page in each language. ``pages`` are public addresses and when they changed, if known.

    Written without a template, which took 6 s of CPU for 10,000 concerts: this takes 0.1 s.
    """
    urls = "".join(_urls(escape(origin), address, changed_at) for address, changed_at in pages)
    return f"{HEAD}{urls}</urlset>\n"


def _urls(origin: str, address: str, changed_at: dt.datetime | None) -> str:
    addresses = addresses_by_language(address)
    changed = f"<lastmod>{changed_at.isoformat()}</lastmod>\n" if changed_at else ""
    links = "".join(
        f'<xhtml:link rel="alternate" hreflang="{code or "x-default"}" href="{origin}{each}"/>\n'
        for code, each in addresses.items()
    )
    return "".join(
        f"<url>\n<loc>{origin}{each}</loc>\n{changed}{links}</url>\n"
        for code, each in addresses.items()
        if code
    )
