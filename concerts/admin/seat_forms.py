"""The forms that generate seats, a block each, and remove them."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.services.idempotency import IdempotentRequest
from concerts.models import Seat
from concerts.names import clean_name
from concerts.services import seat_generation, seat_rows


class NameField(forms.CharField):
    """A name on a seat: its length is checked after cleaning, as it will be stored."""

    def to_python(self, value: Any) -> str:
        return clean_name(super().to_python(value) or "")


class BlockForm(forms.Form):
    """One block of the generator. Its limits keep every label within the column's length."""

    section = NameField(
        label=_("Section"), max_length=12, required=False, widget=UnfoldAdminTextInputWidget
    )
    rows = forms.IntegerField(
        label=_("Rows"), min_value=1, max_value=500, widget=UnfoldAdminIntegerFieldWidget
    )
    seats_per_row = forms.IntegerField(
        label=_("Seats per row"), min_value=1, max_value=500, widget=UnfoldAdminIntegerFieldWidget
    )
    grade = forms.CharField(
        label=_("Grade"), max_length=20, required=False, widget=UnfoldAdminTextInputWidget
    )
    price = forms.IntegerField(
        label=_("Price (won)"),
        min_value=1,
        max_value=1_000_000_000,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    # Empty for standard seats: a block that is left out has no value at all.
    kind = forms.TypedChoiceField(
        label=_("Kind"),
        choices=[("", Seat.Kind.STANDARD.label), *Seat.Kind.choices[1:]],
        empty_value=Seat.Kind.STANDARD.value,
        required=False,
        widget=UnfoldAdminSelectWidget,
    )

    def block(self) -> seat_generation.Block:
        return seat_generation.Block(**self.cleaned_data)


SEATS_AT_ONCE = 20_000


class BaseBlockFormSet(forms.BaseFormSet):  # type: ignore[type-arg]
    """Blocks for one schedule; blocks of the same section must be adjacent."""

    def clean(self) -> None:
        if any(self.errors):
            return
        blocks = self.blocks()
        if sum(block.rows * block.seats_per_row for block in blocks) > SEATS_AT_ONCE:
            raise ValidationError(
                _("At most %(seats)s seats at once."), params={"seats": f"{SEATS_AT_ONCE:,}"}
            )

    def refuse(self, why: str) -> None:
        self._non_form_errors = self.error_class([why])

    def blocks(self) -> list[seat_generation.Block]:
        return [form.block() for form in self.forms if form.cleaned_data]


BlockFormSet: Any = forms.formset_factory(
    BlockForm, formset=BaseBlockFormSet, extra=4, min_num=1, validate_min=True, max_num=20
)


class RemoveSeatsForm(forms.Form):
    """Selects rows, or a whole section, without a seat that was ever held."""

    row = forms.MultipleChoiceField(required=False)
    section = forms.MultipleChoiceField(required=False)

    def __init__(self, rows: list[seat_rows.Row], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rows = rows
        choices = [(each["key"], each["key"]) for each in self.sections()]
        self.fields["section"].choices = choices  # type: ignore[attr-defined]
        keys = [_row_key(row) for row in rows if not row.had]
        self.fields["row"].choices = [(key, key) for key in keys]  # type: ignore[attr-defined]

    def sections(self) -> list[dict[str, Any]]:
        """For the page: each section with its rows, the selection, and whether they can be
        removed."""
        ticked = self.data.getlist("row") if self.is_bound else []  # type: ignore[attr-defined]
        sections: dict[str, Any] = {}
        for row in self.rows:
            section = sections.setdefault(
                row.section,
                {"name": row.section, "key": f"section:{row.section}", "rows": [], "had": 0},
            )
            key = _row_key(row)
            section["rows"].append({"row": row, "key": key, "ticked": key in ticked})
            section["had"] += row.had
        return list(sections.values())

    def clean(self) -> None:
        if not self.errors and not self.chosen():
            raise ValidationError(_("Please tick at least one row."))

    def chosen(self) -> list[tuple[str, str]]:
        """(section, row) of the rows to remove."""
        rows, sections = (self.cleaned_data.get(name, []) for name in ("row", "section"))
        return [
            (row.section, row.row)
            for row in self.rows
            if _row_key(row) in rows or f"section:{row.section}" in sections
        ]


def is_valid(form: RemoveSeatsForm, once: IdempotentRequest | None) -> bool:
    """Raises AnsweredBefore for a form that was sent before: its rows are already removed."""
    if once is not None and not form.is_valid():
        once.find_answer()
    return form.is_valid()


def _row_key(row: seat_rows.Row) -> str:
    return f"{row.section}|{row.row}"
