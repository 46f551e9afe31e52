"""Constraints that Django cannot express: triggers and functions, one .sql file for each.

A file begins with a sentence that says what it guarantees. A file that has been released is never
edited: a change is a new file in a new migration.
"""

from pathlib import Path

from django.apps import apps
from django.db.migrations.operations import RunSQL


def constraint(app: str, name: str, *, drop: str = "") -> RunSQL:
    """The migration operation for ``<app>/constraints/<name>.sql``.

    Backwards it drops the function of that name with its triggers, or runs ``drop``.
    """
    path = Path(apps.get_app_config(app).path) / "constraints" / f"{name}.sql"
    return RunSQL([path.read_text()], [drop or f"DROP FUNCTION {name} CASCADE"])
