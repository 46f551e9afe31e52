"""The pages of choosing seats: the seat map with its list, and "choose for me"."""

import datetime as dt
import re
import uuid
from collections.abc import Iterable, Mapping
from functools import partial
from operator import attrgetter
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Page
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_http_methods

from accounts.credentials import give_credential
from accounts.models import User
from accounts.requests import MemberRequest
from concertbook.errors import DomainError
from concertbook.http.negotiation import JSON
from concertbook.http.page_numbers import page_of
from concertbook.http.problems import domain_problem
from concertbook.templatetags.money import won
from concerts.errors import SeatNotFound, SeatTaken
from concerts.models import ConcertSchedule, Seat
from concerts.services.best_in_snapshot import Preference, Proposal, offers_of
from concerts.services.nearest_in_snapshot import suggest_from
from concerts.services.programme import get_schedule
from concerts.services.seat_map import SeatOnMap
from concerts.services.seat_rows import usual_label
from concerts.services.seat_sections import (
    Section,
    all_seats,
    seats_by_number,
    seats_of_section,
    sections,
)
from concerts.services.seat_states import SeatStates, states_inside
from payments.forms import BestSeatsForm
from payments.purchase_bar import purchase_context
from payments.services import group_commits, holds, reservations
from payments.services.best_seats import hold_best
from payments.services.purchases import PAYMENT, SEATS, Purchase, purchase_until
from payments.services.seat_quota import SeatQuota, seat_quota
from queueing.errors import QueueNotAdmitted
from queueing.models import QueueToken
from queueing.services.gate import read_admission

SECTIONS_PER_PAGE = 10
MOST_OFFERS = 3
# The list contains all seats of so small a hall, else those of one section.
SMALL_HALL = 30
SEAT_NUMBER = re.compile("[0-9]{1,9}")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def seats(request: MemberRequest, schedule_id: uuid.UUID) -> HttpResponse:
    schedule = get_schedule(schedule_id, viewer=request.user)
    if request.method == "POST" and _is_sent_by_script(request):
        return _hold_for_script(request, schedule)
    try:
        return _hold(request, schedule) if request.method == "POST" else _show(request, schedule)
    except QueueNotAdmitted as exc:
        return _to_the_room(request, schedule, exc)


def _is_sent_by_script(request: MemberRequest) -> bool:
    return request.headers.get("Accept") == JSON


def _to_the_room(
    request: MemberRequest, schedule: ConcertSchedule, refusal: QueueNotAdmitted
) -> HttpResponse:
    messages.info(request, str(refusal.message))
    room = reverse("waiting_room", args=[schedule.concert.waiting_room.slug])
    return redirect(f"{room}?{urlencode({'next': reverse('seats', args=[schedule.pk])})}")


def _hold_for_script(request: MemberRequest, schedule: ConcertSchedule) -> HttpResponse:
    """JSON: ``next``, the page to go on to, or ``refusal``, the API's problem, with ``nearest``.

    Its status is 200 for both: browsers log others as errors of the page.
    """
    try:
        numbers = _seat_numbers(request)
        holds.hold_seats(
            user=request.user,
            schedule_id=schedule.pk,
            numbers=numbers,
            act=group_commits.hold,
        )
    except DomainError as refusal:
        # Sent twice, when the first answer was lost: the user holds the seats already.
        is_held = isinstance(refusal, SeatTaken) and _are_held(request.user, schedule, numbers)
        if not is_held:
            return JsonResponse({"refusal": domain_problem(refusal)[0]})
    return JsonResponse({"next": reverse("checkout")})


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
        if _are_held(request.user, schedule, numbers):
            # The second click of a double click.
            return redirect("checkout")
        return redirect(_address(request, taken=numbers, refused=refusal.extra["seat"]))
    return redirect("checkout")


def _seat_numbers(request: MemberRequest) -> list[int]:
    try:
        return [int(number) for number in request.POST.getlist("seats")]
    except ValueError:
        raise SeatNotFound from None


def _are_held(user: User, schedule: ConcertSchedule, numbers: Iterable[int]) -> bool:
    my_holds = reservations.my_holds(user=user)
    return set(numbers) <= {
        hold.seat.number for hold in my_holds if hold.schedule_id == schedule.pk
    }


def _address(request: MemberRequest, **query: Any) -> str:
    """The page's address, with the section that is open."""
    if "section" in request.GET:
        query = {"section": request.GET["section"], **query}
    return f"{request.path}?{urlencode(query, doseq=True)}" if query else request.path


def _show(request: MemberRequest, schedule: ConcertSchedule) -> HttpResponse:
    """A page of bounded size: the script draws the seats from their plan and states.

    The free seats of a small hall are in its list too, and those of a section if it is asked for.
    """
    schedule.require_not_cancelled()
    admission, now = read_admission(user=request.user, room_id=schedule.concert.waiting_room_id)
    # Ends overdue holds, which the states then show.
    quota = seat_quota(user=request.user, schedule=schedule)
    view = states_inside(user_id=request.user.pk, schedule_id=schedule.pk)
    page = None
    if len(view.states) > SMALL_HALL:
        page = page_of(request, sections(view), SECTIONS_PER_PAGE)
    context = {
        "schedule": schedule,
        "admission": admission,
        "quota": quota,
        "plan": view.snapshot.plan,
        "action": _address(request),
        "wants_list": request.GET.get("view") == "list",
        "page": page,
        "links": _section_links(page, request.GET.get("section")) if page else [],
        "listed": _listed(
            _asked_for(request, view) if page else all_seats(view), _my_numbers(view)
        ),
        "instead": _instead(request, view),
        "best": BestSeatsForm(offers=offers_of(view.snapshot), most=quota.allowance),
        **purchase_context(request, _purchase(schedule, admission, quota, now)),
    }
    response = render(request, "payments/seats.html", context)
    # Its script asks for the states: the fast path answers that.
    give_credential(request, response)
    return response


def _purchase(
    schedule: ConcertSchedule,
    admission: QueueToken,
    quota: SeatQuota,
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
    """Its first grades and prices."""
    return " · ".join(f"{grade} {won(price)}" for grade, price in section.offers[:MOST_OFFERS])


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
    return {"gone": [seat for seat in taken if seat not in offered], **_offered(offered)}


def _offered(seats: list[SeatOnMap]) -> dict[str, Any]:
    return {
        "seats": seats,
        "numbers": [seat.number for seat in seats],
        "total": sum(seat.price for seat in seats),
    }


def _numbers_in_query(request: MemberRequest, name: str) -> set[int]:
    numbers = request.GET.getlist(name)[: holds.MOST_AT_ONCE]
    return {int(number) for number in numbers if SEAT_NUMBER.fullmatch(number)}


def _listed(seats: list[SeatOnMap], mine: set[int]) -> list[dict[str, Any]]:
    """The rows of the list, section by section: their free seats and the user's own, named."""
    # The seats of a row need not follow each other: they may have been edited, or added later.
    rows: dict[str, dict[str, list[SeatOnMap]]] = {}
    for seat in seats:
        rows.setdefault(seat.section, {}).setdefault(seat.row, []).append(seat)
    return [
        _listed_row(section, row, sorted(line, key=attrgetter("seat_in_row")), mine)
        for section, lines in rows.items()
        for row, line in lines.items()
    ]


def _listed_row(section: str, row: str, line: list[SeatOnMap], mine: set[int]) -> dict[str, Any]:
    shown = [seat for seat in line if seat.status == Seat.Status.AVAILABLE or seat.number in mine]
    entries = [
        {
            "number": seat.number,
            "seat_in_row": seat.seat_in_row,
            "name": _name(seat),
            "grade": seat.grade,
            "is_mine": seat.number in mine,
        }
        for seat in shown
    ]
    return {"section": section, "row": row, "seats": entries}


def _name(seat: SeatOnMap) -> str:
    """1층 C열 8번, R석 132,000원: as on the ticket, in words; a label of its own as it is."""
    name = seat.label
    if name == usual_label(seat.section, seat.row, seat.seat_in_row):
        row = pgettext("of seats", "row {row}").replace("{row}", seat.row) if seat.row else ""
        place = pgettext("in a row", "seat {seat}").replace("{seat}", str(seat.seat_in_row))
        name = " ".join(part for part in (seat.section, row, place) if part)
    kind = "" if seat.kind == Seat.Kind.STANDARD else f", {Seat.Kind(seat.kind).label}"
    return f"{name}, {_grade_words(seat.grade)}{won(seat.price)}{kind}"


def _grade_words(grade: str) -> str:
    return pgettext("of a seat", "{grade}").replace("{grade}", grade) + " " if grade else ""


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def best_seats(request: MemberRequest, schedule_id: uuid.UUID) -> HttpResponse:
    """Hold the best seats of a grade, or say what is free instead."""
    schedule = get_schedule(schedule_id, viewer=request.user)
    try:
        return _best_seats(request, schedule)
    except QueueNotAdmitted as exc:
        return _to_the_room(request, schedule, exc)


def _best_seats(request: MemberRequest, schedule: ConcertSchedule) -> HttpResponse:
    schedule.require_not_cancelled()
    read_admission(user=request.user, room_id=schedule.concert.waiting_room_id)
    quota = seat_quota(user=request.user, schedule=schedule)
    view = states_inside(user_id=request.user.pk, schedule_id=schedule.pk)
    form_of = partial(BestSeatsForm, offers=offers_of(view.snapshot), most=quota.allowance)
    if request.method != "POST":
        return _render_best(request, schedule, form_of())
    form = form_of(request.POST)
    if not form.is_valid():
        return _render_best(request, schedule, form)
    preference = form.preference
    try:
        outcome = hold_best(
            user=request.user,
            schedule_id=schedule.pk,
            preference=preference,
            act=group_commits.hold,
        )
    except SeatTaken:
        return _render_best(request, schedule, form, too_slow=True)
    if isinstance(outcome, list):
        return redirect("checkout")
    return _render_best(request, schedule, form, **_proposed(view, preference, outcome))


def _proposed(
    view: SeatStates, preference: Preference, proposal: Proposal | None
) -> Mapping[str, Any]:
    if proposal is None:
        return {"sold_out": True}
    meets = proposal.meets
    return {
        "wanted": preference,
        "proposed": {
            **_offered(seats_by_number(view, proposal.numbers)),
            "is_apart": preference.side_by_side and not meets.side_by_side and meets.count > 1,
        },
    }


def _render_best(
    request: MemberRequest, schedule: ConcertSchedule, form: BestSeatsForm, **context: Any
) -> HttpResponse:
    context |= {"schedule": schedule, "best": form}
    return render(request, "payments/best_seats.html", context)
