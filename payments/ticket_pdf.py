"""Tickets as a PDF: one A4 page each, in type that is large enough for a phone's screen.

Pretendard is embedded, of which each file has the glyphs that it shows (payments/pdf_fonts.py).
"""

import io
from collections.abc import Sequence
from threading import Lock

from django.utils.translation import gettext as _
from django.utils.translation import override
from reportlab.lib.colors import Color, HexColor, white
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas
from reportlab.pdfgen.pathobject import PDFPathObject

from concertbook.templatetags.times import when_text
from concerts.text_fitting import Measure, fit, largest, plain, wrap
from payments.pdf_fonts import BOLD, NAMES, REGULAR, register_fonts
from payments.qr_codes import QUIET, qr_code
from payments.ticket_document import REFUND_TERMS, State, TicketDocument

MEDIA_TYPE = "application/pdf"

# Points, from the bottom left corner. A phone shows a page at two thirds of its size.
WIDTH, HEIGHT = A4
MARGIN = 40
INSIDE = WIDTH - 2 * MARGIN
BAND = 196
QR = 236
COLUMN = MARGIN + QR + 28
TITLE_SIZES = {40: 1, 32: 2, 26: 2}
SEAT_SIZES = {44: 1, 34: 2, 26: 2, 20: 3}
LARGE, TEXT, SMALL = 20, 16, 14
INK, SOFT, LINE = HexColor("#14131a"), HexColor("#5b5966"), HexColor("#c9c6be")

# reportlab reads a font by a position that its users share.
writing = Lock()


def write_pdf(tickets: Sequence[TicketDocument]) -> bytes:
    """A page for each ticket, in the language of each. Cancelled ones have none.

    The file is the same as long as the tickets are.
    """
    with writing:
        register_fonts()
        written = io.BytesIO()
        canvas = Canvas(
            written, pagesize=A4, invariant=True, pageCompression=1, lang=tickets[0].language
        )
        shown = [each for each in tickets if not each.state.is_over]
        for number, ticket in enumerate(shown, start=1):
            with override(ticket.language):
                if number == 1:
                    canvas.setTitle(f"{_('Ticket')} · {plain(ticket.title)}")
                    canvas.setAuthor("concertbook")
                    canvas.setCreator("concertbook")
                _Page(canvas, ticket).draw(f"{number}/{len(shown)}" if len(shown) > 1 else "")
            canvas.showPage()
        canvas.save()
    return written.getvalue()


class _Page:
    def __init__(self, canvas: Canvas, ticket: TicketDocument) -> None:
        self.canvas = canvas
        self.ticket = ticket

    def draw(self, number: str) -> None:
        self._draw_band(number)
        below = self._draw_venue(HEIGHT - BAND - 34)
        below = self._draw_code_and_seat(below - 18)
        below = self._draw_tear_line(below - 20)
        below = self._draw_pairs(self.ticket.order_facts(), below - 30)
        below = self._draw_refunds(below - 16)
        self._draw_notes(below - 14)

    def _draw_band(self, number: str) -> None:
        art = self.ticket.art
        ground, ink = HexColor(art.ground), HexColor(art.ink)
        self.canvas.setFillColor(ground)
        self.canvas.rect(0, HEIGHT - BAND, WIDTH, BAND, stroke=0, fill=1)
        top = HEIGHT - 40
        self._write("concertbook", MARGIN, top, BOLD, TEXT, ink)
        self._write(
            f"{_('Ticket')} {number}".strip(), WIDTH - MARGIN, top, BOLD, TEXT, ink, "right"
        )
        size, lines = largest(
            self.ticket.title, sizes=TITLE_SIZES, measure=_bold_width, width=INSIDE
        )
        bottom = HEIGHT - BAND + 62
        for line in reversed(lines):
            self._write(line, MARGIN, bottom, BOLD, size, ink)
            bottom += size * 1.2
        self._write(when_text(self.ticket.starts_at), MARGIN, HEIGHT - BAND + 24, BOLD, LARGE, ink)

    def _draw_venue(self, top: float) -> float:
        """Where the show is, and that it was moved; returns the lowest line."""
        ticket = self.ticket
        venue = fit(ticket.venue, _measure(BOLD, LARGE), INSIDE)
        self._write(venue, MARGIN, top, BOLD, LARGE)
        if ticket.address:
            top -= 22
            address = fit(ticket.address, _measure(REGULAR, TEXT), INSIDE)
            self._write(address, MARGIN, top, REGULAR, TEXT, SOFT)
        if ticket.was_moved:
            top -= 22
            moved = _("The show was moved; it was to begin on {moment}.").format(
                moment=when_text(ticket.announced_at)
            )
            self._write(fit(moved, _measure(BOLD, SMALL), INSIDE), MARGIN, top, BOLD, SMALL)
        return top

    def _draw_code_and_seat(self, top: float) -> float:
        bottom = top - QR
        self._draw_code(MARGIN, bottom)
        room = WIDTH - MARGIN - COLUMN
        size, lines = largest(self.ticket.label, sizes=SEAT_SIZES, measure=_bold_width, width=room)
        below = top - size * 0.8
        for line in lines:
            self._write(line, COLUMN, below, BOLD, size)
            below -= size * 1.15
        below = below + size * 1.15 - 34
        for label, value in self.ticket.facts():
            self._write(label, COLUMN, below, REGULAR, SMALL, SOFT)
            font = NAMES if value == self.ticket.holder else BOLD
            shown = fit(value, _measure(font, TEXT), room - 96)
            self._write(shown, COLUMN + 96, below, font, TEXT)
            below -= 25
        return min(bottom, below)

    def _draw_code(self, left: float, bottom: float) -> None:
        """The QR code with its white margin, a line around it, and over it that it was used."""
        canvas = self.canvas
        canvas.setStrokeColor(LINE)
        canvas.setLineWidth(1)
        canvas.roundRect(left, bottom, QR, QR, 10, stroke=1, fill=0)
        is_used = self.ticket.state == State.USED
        canvas.saveState()
        canvas.setFillColor(LINE if is_used else Color(0, 0, 0))
        rows = [list(row) for row in qr_code(self.ticket.code).matrix]
        size = len(rows) + 2 * QUIET
        canvas.translate(left, bottom)
        canvas.scale(QR / size, QR / size)
        modules = [
            f"{QUIET + start} {size - QUIET - 1 - y} {length} 1 re"
            for y, row in enumerate(rows)
            for start, length in _runs(row)
        ]
        canvas.drawPath(PDFPathObject(["n", *modules]), stroke=0, fill=1)
        canvas.restoreState()
        if is_used:
            canvas.setFillColor(white)
            canvas.rect(left + 20, bottom + QR / 2 - 26, QR - 40, 52, stroke=0, fill=1)
            middle = left + QR / 2
            self._write(_("Used"), middle, bottom + QR / 2 - 10, BOLD, 30, SOFT, "centre")

    def _draw_tear_line(self, at: float) -> float:
        canvas = self.canvas
        canvas.setStrokeColor(LINE)
        canvas.setLineWidth(1.5)
        canvas.setDash(5, 5)
        canvas.line(MARGIN, at, WIDTH - MARGIN, at)
        canvas.setDash()
        return at

    def _draw_pairs(self, pairs: Sequence[tuple[str, str]], top: float) -> float:
        for label, value in pairs:
            self._write(label, MARGIN, top, REGULAR, SMALL, SOFT)
            self._write(value, MARGIN + 110, top, BOLD, TEXT)
            top -= 24
        return top

    def _draw_refunds(self, top: float) -> float:
        """In two columns, as there are five steps by default."""
        terms = self.ticket.refund_terms()
        if not terms or self.ticket.state != State.GOOD:
            return top
        self._write(str(REFUND_TERMS), MARGIN, top, BOLD, TEXT)
        top -= 22
        half = (len(terms) + 1) // 2
        for number, (until, fee) in enumerate(terms):
            left = MARGIN + (number // half) * (INSIDE / 2 + 8)
            at = top - (number % half) * 20
            self._write(until, left, at, REGULAR, SMALL, SOFT)
            self._write(fee, left + INSIDE / 2 - 16, at, BOLD, SMALL, INK, "right")
        return top - half * 20

    def _draw_notes(self, top: float) -> None:
        notes = [
            _("Show this code at the door, on paper or on a screen. It lets one person in, once."),
            _(
                "Do not share the code: the first who shows it gets in. To give the ticket away,"
                " hand it on from its page."
            ),
        ]
        for line in wrap(" ".join(notes), _measure(REGULAR, SMALL), INSIDE):
            self._write(line, MARGIN, top, REGULAR, SMALL, SOFT)
            top -= 19

    def _write(
        self,
        text: str,
        x: float,
        y: float,
        font: str,
        size: int,
        colour: Color = INK,
        side: str = "left",
    ) -> None:
        self.canvas.setFont(font, size)
        self.canvas.setFillColor(colour)
        draw = {
            "left": self.canvas.drawString,
            "right": self.canvas.drawRightString,
            "centre": self.canvas.drawCentredString,
        }[side]
        draw(x, y, plain(text))


def _runs(row: Sequence[int]) -> list[tuple[int, int]]:
    """The dark modules of a row as (start, length)."""
    runs = []
    start = None
    for at, dark in enumerate([*row, 0]):
        if dark and start is None:
            start = at
        elif not dark and start is not None:
            runs.append((start, at - start))
            start = None
    return runs


def _measure(font: str, size: int) -> Measure:
    return lambda text: stringWidth(text, font, size)


def _bold_width(text: str, size: int) -> float:
    return float(stringWidth(text, BOLD, size))
