"""Exports in the admin: the page that queues one, its progress, its file."""

import json
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.base_admin import ReadOnlyAdmin
from accounts.errors import IdempotencyKeyReused
from accounts.idempotent_forms import ONCE, FormTooOld, form_once, new_key, old_form, sent_before
from accounts.models import User
from accounts.services.idempotency import AnsweredBefore
from concertbook.admin.columns import Colors, colored
from concertbook.admin.exportable import EXPORT, LIST, Exportable
from concertbook.admin.pages import registered_admins
from operations.models import Export
from operations.services.exports import (
    chunks_of,
    deleted_at,
    may_export,
    note_download,
    queue_export,
    records_of,
)
from operations.services.spreadsheet_files import CONTENT_TYPES

PROGRESS = "admin:operations_export_change"
EXPORT_COLORS: Colors = {"RUNNING": "info", "DONE": "success", "FAILED": "danger"}


@admin.register(Export)
class ExportsAdmin(ReadOnlyAdmin):
    """An operator sees their own exports, while they may export the records; a superuser sees
    all."""

    rehearsal_path = "user"
    fields = ("records", "user", "state", "created_at", "finished_at")
    list_display = (
        "created_at",
        "records",
        "user",
        colored("state", _("state"), EXPORT_COLORS),
        "rows_done",
        "rows_total",
        "finished_at",
    )
    list_select_related = ("user",)
    search_fields = ("user__email", "model", "report")

    @admin.display(description=_("records"), ordering="model")
    def records(self, export: Export) -> str:
        return records_of(export)

    def get_queryset(self, request: Any) -> QuerySet[Export]:
        exports: QuerySet[Export] = super().get_queryset(request)
        if request.user.is_superuser:
            return exports
        return exports.filter(user=request.user)

    def has_view_permission(self, request: HttpRequest, obj: Export | None = None) -> bool:
        if obj is not None:
            return may_export(request.user, obj)
        return bool(request.user.has_perm(EXPORT))

    def get_urls(self) -> Any:
        download = self.admin_site.admin_view(self.download_view)
        path_of_file = path(
            "<path:object_id>/download/", download, name="operations_export_download"
        )
        return [path_of_file, *super().get_urls()]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The form to choose the columns; when sent, the export is queued once."""
        query = request.GET.copy()
        listed = self._exportable(str(query.pop(LIST, [""])[-1]))
        # The rest of the query string is the list's, which the library reads from the request.
        request.GET = cast(Any, query)
        if not listed.has_export_permission(request):
            raise PermissionDenied
        try:
            listed.get_export_queryset(request)
        except IncorrectLookupParameters:
            return redirect(f"admin:{listed.opts.app_label}_{listed.opts.model_name}_changelist")
        form = _form(listed, request.POST or None)
        if form.is_valid():
            try:
                return redirect(PROGRESS, _queue(request, listed, form))
            except FormTooOld:
                messages.error(request, old_form())
            except IdempotencyKeyReused:
                messages.error(request, sent_before())
            form = _form(listed, None)
        context = listed.init_request_context_data(request, form)
        request.current_app = self.admin_site.name
        return TemplateResponse(request, [listed.export_template_name], context=context)

    def _exportable(self, label: str) -> Any:
        """The admin of the list with this model's label."""
        for listed in registered_admins():
            if isinstance(listed, Exportable) and listed.opts.label_lower == label.lower():
                return listed
        raise PermissionDenied

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The progress of an export, and the link to its file."""
        export = self._own_export(request, object_id)
        if request.method == "POST":
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("Export"),
            "export": export,
            "records": records_of(export),
            "deleted_at": deleted_at(export),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/operations/export_progress.html", context)

    def download_view(self, request: HttpRequest, object_id: str) -> StreamingHttpResponse:
        """The file, a chunk at a time."""
        export = self._own_export(request, object_id)
        if export.state != Export.State.DONE:
            raise Http404
        note_download(export=export, actor=cast(User, request.user))
        response = StreamingHttpResponse(
            chunks_of(export), content_type=CONTENT_TYPES[export.format]
        )
        records = export.report or export.model.rpartition(".")[2]
        name = f"{records}-{export.created_at:%Y-%m-%d}.{export.format}"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        response["Content-Length"] = str(export.size)
        response["Cache-Control"] = "no-store"
        return response

    def _own_export(self, request: HttpRequest, object_id: str) -> Export:
        export: Export | None = self.get_object(request, object_id)
        if export is None or not self.has_view_permission(request, export):
            raise Http404
        return export


def _form(listed: Any, data: Any) -> Any:
    form = listed.export_form_class(listed.formats, listed.resource_classes, data=data)
    form.fields[ONCE] = forms.CharField(initial=new_key, required=False, widget=forms.HiddenInput)
    return form


def _queue(request: Any, listed: Any, form: Any) -> int:
    """The key of the export, created now or when this form was sent before."""
    query = request.GET.urlencode()
    once = form_once(request, f"export {listed.opts.label} {query}")
    try:
        export = queue_export(
            user=request.user,
            model=listed.opts.label,
            query=query,
            columns=form.get_selected_resource_export_fields(),
            once=once,
        )
    except AnsweredBefore as before:
        return int(json.loads(before.answer)["pk"])
    return export.pk
