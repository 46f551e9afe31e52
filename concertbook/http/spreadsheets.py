"""Cells for a spreadsheet, in which nothing that somebody typed runs as a formula."""

from typing import Any

from django.db.models import Model
from import_export.fields import Field
from import_export.resources import ModelResource

# Excel in Korean, Chinese and Japanese takes the full-width signs for the same.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def quoted(cell: str) -> str:
    """The cell as text. A negative number is no formula and stays a number."""
    is_number = cell.removeprefix("-").isdecimal()
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) and not is_number else cell


class SafeResource(ModelResource):  # type: ignore[misc]
    """Rows for a spreadsheet, in which nothing that somebody typed runs as a formula."""

    def export_field(self, field: Field, instance: Model, **kwargs: Any) -> Any:
        cell = super().export_field(field, instance, **kwargs)
        return quoted(cell) if isinstance(cell, str) else cell
