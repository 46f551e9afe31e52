"""Forms of the account pages. The services validate the values; passwords are not stripped."""

from typing import Any

from django import forms
from django.contrib.auth.password_validation import password_validators_help_text_html
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.email_addresses import LONGEST_EMAIL
from accounts.models import Document
from accounts.services.documents import AGREED, agreed_versions
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


class ConsentField(forms.Field):
    """A check box for one document, whose value is the version that the user was shown."""

    def __init__(self, document: Document.Kind, label: Any) -> None:
        super().__init__(
            label=label,
            widget=ConsentBox(document),
            error_messages={
                "required": _("Without your agreement to this we cannot open an account."),
                "changed": _("This page was changed just now. Please read and agree again."),
            },
        )
        self.document = document

    def clean(self, value: Any) -> int:
        super().clean(value)
        present = agreed_versions()[self.document]
        if value != str(present):
            raise ValidationError(self.error_messages["changed"], code="changed")
        return present


class ConsentBox(forms.CheckboxInput):
    def __init__(self, document: Document.Kind) -> None:
        super().__init__()
        self.document = document

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        return data.get(name)

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        present = str(agreed_versions()[self.document])
        # What was agreed to before a change is not checked again.
        context = super().get_context(name, value == present, attrs)
        context["widget"]["value"] = present
        return context


class ConsentForm(forms.Form):
    """What every new account asks for."""

    terms = ConsentField(Document.Kind.TERMS, _("I am 14 or older and agree to the terms of use."))
    privacy = ConsentField(
        Document.Kind.PRIVACY, _("I agree that my data is processed as the privacy policy says.")
    )

    @property
    def agreed(self) -> dict[str, int]:
        """The version of each document; of a valid form."""
        return {kind.value: self.cleaned_data[kind.value] for kind in AGREED}


class SignUpForm(ConsentForm):
    email = email_field(_("Email"))
    password1 = new_password_field(_("Password"))
    name = name_field()
    field_order = ["email", "password1", "name"]


class NameForm(forms.Form):
    name = name_field()


class EmailChangeForm(forms.Form):
    email = email_field(_("New e-mail address"))
    password = password_field(_("Your password"), "current-password")


class OwnPasswordForm(forms.Form):
    password = password_field(_("Your password"), "current-password")


class DeletionForm(OwnPasswordForm):
    """``give_up`` is the balance in won that the page showed, and that its check box gives up."""

    give_up = forms.IntegerField(required=False, min_value=1)

    def clean_give_up(self) -> int:
        return self.cleaned_data["give_up"] or 0


class ProofForm(forms.Form):
    """For a reader of the mailbox who is not logged in to the account."""

    password = password_field(_("Password of the account"), "current-password")


class ClaimForm(ConsentForm):
    name = name_field()
    password1 = new_password_field(_("Password"))
    field_order = ["name", "password1"]


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
            (
                NEW,
                _(
                    "No, another person opened it. I start with a new account, and agree to the"
                    " terms of use and the privacy policy."
                ),
            ),
        ],
        # The browser requires the choice; without it the new password gets a new account.
        widget=forms.RadioSelect(attrs={"required": True}),
        required=False,
    )
    field_order = ["account", "password1"]
