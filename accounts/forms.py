import uuid
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from concertbook.errors import Malformed


class OnceForm(forms.Form):
    """``key`` is created with the form, so that the form acts once however often it is sent."""

    key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)


def read_key(data: Any) -> uuid.UUID:
    """The key of a form that was sent. Raises Malformed."""
    form = OnceForm(data)
    if not form.is_valid():
        raise Malformed
    key: uuid.UUID = form.cleaned_data["key"]
    return key


class ChargeForm(OnceForm):
    amount = forms.IntegerField(
        label=_("Amount in won"),
        min_value=1,
        max_value=settings.CHARGE_MAX_WON,
        widget=forms.NumberInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )
