"""The page on which seats are chosen."""

import datetime as dt
import re
import uuid
from collections import Counter
from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Page
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.credentials import give_credential
from accounts.models import User
from accounts.requests import MemberRequest
from concertbook.db.clock import seconds_until
from concertbook.http.page_numbers import page_of
from concertbook.templatetags.money import won
from concerts.errors import SeatNotFound, SeatTaken
from concerts.models import ConcertSchedule
from concerts.services.nearest_in_snapshot import suggest_from
from concerts.services.programme import get_schedule
from concerts.services.seat_map import SeatOnMap
from concerts.services.seat_sections import (
    Section,
    all_seats,
    seats_by_number,
    seats_of_section,
    sections,
)
from concerts.services.seat_states import SeatStates, states_inside
from payments.purchase_bar import purchase_context
from payments.services import (
    group_commits,
    holds,
    reservations,
)
from payments.services.purchases import PAYMENT, SEATS, Purchase, purchase_until
from queueing.errors import QueueNotAdmitted
from queueing.models import QueueToken
from queueing.services.gate import read_admission

SECTIONS_PER_PAGE = 24
MOST_OFFERS = 3
# Seats of a hall that the page contains, and of one that its script draws at once.
SMALL_HALL = 40
MOST_DRAWN = 300
SEAT_NUMBER = re.compile("[0-9]{1,9}")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def seats(request: MemberRequest, schedule_id: uuid.UUID) -> HttpResponse:
    schedule = get_schedule(schedule_id, viewer=request.user)
    try:
        return _hold(request, schedule) if request.method == "POST" else _show(request, schedule)
    except QueueNotAdmitted as exc:
        messages.info(request, str(exc.message))
        room = reverse("waiting_room", args=[schedule.concert.waiting_room.slug])
        return redirect(f"{room}?{urlencode({'next': request.path})}")


def _hold(request: MemberRequest, schedule: ConcertSchedule) -> HttpResponse:
    numbers = _seat_numbers(request)
    if not numbers:
        messages.error(request, _("Please choose at least one seat."))
        return redirect(_address(request))
    try:
        # The page computes the seats to offer instead when it is shown.
        holds.hold_seats(
            user=request.user,
            schedule_id=schedule.pk,
            numbers=numbers,
            suggest=False,
            act=group_commits.hold,
        )
    except SeatTaken as refusal:
        if set(numbers) <= _held_numbers(request.user, schedule):
            # The second click of a double click: the user holds the seats already.
            return redirect("checkout")
        return redirect(_address(request, taken=numbers, refused=refusal.extra["seat"]))
    return redirect("checkout")


def _seat_numbers(request: MemberRequest) -> list[int]:
    try:
        return [int(number) for number in request.POST.getlist("seats")]
    except ValueError:
        raise SeatNotFound from None


def _held_numbers(user: User, schedule: ConcertSchedule) -> set[int]:
    my_holds = reservations.my_holds(user=user)
    return {hold.seat.number for hold in my_holds if hold.schedule_id == schedule.pk}


def _address(request: MemberRequest, **query: Any) -> str:
    """The page's address, with the section that is open."""
    if "section" in request.GET:
        query = {"section": request.GET["section"], **query}
    return f"{request.path}?{urlencode(query, doseq=True)}" if query else request.path


def _show(request: MemberRequest, schedule: ConcertSchedule) -> HttpResponse:
    """A page of bounded size: the script draws the seats from their plan and states.

    The seats of a small hall are in it too, and those of one section if it is asked for.
    """
    schedule.require_not_cancelled()
    room_id = schedule.concert.waiting_room_id
    admission, now = read_admission(user=request.user, room_id=room_id)
    # Ends overdue holds, which the states then show.
    quota = reservations.seat_quota(user=request.user, schedule=schedule)
    view = states_inside(user_id=request.user.pk, schedule_id=schedule.pk)
    seats = len(view.states)
    is_small = seats <= SMALL_HALL
    page = None if is_small else page_of(request, sections(view), SECTIONS_PER_PAGE)
    context = {
        "schedule": schedule,
        "admission": admission,
        "seconds_inside": seconds_until(admission.expires_at, now),
        "quota": quota,
        "plan": view.snapshot.plan,
        "my_numbers": _my_numbers(view),
        "action": _address(request),
        "most_drawn": MOST_DRAWN,
        "is_drawn_whole": seats <= MOST_DRAWN,
        "page": page,
        "links": _section_links(page, request.GET.get("section")) if page else [],
        "blocks": _blocks(all_seats(view) if is_small else _asked_for(request, view)),
        "instead": _instead(request, view),
        **purchase_context(request, _purchase(schedule, admission, quota, now)),
    }
    response = render(request, "payments/seats.html", context)
    # Its script asks for the states: the fast path answers that.
    give_credential(request, response)
    return response


def _purchase(
    schedule: ConcertSchedule,
    admission: QueueToken,
    quota: reservations.SeatQuota,
    now: dt.datetime,
) -> Purchase:
    if hold := quota.first_hold:
        return purchase_until(hold.expires_at, now, step=PAYMENT, schedule_id=hold.schedule_id)
    return purchase_until(admission.expires_at, now, step=SEATS, schedule_id=schedule.pk)


def _section_links(page: Page[Section], open_section: str | None) -> list[dict[str, Any]]:
    return [
        {
            "name": each.name,
            "variant": "open" if each.name == open_section else "",
            "of_page": f"&page={page.number}" if page.number > 1 else "",
            "offers": _offer_words(each),
            "left": each.left,
        }
        for each in page
    ]


def _offer_words(section: Section) -> str:
    """Its first grades and prices; a grade that its name has is not said again."""
    return " · ".join(
        won(price) if grade in section.name else f"{grade} {won(price)}"
        for grade, price in section.offers[:MOST_OFFERS]
    )


def _my_numbers(view: SeatStates) -> set[int]:
    numbers = view.snapshot.seats.numbers
    return {numbers[index] for index in view.mine}


def _asked_for(request: MemberRequest, view: SeatStates) -> list[SeatOnMap]:
    if "section" not in request.GET:
        return []
    return seats_of_section(view, request.GET["section"])


def _instead(request: MemberRequest, view: SeatStates) -> dict[str, Any] | None:
    """The seats to offer instead of taken ones, computed each time the page is loaded."""
    taken = seats_by_number(view, _numbers_in_query(request, "taken") - _my_numbers(view))
    if not taken:
        return None
    # The snapshot may be older than the refusal.
    refused = _numbers_in_query(request, "refused")
    nearest = suggest_from(
        view.snapshot,
        [seat.number for seat in taken],
        taken={*refused, *view.numbers_taken_since},
    )
    offered = seats_by_number(view, nearest)
    return {
        "gone": [seat for seat in taken if seat not in offered],
        "seats": offered,
        "numbers": [seat.number for seat in offered],
        "total": sum(seat.price for seat in offered),
    }


def _numbers_in_query(request: MemberRequest, name: str) -> set[int]:
    numbers = request.GET.getlist(name)[: holds.MOST_AT_ONCE]
    return {int(number) for number in numbers if SEAT_NUMBER.fullmatch(number)}


# The name of a row, and its seats from left to right.
Row = tuple[str, list[SeatOnMap]]


def _blocks(seats: Iterable[SeatOnMap]) -> list[dict[str, Any]]:
    """The seats as they are arranged in the hall: blocks of similar rows, section by section.

    A row contains all its seats by their number in the row, at any price. Its block is that of the
    offer (grade and price) of most of its seats.
    """
    rows: dict[tuple[str, str], list[SeatOnMap]] = {}
    for seat in seats:
        rows.setdefault((seat.section, seat.row), []).append(seat)
    sections: dict[str, list[Row]] = {}
    for (section, row), line in rows.items():
        in_order = sorted(line, key=attrgetter("seat_in_row"))
        sections.setdefault(section, []).append((row, in_order))
    return [
        _block(section, list(alike))
        for section, lines in sections.items()
        for _offer, alike in groupby(lines, lambda line: _offers(line[1])[0])
    ]


def _block(section: str, rows: list[Row]) -> dict[str, Any]:
    offers = _offers([seat for _row, line in rows for seat in line])
    named = [(row, [_named(seat, offers[0]) for seat in line]) for row, line in rows]
    return {"section": section, "offers": offers, "rows": named}


def _named(seat: SeatOnMap, offer: tuple[str, int]) -> dict[str, Any]:
    """The seat for the template: a dict, which templates read faster than attributes."""
    differs = (seat.grade, seat.price) != offer
    name = f"{seat.label}, {seat.grade} {won(seat.price)}" if differs else seat.label
    return {**seat._asdict(), "differs": differs, "name": name}


def _offers(seats: list[SeatOnMap]) -> list[tuple[str, int]]:
    """Each (grade, price) among the seats, the most frequent one first."""
    counts = Counter((seat.grade, seat.price) for seat in seats)
    return [offer for offer, _count in counts.most_common()]
