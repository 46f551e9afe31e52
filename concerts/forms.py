from django import forms
from django.utils.translation import gettext_lazy as _


class SearchForm(forms.Form):
    search = forms.CharField(
        label=_("Search concerts"),
        max_length=100,
        required=False,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": _("Artist, title or hall")}),
    )
    on_sale = forms.BooleanField(label=_("On sale now"), required=False)
