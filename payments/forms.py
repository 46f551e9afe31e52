"""The form of "choose for me"."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from concerts.services.best_in_snapshot import Preference
from concerts.services.seat_sections import Offer

# So many seats are side by side in most halls.
MOST_SEATS = 10


class BestSeatsForm(forms.Form):
    """``offers`` are grades and prices with their free seats, ``most`` the seats that the user may
    still hold."""

    offer = forms.ChoiceField()
    count = forms.TypedChoiceField(coerce=int, initial=1)
    side_by_side = forms.BooleanField(label=_("Side by side"), required=False, initial=True)

    def __init__(self, data: Any = None, *, offers: Mapping[Offer, int], most: int) -> None:
        super().__init__(data, prefix="best")
        self.by_value = {f"{price} {grade}": (grade, price) for grade, price in offers}
        self.offers = [
            {"value": f"{price} {grade}", "grade": grade, "price": price, "left": left}
            for (grade, price), left in offers.items()
        ]
        self.counts = range(1, min(most, MOST_SEATS) + 1)
        self.fields["offer"].choices = [(value, value) for value in self.by_value]  # type: ignore[attr-defined]
        self.fields["count"].choices = [(count, count) for count in self.counts]  # type: ignore[attr-defined]
        self.fields["offer"].initial = next(
            (each["value"] for each in self.offers if each["left"]), None
        )

    @property
    def preference(self) -> Preference:
        """Of a valid form."""
        return Preference(
            offer=self.by_value[self.cleaned_data["offer"]],
            count=self.cleaned_data["count"],
            side_by_side=self.cleaned_data["side_by_side"],
        )
