"""The forms of shows: a new one, more dates of one, its publication, and a date's move."""

import datetime as dt
import uuid
from collections.abc import Iterable
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive, localtime, make_aware
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from concertbook.db.clock import database_now
from concerts.admin.concert_form import ConcertForm
from concerts.admin.seat_forms import BaseBlockFormSet, BlockForm
from concerts.models import Concert, ConcertSchedule
from concerts.services.show_creation import NewSale
from concerts.services.show_dates import MOST_DATES, Every, repeat
from concerts.services.staff_concerts import limit

# The dates whose seats can be copied: the newest.
MOST_PLANS = 50


class MomentField(forms.DateTimeField):
    """A time to the minute, in the browser's own picker; in Seoul."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")


class ShowForm(ConcertForm):
    """The concert's part of a new show."""

    class Meta(ConcertForm.Meta):
        model = Concert
        fields = (
            "title",
            "title_en",
            "artist",
            "venue",
            "venue_en",
            "running_minutes",
            "minimum_age",
            "description",
            "notice",
            "colour",
            "refund_policy",
            "refund_policy_reason",
            "refund_policy_reason_en",
        )

    FIRST: ClassVar = ("title", "title_en", "artist", "venue", "venue_en")
    POSTER: ClassVar = ("poster_file", "colour")
    MORE: ClassVar = (
        "running_minutes",
        "minimum_age",
        "description",
        "notice",
        "refund_policy",
        "refund_policy_reason",
        "refund_policy_reason_en",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
        # A new show has no uploaded poster that could be dropped.
        del self.fields["draws_poster"]


class PlainForm(forms.Form):
    """Labels without a colon."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""


class DatesForm(PlainForm):
    """Dates by a rule, and others that are typed."""

    first = MomentField(label=_("First date"))
    every = forms.ChoiceField(label=_("Repeated"), choices=Every, initial=Every.DAY)
    times = forms.IntegerField(
        label=_("Number of dates"), min_value=1, max_value=MOST_DATES, initial=1
    )
    others = forms.CharField(
        label=_("Other dates"),
        required=False,
        max_length=2_000,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "2026-12-24 19:30"}),
        help_text=_("One a line, as 2026-12-24 19:30."),
    )

    def clean_others(self) -> list[dt.datetime]:
        lines = map(str.strip, self.cleaned_data["others"].splitlines())
        return [_moment(line) for line in lines if line]

    def starts(self) -> list[dt.datetime]:
        """Of a valid form: may be twice the same, or over, which the service refuses."""
        values = self.cleaned_data
        by_rule = repeat(values["first"], Every(values["every"]), values["times"])
        return sorted([*by_rule, *values["others"]])


def _moment(line: str) -> dt.datetime:
    try:
        moment = parse_datetime(line)
    except ValueError:
        moment = None
    if moment is None or not is_naive(moment):
        raise ValidationError(_("This is no date: %(line)s"), params={"line": line[:40]})
    return make_aware(moment)


class SaleForm(DatesForm):
    """How a new show is sold, but for its blocks of seats."""

    opens_at = MomentField(
        label=_("Sale opens"), help_text=_("The waiting room opens at the same moment.")
    )
    plan_of = forms.ChoiceField(
        label=_("Or copy the seats and prices of"), required=False, choices=()
    )
    purchase_limit = forms.IntegerField(
        label=_("Seats per person"), min_value=1, max_value=50, initial=4
    )
    capacity = forms.IntegerField(
        label=_("People inside at once"),
        required=False,
        min_value=1,
        max_value=1_000_000,
        help_text=_("Empty: a quarter of the seats."),
    )
    shuffle = forms.BooleanField(
        label=_("Draw lots among those who come before the opening"), required=False
    )

    DATES: ClassVar = ("first", "every", "times", "others", "opens_at")
    ROOM: ClassVar = ("purchase_limit", "capacity", "shuffle")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        plans = [(str(date.pk), f"{date} ({date.seat_quantity:,})") for date in _with_seats(user)]
        self.fields["plan_of"].choices = [("", "-"), *plans]  # type: ignore[attr-defined]

    def sale(self, blocks: Iterable[Any]) -> NewSale:
        values = self.cleaned_data
        return NewSale(
            starts=self.starts(),
            opens_at=values["opens_at"],
            blocks=list(blocks),
            plan_of=uuid.UUID(values["plan_of"]) if values["plan_of"] else None,
            purchase_limit=values["purchase_limit"],
            capacity=values["capacity"],
            shuffle=values["shuffle"],
        )


def _with_seats(user: User) -> Iterable[ConcertSchedule]:
    dates = ConcertSchedule.objects.filter(
        seat_quantity__gt=0, cancelled_at=None, concert__waiting_room__rehearsal=""
    )
    mine = limit(user, dates.select_related("concert"), "concert")
    return mine.order_by("-created_at", "pk")[:MOST_PLANS]


# None is needed: the seats may be those of another date.
HallFormSet: Any = forms.formset_factory(BlockForm, formset=BaseBlockFormSet, extra=4, max_num=20)


class ReasonForm(PlainForm):
    reason = forms.CharField(
        label=_("Why"), required=False, max_length=200, help_text=_("It is in the log.")
    )


class PublishForm(ReasonForm):
    at = MomentField(label=_("At a time"), required=False, help_text=_("Empty: now."))
    field_order = ("at", "reason")


class NewTimeForm(PlainForm):
    """Asks for the new time only: what it would mean is shown before the question."""

    start_at = MomentField(label=_("New start"))


class MoveForm(ReasonForm):
    start_at = MomentField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].required = True


def usual_opening() -> dt.datetime:
    """Proposed for a new sale: eight in the evening, in a week."""
    day = localtime(database_now()) + dt.timedelta(days=7)
    return day.replace(hour=20, minute=0, second=0, microsecond=0)
