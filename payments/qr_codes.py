"""The QR codes of tickets, for pages, mails and the PDF: black on white, also where all else is
dark."""

import io
import zlib
from functools import lru_cache
from typing import Any

import segno
from django.utils.safestring import SafeString, mark_safe

from payments.models import Ticket

# The white margin that scanners need, in modules.
QUIET = 4
# One of the eight patterns that may be laid over a QR code. To look for the best one takes 2 ms,
# for a twentieth fewer penalty points: a ticket's code is random, so none of them is bad.
MASK = 7


def qr_inline(ticket: Ticket) -> SafeString:
    """As qr_svg, for within a page: without a size, and with the id ``qr-<ticket>``."""
    looks = {"border": QUIET, "dark": "#000", "light": "#fff", "svgid": f"qr-{ticket.pk}"}
    svg: str = qr_code(ticket.code).svg_inline(omitsize=True, **looks)
    return mark_safe(svg)


def qr_svg(ticket: Ticket) -> bytes:
    """The ticket's code as a standalone SVG."""
    picture = io.BytesIO()
    qr_code(ticket.code).save(picture, kind="svg", scale=6, border=QUIET, dark="#000", light="#fff")
    return picture.getvalue()


def qr_png(code: str) -> bytes:
    """The code for a mail, whose readers show no SVG: 8 pixels a module, a bit a pixel."""
    rows = qr_code(code).matrix
    margin = b"\xff" * QUIET
    blank = b"\0" + b"\xff" * (len(rows) + 2 * QUIET)
    # A module is a byte. A line begins with the number of its filter.
    lines = [b"\0" + margin + bytes(0 if dark else 0xFF for dark in row) + margin for row in rows]
    pixels = b"".join(line * 8 for line in [*[blank] * QUIET, *lines, *[blank] * QUIET])
    side = (8 * (len(blank) - 1)).to_bytes(4)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            # One bit, grey, and the format's only compression, filters, and no interlacing.
            _chunk(b"IHDR", side + side + bytes([1, 0, 0, 0, 0])),
            _chunk(b"IDAT", zlib.compress(pixels)),
            _chunk(b"IEND", b""),
        ]
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)


# A mail and its PDF show the same codes.
@lru_cache(maxsize=32)
def qr_code(code: str) -> Any:
    """A segno.QRCode."""
    return segno.make(code, error="m", micro=False, mask=MASK)
