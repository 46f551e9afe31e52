"""What staff do to the seats of a date: the page of an act says what it will do to which seats, and
to which it cannot and why, asks why, and does it to those that it can still be done to."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.email_addresses import LONGEST_EMAIL
from accounts.models import User
from concertbook.errors import DomainError
from concerts.models import ConcertSchedule, Seat
from concerts.services import seat_blocks, seat_editing, seat_removal
from concerts.services.seat_batches import Batch, WhyNot, sort_out
from concerts.services.seat_selection import MOST_SEATS, as_ranges, select_seats
from concerts.services.staff_concerts import limit
from operations.console.page import Context, console_page
from payments.services import free_tickets, releases

VIEW = "concerts.view_seat"
# The labels that a sentence has.
MOST_NAMED = 30
LONGEST_LIST = 30_000


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=_("Why"), max_length=200, help_text=_("It is in the log, and in each seat's history.")
    )


class BlockForm(ReasonForm):
    blocked_for = forms.CharField(
        label=_("Held back for"),
        max_length=50,
        required=False,
        help_text=_("The promoter, the press, … Empty if they are for no party."),
    )
    field_order = ("blocked_for", "reason")


class GiveForm(ReasonForm):
    email = forms.EmailField(label=_("To the account with the address"), max_length=LONGEST_EMAIL)
    field_order = ("email", "reason")


class ReclassifyForm(ReasonForm):
    grade = forms.CharField(label=_("Grade"), max_length=20, required=False)
    price = forms.IntegerField(
        label=_("Price (won)"), min_value=1, max_value=1_000_000_000, required=False
    )
    kind = forms.ChoiceField(label=_("Kind"), required=False)
    field_order = ("grade", "price", "kind", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", _("as it is")), *Seat.Kind.choices]
        self.fields["kind"].choices = choices  # type: ignore[attr-defined]

    def clean(self) -> None:
        if not self.errors and not any(map(self.cleaned_data.get, ("grade", "price", "kind"))):
            raise forms.ValidationError(_("Say what to change: the grade, the price or the kind."))


@dataclass(frozen=True)
class Act:
    """``told`` says what ``service`` will do to the seats that ``may`` lets it."""

    permission: str
    title: Any
    button: Any
    told: Any
    may: WhyNot
    service: Callable[..., Batch]
    form: type[ReasonForm] = ReasonForm
    tone: str = "primary"


ACTS = {
    "block": Act(
        permission="concerts.change_seat",
        title=_("Block seats?"),
        button=_("Block"),
        told=_("No buyer can have them: they look sold."),
        may=seat_blocks.MAY_BLOCK,
        service=seat_blocks.block_seats,
        form=BlockForm,
    ),
    "unblock": Act(
        permission="concerts.change_seat",
        title=_("Unblock seats?"),
        button=_("Unblock"),
        told=_("They are on sale at once, also those that were held back."),
        may=seat_blocks.MAY_UNBLOCK,
        service=seat_blocks.unblock_seats,
    ),
    "edit": Act(
        permission="concerts.change_seat",
        title=_("Change grade, price or kind?"),
        button=_("Change"),
        told=_("Buyers see it within a second. What is left empty stays as it is."),
        may=seat_editing.MAY_EDIT,
        service=seat_editing.reclassify_seats,
        form=ReclassifyForm,
    ),
    "give": Act(
        permission="payments.give_ticket",
        title=_("Give free tickets?"),
        button=_("Give for free"),
        told=_(
            "One person gets a ticket for each, at 0 won, by mail. They count for the purchase"
            " limit of the date."
        ),
        may=free_tickets.MAY_GIVE,
        service=free_tickets.give_tickets,
        form=GiveForm,
    ),
    "release": Act(
        permission="payments.release_reservation",
        title=_("Release holds?"),
        button=_("Release holds"),
        told=_("Their buyers lose them at once, and any buyer inside may take them."),
        may=releases.MAY_RELEASE,
        service=releases.release_seats_by_staff,
        tone="danger",
    ),
    "remove": Act(
        permission="concerts.delete_seat",
        title=_("Remove seats for good?"),
        button=_("Remove"),
        told=_("They are no longer in the plan."),
        may=seat_removal.may_remove,
        service=seat_removal.remove_seats,
        tone="danger",
    ),
}


def acts_on(actor: User) -> list[tuple[str, Act]]:
    """The acts that this member of the staff may do, by their names in the address."""
    return [(name, act) for name, act in ACTS.items() if actor.has_perm(act.permission)]


@console_page(permission=VIEW, template="operations/console/seat_act.html")
def act_on_seats(request: HttpRequest, schedule_id: uuid.UUID, act: str) -> HttpResponse | Context:
    """Three forms come here: the map's with a choice, which is shown again until it is clear; then
    this page's own with the reason."""
    if act not in ACTS:
        raise Http404
    schedule = get_schedule(request, schedule_id)
    chosen, actor = ACTS[act], cast(User, request.user)
    if not actor.has_perm(chosen.permission):
        raise PermissionDenied
    if request.method != "POST":
        return redirect("console:seats", schedule.pk)
    numbers, refusal = _chosen(schedule, request)
    form = chosen.form(request.POST if "reason" in request.POST else None)
    if not refusal and form.is_valid():
        try:
            batch = chosen.service(
                actor=actor, schedule_id=schedule.pk, numbers=numbers, **form.cleaned_data
            )
        except DomainError as error:
            refusal = str(error.message)
        else:
            _tell(request, batch)
            return redirect("console:seats", schedule.pk)
    seats = Seat.objects.filter(schedule=schedule, number__in=numbers)
    batch = sort_out(seats, chosen.may)
    return {
        "title": str(schedule),
        "schedule": schedule,
        "act": chosen,
        "refusal": refusal,
        "count": len(batch.seats),
        "sentences": [_count(batch), chosen.told] if batch.seats else [],
        "others": _others(batch),
        "names": request.POST.get("names", "")[:LONGEST_LIST],
        "numbers": as_ranges(numbers),
        "form": form,
    }


def get_schedule(request: HttpRequest, schedule_id: uuid.UUID) -> ConcertSchedule:
    """Raises Http404, also for a concert that the member of the staff does not work for."""
    schedules = ConcertSchedule.objects.select_related("concert")
    mine = limit(request.user, schedules, "concert")
    schedule: ConcertSchedule | None = mine.filter(pk=schedule_id).first()
    if schedule is None:
        raise Http404
    return schedule


def _chosen(schedule: ConcertSchedule, request: HttpRequest) -> tuple[list[int], str]:
    """The numbers, and why they cannot be taken."""
    numbers, names = (request.POST.get(name, "") for name in ("numbers", "names"))
    if len(numbers) > LONGEST_LIST or len(names) > LONGEST_LIST:
        return [], gettext("The list is too long.")
    try:
        found = select_seats(schedule_id=schedule.pk, numbers=numbers, names=names)
    except ValueError:
        return [], gettext("These are no numbers of seats.")
    chosen = list(found.numbers)
    if found.unknown:
        said = gettext("No seat, row, section or grade has this name: {names}")
        return chosen, said.format(names=_in_short(found.unknown))
    if not chosen:
        return chosen, gettext("Choose seats on the map, or name them.")
    if len(chosen) > MOST_SEATS:
        said = gettext("At most {most} seats at once.").format(most=f"{MOST_SEATS:,}")
        return [], said
    return chosen, ""


def _tell(request: HttpRequest, batch: Batch) -> None:
    if batch.seats:
        messages.success(request, gettext("Done: {seats}").format(seats=_count(batch)))
    for sentence in _others(batch):
        messages.warning(request, sentence)


def _count(batch: Batch) -> str:
    count = len(batch.seats)
    said = ngettext("{n} seat: {names}", "{n} seats: {names}", count)
    return said.format(n=f"{count:,}", names=_in_short(batch.labels))


def _others(batch: Batch) -> list[str]:
    return [
        ngettext(
            "{n} seat stays as it is ({why}): {names}",
            "{n} seats stay as they are ({why}): {names}",
            len(seats),
        ).format(n=f"{len(seats):,}", why=why, names=_in_short([seat.label for seat in seats]))
        for why, seats in batch.others
    ]


def _in_short(names: Any) -> str:
    more = len(names) - MOST_NAMED
    shown = ", ".join(names[:MOST_NAMED])
    return gettext("{names} and {n} more").format(names=shown, n=f"{more:,}") if more > 0 else shown
