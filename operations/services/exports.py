"""Exports of the admin's lists as CSV, written in slices by a sweep.

1. The admin's form queues an export (queue_export).
2. At each tick the sweep locks the oldest unfinished export that no other worker has, writes rows
   for about a second and saves where it stopped, in one transaction (write_slice). A process
   killed in between leaves no trace of its slice: the next tick writes it again.
3. The operator downloads the chunks (chunks_of); a day later they are deleted.

The rows are in the order newest first. A slice goes on after the last row by its key, so rows made
while the export runs are not in it, and no row is in it twice. Neither side holds more in memory
than one batch of rows or one chunk.
"""

import csv
import datetime as dt
import io
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, QueryDict

from accounts.models import User
from accounts.services import activity
from accounts.services.idempotency import IdempotentRequest
from concertbook.db.clock import database_now
from concertbook.db.statements import set_local
from operations.models import Export, ExportChunk

logger = logging.getLogger(__name__)

KEPT = dt.timedelta(hours=24)
# Half of the time between two ticks, so that the line's ticks have the other half of a core.
SLICE_SECONDS = 1.0
ROWS_IN_A_BATCH = 1000
MOST_FAILURES = 3
# Tells Excel that the file is UTF-8.
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def queue_export(
    *,
    user: User,
    model: str,
    query: str,
    columns: Sequence[str],
    once: IdempotentRequest | None = None,
) -> Export:
    """Queue an export of these columns of the list with the query string ``query`` for ``user``.

    The caller has checked that the user may export the records of ``model``, a label such as
    ``accounts.Charge``. Raises AnsweredBefore, IdempotencyKeyReused.
    """
    with transaction.atomic():
        if once is not None:
            once.claim_waiting()
        export = Export.objects.create(user=user, model=model, query=query, columns=columns)
        asked = {"query": _without_search(query), "columns": list(columns)}
        activity.record(actor=user, act="export.queue", target=export, new=asked)
        if once is not None:
            once.save({"pk": export.pk})
    return export


def _without_search(query: str) -> str:
    """The filters for the log: a search may name a person, whom the log could not forget."""
    filters = QueryDict(query, mutable=True)
    if "q" in filters:
        filters["q"] = "***"
    return filters.urlencode(safe="*")


def note_download(*, export: Export, actor: User) -> None:
    """Write into the log that the file of an export was fetched."""
    activity.record(actor=actor, act="export.download", target=export)


def may_export(user: Any, model: str) -> bool:
    """Whether the operator may export the records of this model now."""
    request = HttpRequest()
    request.user = user
    may = _admin_of(model).has_export_permission(request)
    return bool(user.is_active and user.is_staff and may)


def records_of(export: Export) -> str:
    """The name of the exported records, in the active language."""
    return str(apps.get_model(export.model)._meta.verbose_name_plural)


def chunks_of(export: Export) -> Iterator[bytes]:
    """The file of an export that is DONE; each chunk is a query of its own."""
    for seq in range(export.chunk_count):
        yield bytes(ExportChunk.objects.values_list("data", flat=True).get(export=export, seq=seq))


def delete_old_exports() -> int:
    """Delete exports that were requested more than 24 hours ago; returns how many."""
    _all, by_model = Export.objects.filter(created_at__lt=database_now() - KEPT).delete()
    return by_model.get("operations.Export", 0)


def write_slice(*, seconds: float = SLICE_SECONDS) -> int:
    """Write rows of the oldest export that no other worker has locked, for about so many seconds.

    Writes at least one batch. Returns how many rows were written.
    """
    with transaction.atomic():
        unfinished = Export.objects.filter(state__in=[Export.State.QUEUED, Export.State.RUNNING])
        locked = unfinished.select_for_update(skip_locked=True, of=("self",))
        export = locked.select_related("user").order_by("pk").first()
        if export is None:
            return 0
        rows_before = export.rows_done
        try:
            with transaction.atomic():
                _Slice(export).write(deadline=time.monotonic() + seconds)
        except Exception:
            # After any error: the exports behind this one must not wait for it forever.
            logger.exception("Export %s failed", export.pk)
            return _count_failure(export.pk)
        return export.rows_done - rows_before


def _count_failure(export_id: int) -> int:
    export = Export.objects.get(pk=export_id)
    export.failures += 1
    if export.failures == MOST_FAILURES:
        _fail(export, Export.Error.BROKEN)
    export.save()
    return 0


def _fail(export: Export, error: Export.Error) -> None:
    export.state, export.error = Export.State.FAILED, error
    export.finished_at = database_now()


class _Slice:
    """The caller has the export's row lock."""

    def __init__(self, export: Export) -> None:
        self.export = export
        self.admin = _admin_of(export.model)
        (resource_class,) = self.admin.resource_classes
        self.resource = resource_class()
        self.fields = self.resource.get_export_fields(export.columns)

    def write(self, *, deadline: float) -> None:
        export = self.export
        if not may_export(export.user, export.model):
            _fail(export, Export.Error.NOT_PERMITTED)
        else:
            # An export reads much of a table, so a sequential scan is right here.
            set_local("enable_seqscan", "on")
            if export.state == Export.State.QUEUED:
                self._start()
            if self._write_rows(deadline):
                export.state, export.finished_at = Export.State.DONE, database_now()
        export.save()

    def _start(self) -> None:
        self.export.state = Export.State.RUNNING
        self.export.started_at = database_now()
        self.export.rows_total = self._listed().count()
        header = [field.column_name for field in self.fields]
        self._append(BYTE_ORDER_MARK + _csv([header]))

    def _write_rows(self, deadline: float) -> bool:
        """Write one slice; whether it contained the last rows."""
        # A server-side cursor: rows are fetched in batches.
        rows: Any = self._remaining().iterator(chunk_size=ROWS_IN_A_BATCH)
        with closing(rows):
            while batch := list(islice(rows, ROWS_IN_A_BATCH)):
                self._append(_csv(self._cells(row) for row in batch))
                self.export.rows_done += len(batch)
                self._remember(batch[-1])
                if time.monotonic() >= deadline:
                    return len(batch) < ROWS_IN_A_BATCH
        return True

    def _cells(self, row: Any) -> list[Any]:
        return [self.resource.export_field(field, row) for field in self.fields]

    def _remember(self, row: Any) -> None:
        self.export.last_pk = str(row.pk)
        if self.admin.newest_by:
            self.export.last_at = getattr(row, self.admin.newest_by)

    def _listed(self) -> QuerySet[Any]:
        """The rows of the list as the operator filtered it."""
        request = HttpRequest()
        request.method = "GET"
        request.user = self.export.user
        request.GET = QueryDict(self.export.query)
        listed: QuerySet[Any] = self.admin.get_export_queryset(request)
        return listed

    def _remaining(self) -> QuerySet[Any]:
        newest_by = self.admin.newest_by
        order = ["-pk"] if not newest_by else [f"-{newest_by}", "-pk"]
        rows = self._listed().order_by(*order)
        if not self.export.last_pk:
            return rows
        older = Q(pk__lt=self.export.last_pk)
        if newest_by:
            last_at = self.export.last_at
            older = Q(**{f"{newest_by}__lt": last_at}) | Q(**{newest_by: last_at}) & older
        return rows.filter(older)

    def _append(self, data: bytes) -> None:
        for start in range(0, len(data), ExportChunk.LONGEST):
            ExportChunk.objects.create(
                export=self.export,
                seq=self.export.chunk_count,
                data=data[start : start + ExportChunk.LONGEST],
            )
            self.export.chunk_count += 1
        self.export.size += len(data)


def _csv(rows: Iterable[Sequence[Any]]) -> bytes:
    lines = io.StringIO(newline="")
    csv.writer(lines).writerows(rows)
    return lines.getvalue().encode()


def _admin_of(model: str) -> Any:
    return admin.site.get_model_admin(apps.get_model(model))
