"""Lists of the admin that can be exported as CSV."""

from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from import_export.admin import ExportMixin
from import_export.formats.base_formats import CSV
from unfold.contrib.import_export.forms import SelectableFieldsExportForm

# The page that queues an export of a list; the query string names the list.
EXPORT_PAGE = "admin:operations_export_add"
LIST = "list"
# To view a list does not allow to take all of it away as a file.
EXPORT = "operations.export_records"


class Exportable(ExportMixin):  # type: ignore[misc]
    """Declares the exported columns (``resource_classes``); operations writes the file."""

    export_form_class = SelectableFieldsExportForm
    formats: ClassVar = [CSV]
    # The column by which the file is sorted, newest first, before the primary key.
    newest_by = ""
    opts: Any

    def has_export_permission(self: Any, request: HttpRequest) -> bool:
        # By default the library lets every member of the staff export.
        return bool(request.user.has_perm(EXPORT) and self.has_view_permission(request))

    def export_action(self, request: HttpRequest) -> HttpResponse:
        """Redirects to the export page, with the list's filters."""
        if not self.has_export_permission(request):
            raise PermissionDenied
        query = request.GET.copy()
        query[LIST] = self.opts.label
        return redirect(reverse(EXPORT_PAGE, query=query))
