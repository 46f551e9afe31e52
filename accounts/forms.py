from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.models import User


class SignupForm(forms.Form):
    """What we ask at sign-up beside e-mail and password; allauth adds those."""

    name = forms.CharField(label=_("Name"), max_length=100)

    def signup(self, request: HttpRequest, user: User) -> None:
        """Called by allauth; the adapter has the name already."""
