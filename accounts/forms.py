import uuid

from django import forms
from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.models import User


class SignupForm(forms.Form):
    """What we ask at sign-up beside e-mail and password; allauth adds those."""

    name = forms.CharField(label=_("Name"), max_length=100)

    def signup(self, request: HttpRequest, user: User) -> None:
        """Called by allauth; the adapter has the name already."""


class OnceForm(forms.Form):
    """``key`` is made with the form: however often it is sent, it acts once."""

    key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)


class ChargeForm(OnceForm):
    amount = forms.IntegerField(
        label=_("Amount in won"),
        min_value=1,
        max_value=settings.CHARGE_MAX_WON,
        widget=forms.NumberInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )
