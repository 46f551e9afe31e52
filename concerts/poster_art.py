"""The posters that are drawn for concerts without an uploaded one.

A poster is type over a motif in the artwork colours of the concert's show colour. The motif and how
it lies are chosen by the concert's id, so that a concert keeps its poster. The templates are
templates/concerts/poster.html and templates/concerts/motifs/, drawn on 200 x 300 units.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from uuid import UUID

from concerts.models import Concert, ShowColour

MOTIFS = (
    *("arcs", "bars", "blocks", "dots", "keys", "moon", "petals"),
    *("rays", "record", "squares", "strings", "stripes", "sun", "waves"),
)


@dataclass(frozen=True)
class Artwork:
    """Colours as #rrggbb, the same in both themes.

    The type is ``ink`` and stands on ``ground`` and ``shade``, which have 4.5:1 to it; ``first``
    and ``second`` stay clear of the type.
    """

    ground: str
    shade: str
    ink: str
    first: str
    second: str
    motif: str = MOTIFS[0]
    # The motif lies below, the type above.
    is_turned: bool = False
    is_mirrored: bool = False

    @property
    def is_dark(self) -> bool:
        return self.ink == WHITE

    @property
    def template(self) -> str:
        return f"concerts/motifs/{self.motif}.svg"


BLACK, WHITE = "#14131a", "#ffffff"
COLOURS = {
    ShowColour.INK: Artwork("#f1ede2", "#e6e0d1", BLACK, "#14131a", "#e2391b"),
    ShowColour.INDIGO: Artwork("#1d1a66", "#2a2682", WHITE, "#ff6b4a", "#aaa5ff"),
    ShowColour.VIOLET: Artwork("#341168", "#43198a", WHITE, "#ffc83d", "#a96bff"),
    ShowColour.PLUM: Artwork("#f4b9e2", "#f9cdea", BLACK, "#9a159f", "#ff5436"),
    ShowColour.ROSE: Artwork("#ff5d7c", "#ff7790", BLACK, "#7d0a2c", "#ffe3d6"),
    ShowColour.RED: Artwork("#c2210f", "#b11b0a", WHITE, "#ffb59b", "#1b1110"),
    ShowColour.CORAL: Artwork("#ff8a5b", "#ff9f78", BLACK, "#5a1d0a", "#fff0df"),
    ShowColour.AMBER: Artwork("#ffc21f", "#ffd054", BLACK, "#1f1602", "#e5431a"),
    ShowColour.OLIVE: Artwork("#dfe6ac", "#e9eec6", BLACK, "#4a6b0c", "#f15a2b"),
    ShowColour.GREEN: Artwork("#0a4529", "#0f5a37", WHITE, "#ffd648", "#4cc98f"),
    ShowColour.TEAL: Artwork("#073f3e", "#0b5350", WHITE, "#ff7d5c", "#46d6c3"),
    ShowColour.BLUE: Artwork("#0b3b8a", "#114aa8", WHITE, "#ffe04a", "#74c8ff"),
}


def artwork(concert: Concert) -> Artwork:
    """The artwork of the concert's drawn poster."""
    return _artwork(concert.pk, concert.colour)


@lru_cache(maxsize=1000)
def _artwork(concert_id: UUID, colour: str) -> Artwork:
    choice, motif = divmod(concert_id.int >> 64, len(MOTIFS))
    drawn = COLOURS[ShowColour(colour)]
    if choice & 4:
        drawn = replace(drawn, first=drawn.second, second=drawn.first)
    return replace(
        drawn, motif=MOTIFS[motif], is_turned=bool(choice & 1), is_mirrored=bool(choice & 2)
    )
