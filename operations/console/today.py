"""The front page: what is on sale, and what needs a hand."""

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from concerts.services.staff_concerts import is_limited
from operations.console.board import SEE_MONEY, WATCH, rooms_for
from operations.console.page import Context, console_page
from operations.services.board import RoomNow, read_board
from operations.services.warnings import recent_warnings, waiting_decisions

DECIDE = "accounts.approve_credit"
# The states in the order of the cards.
FIRST = ("OPEN", "PAUSED", "DRAINING", "SCHEDULED", "CLOSED")


@console_page(title=_("Today"), template="operations/console/today.html")
def today(request: HttpRequest) -> Context:
    """The sales and warnings are for those who may watch the rooms, what waits for a decision for
    those who may decide; all staff get the search."""
    # Warnings are about all concerts and the whole site.
    sees_all = not is_limited(request.user)
    decisions = waiting_decisions() if sees_all and request.user.has_perm(DECIDE) else []
    if not request.user.has_perm(WATCH):
        return {"watches": False, "warnings": decisions, "sees_warnings": bool(decisions)}
    board = rooms_for(request, read_board())
    return {
        "watches": True,
        "as_of": board.as_of,
        "warnings": [*recent_warnings(), *decisions] if sees_all else [],
        "sees_warnings": sees_all,
        "rooms": sorted(board.rooms, key=_urgency),
        "sees_money": request.user.has_perm(SEE_MONEY),
    }


def _urgency(room: RoomNow) -> tuple[bool, int, int, str]:
    """Rooms with people first, then by state and by the time of the opening."""
    people = room.waiting + room.inside
    opening = room.opens_at.isoformat() if room.opens_at else ""
    return (room.rehearsal, FIRST.index(room.state), -people, opening)
