"""Empties the database after a test that commits.

Django's flush truncates every table, which writes hundreds of files anew, and then makes all
content types and permissions again. Here the rows are deleted. After a test that filled a table
with thousands of rows all tables are truncated as well, so that no later test reads past dead rows.
"""

from functools import cache

from django.apps import apps
from django.db import connection

# The migrations' own rows, which no test changes.
KEPT = {"auth_permission", "auth_group", "auth_group_permissions", "django_content_type"}
LARGE_BYTES = 2 * 1024 * 1024
LARGEST = """
    SELECT max(pg_relation_size(oid)) FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""


def delete_all_rows() -> None:
    """Delete all rows, as one transaction, without triggers or checks of foreign keys.

    Waits for transactions that write: a thread of the live server may still answer a request.
    """
    with connection.cursor() as cursor:
        cursor.execute(_deletion())
        cursor.execute(LARGEST)
        if cursor.fetchone()[0] > LARGE_BYTES:
            cursor.execute(f"TRUNCATE {', '.join(_tables())}")


@cache
def _deletion() -> str:
    statements = [
        "BEGIN",
        "SET LOCAL session_replication_role = replica",
        f"LOCK TABLE {', '.join(_tables())} IN SHARE ROW EXCLUSIVE MODE",
        *(f"DELETE FROM {table}" for table in _tables()),
        "COMMIT",
    ]
    return ";".join(statements)


@cache
def _tables() -> list[str]:
    models = apps.get_models(include_auto_created=True)
    return sorted({model._meta.db_table for model in models if model._meta.managed} - KEPT)
