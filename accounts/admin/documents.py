"""Legal and help pages, the seller's details, and what users have agreed to.

An edit is a new row that begins with the text in force: no row is changed or deleted.
"""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.base_admin import Admin, ReadOnlyAdmin, person
from accounts.models import Business, Consent, Document
from accounts.services import documents
from accounts.services.business import find_business


class AppendOnly(Admin):
    """Operators add rows. They see old ones, and change none."""

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class DocumentForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Document
        fields = ("kind", "effective_on", "text_ko", "text_en")

    def clean_effective_on(self) -> Any:
        day = self.cleaned_data["effective_on"]
        if day < documents.today():
            raise ValidationError(_("A version cannot be in force before it is published."))
        return day


@admin.register(Document)
class DocumentAdmin(AppendOnly):
    form = DocumentForm
    fields = ("kind", "effective_on", "text_ko", "text_en")
    list_display = ("kind", "version", "effective_on", "published_at")
    list_filter = ("kind",)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """The text in force of ``?kind=``, to be edited."""
        kind = request.GET.get("kind", Document.Kind.TERMS)
        if kind not in Document.Kind:
            kind = Document.Kind.TERMS
        texts = documents.find_present(kind).texts
        return {"kind": kind, "text_ko": texts["ko"], "text_en": texts.get("en", "")}

    def save_model(self, request: HttpRequest, obj: Document, form: Any, change: bool) -> None:
        values = {name: form.cleaned_data[name] for name in self.fields}
        published = documents.publish(**values)
        obj.pk, obj.version = published.pk, published.version


@admin.register(Business)
class BusinessAdmin(AppendOnly):
    list_display = ("name_ko", "representative_ko", "business_number", "published_at")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        present = find_business(oldest=0)
        return {
            field.name: getattr(present, field.name)
            for field in Business._meta.fields
            if field.name not in ("id", "published_at")
        }


@admin.register(Consent)
class ConsentAdmin(ReadOnlyAdmin):
    rehearsal_path = "user"
    fields = ("user", "document", "version", "agreed_at")
    list_display = ("agreed_at", person("user", _("user")), "document", "version")
    list_filter = ("document",)
    list_select_related = ("user",)
    user_paths = ("user",)
    ordering = ("-id",)
    sortable_by = ()
