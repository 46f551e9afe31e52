from django import forms
from django.utils.translation import gettext_lazy as _

from concertbook.db.search import compose
from concerts.services.programme import Show


class SearchField(forms.CharField):
    def to_python(self, value: object) -> str:
        return compose(super().to_python(value) or "")


class SearchForm(forms.Form):
    search = SearchField(
        label=_("Search concerts"),
        max_length=100,
        required=False,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": _("Artist, title or hall")}),
    )
    show = forms.ChoiceField(label=_("Show"), choices=Show, required=False)
    # Links from before ``show`` have it.
    on_sale = forms.BooleanField(label=_("On sale now"), required=False)
