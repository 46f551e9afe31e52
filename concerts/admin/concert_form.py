"""A concert's form: its texts, its colour, and the upload of its poster."""

from typing import Any

from django import forms
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminRadioSelectWidget

from concerts.models import Concert, ShowColour
from concerts.poster_art import COLOURS
from concerts.refund_policy import RefundPolicy
from concerts.services import posters


def swatch(colour: ShowColour) -> SafeString:
    """The colour's artwork beside its name."""
    art = COLOURS[colour]
    return format_html(
        '<svg class="inline-block align-middle mr-2" width="72" height="28" aria-hidden="true">'
        '<rect width="72" height="28" rx="6" fill="{}"/><circle cx="16" cy="14" r="8" fill="{}"/>'
        '<circle cx="36" cy="14" r="8" fill="{}"/><circle cx="56" cy="14" r="8" fill="{}"/></svg>'
        "{}",
        *(art.ground, art.first, art.second, art.ink, colour.label),
    )


class ConcertForm(forms.ModelForm):  # type: ignore[type-arg]
    poster_file = forms.FileField(
        label=_("Upload a poster"),
        required=False,
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": "image/jpeg,image/png,image/webp"}),
        help_text=_(
            "JPEG, PNG or WebP, at most 8 MB. It is cut to 2:3; 800 x 1200 pixels are enough."
        ),
    )
    draws_poster = forms.BooleanField(
        label=_("Use the drawn poster"),
        required=False,
        help_text=_("Instead of the one that was uploaded."),
    )

    class Meta:
        widgets = {"colour": UnfoldAdminRadioSelectWidget()}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "colour" in self.fields:
            self.fields["colour"].choices = [  # type: ignore[attr-defined]
                (colour.value, swatch(colour)) for colour in ShowColour
            ]

    def clean_poster_file(self) -> bytes | None:
        """The picture as it will be saved."""
        upload: Any = self.cleaned_data["poster_file"]
        if upload is None:
            return None
        # One byte more is enough to see that it is too large.
        return posters.encode(upload.read(posters.LARGEST_BYTES + 1))

    def clean(self) -> None:
        super().clean()
        policy, reason = map(self.cleaned_data.get, ("refund_policy", "refund_policy_reason"))
        if policy and not reason and _is_below_standard(policy):
            self.add_error(
                "refund_policy_reason",
                _("On some days this costs buyers more than the consumer standard: say why."),
            )

    def save(self, commit: bool = True) -> Concert:
        concert: Concert = self.instance
        if image := self.cleaned_data.get("poster_file"):
            concert.poster = posters.add_poster(image)
            self.also_edited = ["poster"]
        elif self.cleaned_data.get("draws_poster"):
            concert.poster = None
            self.also_edited = ["poster"]
        saved: Concert = super().save(commit)
        return saved


def _is_below_standard(policy: str) -> bool:
    try:
        return not RefundPolicy.parse(policy).meets_standard
    except ValueError:
        # Refused afterwards, by the field of the model.
        return False
