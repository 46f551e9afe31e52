"""Cells of a spreadsheet in which user input cannot run as a formula."""

from typing import Any

from django.db.models import Model
from import_export.fields import Field
from import_export.resources import ModelResource

# Excel in Korean, Chinese and Japanese also accepts the full-width signs.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def quoted(cell: str) -> str:
    """The cell as text, quoted if it looks like a formula. A negative number is kept as it is."""
    is_number = cell.removeprefix("-").isdecimal()
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) and not is_number else cell


class SafeResource(ModelResource):  # type: ignore[misc]
    """Rows of a spreadsheet in which user input cannot run as a formula."""

    def export_field(self, field: Field, instance: Model, **kwargs: Any) -> Any:
        cell = super().export_field(field, instance, **kwargs)
        return quoted(cell) if isinstance(cell, str) else cell
