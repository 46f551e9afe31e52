"""The live board: what a sale is doing right now, of one room or of all."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from django.http import Http404, HttpRequest, JsonResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from concertbook.http.refusal_counts import STEP
from concerts.services.staff_concerts import is_limited, limit
from operations.console.page import Context, console_page
from operations.services.board import Board, RoomNow, read_board
from operations.services.board_course import Course, read_course
from queueing.models import WaitingRoom

WATCH = "queueing.view_waitingroom"
CONTROL = "queueing.change_waitingroom"
STOP_SALE = "concerts.change_concertschedule"
SEE_MONEY = "payments.view_payment"
# The acts on a room, in the order of their buttons, by the room's state.
ACTS_IN_STATE = {
    "SCHEDULED": ("open", "pause", "pace", "message", "close"),
    "OPEN": ("pause", "pace", "message", "drain", "close"),
    "PAUSED": ("open", "pace", "message", "drain", "close"),
    "DRAINING": ("open", "pause", "pace", "message", "close"),
    "CLOSED": ("open",),
}
# From a room to its concerts.
PATH = "concerts"
# What the page's script replaces.
PARTS = ("controls", "figures", "rooms")


@console_page(permission=WATCH, title=_("Live board"), template="operations/console/board.html")
def all_rooms(request: HttpRequest) -> Context:
    return _page(request, None)


@console_page(permission=WATCH, title=_("Live board"), template="operations/console/board.html")
def one_room(request: HttpRequest, room_id: int) -> Context:
    return _page(request, room_id)


@console_page(permission=WATCH)
def all_rooms_data(request: HttpRequest) -> JsonResponse:
    return _data(request, None)


@console_page(permission=WATCH)
def one_room_data(request: HttpRequest, room_id: int) -> JsonResponse:
    return _data(request, room_id)


def _page(request: HttpRequest, room_id: int | None) -> Context:
    shown = _shown(request, room_id)
    room: RoomNow | None = shown["room"]
    return {
        **shown,
        "title": room.title if room else gettext("Live board"),
        "is_fullwidth": "1",
    }


def _data(request: HttpRequest, room_id: int | None) -> JsonResponse:
    """What changes of the page: its parts as HTML, and the steps of the charts since ``since``."""
    shown = _shown(request, room_id)
    course = read_course(rooms=_charted(shown["board"], room_id), since=_number(request, "since"))
    parts = {
        name: render_to_string(f"operations/console/board_{name}.html", shown, request)
        for name in PARTS
    }
    return JsonResponse(
        {
            "as_of": shown["as_of"].isoformat(),
            "parts": parts,
            "course": _as_json(course, money=shown["sees_money"]),
        }
    )


def _shown(request: HttpRequest, room_id: int | None) -> dict[str, Any]:
    """Raises Http404 for a room that does not exist."""
    board = rooms_for(request, read_board())
    room = None if room_id is None else board.room(room_id) or _closed_room(request, room_id)
    is_wall = request.GET.get("wall") == "1"
    return {
        "board": board,
        "as_of": board.as_of,
        "room": room,
        "rooms": [room] if room else board.rooms,
        "total": None if room else _total(board.rooms),
        "is_wall": is_wall,
        "sees_money": request.user.has_perm(SEE_MONEY),
        "may_stop": request.user.has_perm(STOP_SALE) and not is_wall,
        "acts": _acts(request, room) if room and not is_wall else (),
    }


def rooms_for(request: HttpRequest, board: Board) -> Board:
    """The board without the rooms of concerts that this member of the staff does not work for."""
    if not is_limited(request.user):
        return board
    mine = set(limit(request.user, WaitingRoom.objects.all(), PATH).values_list("pk", flat=True))
    return replace(board, rooms=[room for room in board.rooms if room.id in mine])


def _closed_room(request: HttpRequest, room_id: int) -> RoomNow:
    """A room that is not in the snapshot any more, because it is closed and empty."""
    room = limit(request.user, WaitingRoom.objects.filter(pk=room_id), PATH).first()
    if room is None:
        raise Http404
    return RoomNow(
        id=room.pk,
        title=room.title,
        state=room.state,
        rehearsal=bool(room.rehearsal),
        opens_at=room.opens_at,
        capacity=room.capacity,
        admit_per_minute=room.admit_per_minute,
        waiting=0,
        inside=0,
        admitted=0,
        dates=(),
    )


def _acts(request: HttpRequest, room: RoomNow) -> Iterable[str]:
    return ACTS_IN_STATE[room.state] if request.user.has_perm(CONTROL) else ()


def _total(rooms: Iterable[RoomNow]) -> dict[str, int]:
    """The sums over the real rooms."""
    real = [room for room in rooms if not room.rehearsal]
    names = ("waiting", "inside", "admitted", "held", "sold", "seats", "won")
    return {name: sum(getattr(room, name) for room in real) for name in names}


def _charted(board: Board, room_id: int | None) -> list[int]:
    if room_id is not None:
        return [room_id]
    return [room.id for room in board.rooms if not room.rehearsal]


def _number(request: HttpRequest, name: str) -> int:
    text = request.GET.get(name, "")[:12]
    return int(text) if text.isdecimal() else 0


def _as_json(course: Course, *, money: bool) -> dict[str, Any]:
    columns = {name: values for name, values in course.columns.items() if money or name != "won"}
    return {
        "first": course.first,
        "step": STEP,
        "columns": columns,
        "refusals": course.refusals,
    }
