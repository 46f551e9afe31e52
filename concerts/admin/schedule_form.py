"""A schedule's form, on its own page and among its concert's."""

from typing import Any

from django import forms

from concertbook.db.rows import is_saved
from concerts.services import schedule_rules


class ScheduleForm(forms.ModelForm):  # type: ignore[type-arg]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.cancelled_at is not None:
            for field in self.fields.values():
                field.disabled = True  # read-only, also on its concert's page

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        rules = {
            name: cleaned[name]
            for name in ("reserve_from", "reserve_until", "purchase_limit")
            if name in cleaned
        }
        if is_saved(self.instance) and self.has_changed() and len(rules) == 3:
            schedule_rules.require_sale_kept(schedule_id=self.instance.pk, **rules)
            self._note_move(cleaned)
        return cleaned

    def _note_move(self, cleaned: dict[str, Any]) -> None:
        if "start_at" in cleaned and "start_at" in self.changed_data:
            self.instance.moved_from = schedule_rules.moved_from(
                schedule_id=self.instance.pk, start_at=cleaned["start_at"]
            )
            self.also_edited = ["moved_from"]


SCHEDULE_ROWS = (
    "start_at",
    "end_at",
    "reserve_from",
    "reserve_until",
    ("price", "purchase_limit"),
    ("cooldown_seconds", "doors_open_minutes"),
    ("may_hand_on", "hand_on_minutes"),
)
