"""Forms of the account pages. The services validate the values; passwords are not stripped."""

from typing import Any

from django import forms
from django.contrib.auth.password_validation import password_validators_help_text_html
from django.utils.translation import gettext_lazy as _

from accounts.email_addresses import LONGEST_EMAIL
from accounts.services.sign_up import LONGEST_NAME


def email_field(label: Any) -> forms.CharField:
    # A CharField, not an EmailField: the service validates the address.
    attrs = {"autocomplete": "email"}
    return forms.CharField(
        label=label, max_length=LONGEST_EMAIL, widget=forms.EmailInput(attrs=attrs)
    )


def password_field(label: Any, autocomplete: str, **kwargs: Any) -> forms.CharField:
    widget = forms.PasswordInput(attrs={"autocomplete": autocomplete})
    return forms.CharField(label=label, strip=False, widget=widget, **kwargs)


def new_password_field(label: Any) -> forms.CharField:
    return password_field(label, "new-password", help_text=password_validators_help_text_html())


def name_field() -> forms.CharField:
    attrs = {"autocomplete": "name"}
    return forms.CharField(
        label=_("Name"), max_length=LONGEST_NAME, widget=forms.TextInput(attrs=attrs)
    )


class SignUpForm(forms.Form):
    email = email_field(_("Email"))
    password1 = new_password_field(_("Password"))
    name = name_field()


class EmailChangeForm(forms.Form):
    email = email_field(_("New e-mail address"))
    password = password_field(_("Your password"), "current-password")


class ProofForm(forms.Form):
    """For a reader of the mailbox who is not logged in to the account."""

    password = password_field(_("Password of the account"), "current-password")


class ClaimForm(forms.Form):
    name = name_field()
    password1 = new_password_field(_("Password"))


class ResetRequestForm(forms.Form):
    email = email_field(_("Email"))


class NewPasswordForm(forms.Form):
    password1 = new_password_field(_("New password"))


class WhoseAccountForm(NewPasswordForm):
    """For an account that another person may have opened with this address."""

    KEEP, NEW = "keep", "new"
    account = forms.ChoiceField(
        label=_("Is the account yours?"),
        choices=[
            (KEEP, _("Yes, I opened it. I keep its balance and tickets.")),
            (NEW, _("No, another person opened it. I start with a new account.")),
        ],
        # The browser requires the choice; without it the new password gets a new account.
        widget=forms.RadioSelect(attrs={"required": True}),
        required=False,
    )
    field_order = ["account", "password1"]
