"""Exports of the admin's lists as CSV, written in slices by a sweep, and of reports.

1. The admin's form queues an export (queue_export); a report's page, or its timetable
   (report_mails.py), queues a report (queue_report).
2. At each tick the sweep locks the oldest unfinished export that no other worker has, writes rows
   for about a second and saves where it stopped, in one transaction (write_slice). A process
   killed in between leaves no trace of its slice: the next tick writes it again.
   A report has one statement, at most MOST_ROWS rows, and is written in one slice.
3. The operator downloads the chunks (chunks_of); a day later they are deleted. One who gets the
   report by mail is told in the transaction that ends the export, and has a week.

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
from django.utils import translation

from accounts.models import User
from accounts.services import activity, outbox
from accounts.services.idempotency import IdempotentRequest
from accounts.services.outbox import new_message
from concertbook.db.clock import database_now
from concertbook.db.statements import set_local
from operations.models import Export, ExportChunk, ReportMail
from operations.services.reports import (
    MOST_ROWS,
    REPORTS,
    Report,
    ReportTooLarge,
    Scope,
    as_table,
    may_take_away,
    read_rows,
)
from operations.services.spreadsheet_files import table_as_file

logger = logging.getLogger(__name__)

KEPT = dt.timedelta(hours=24)
KEPT_BY_MAIL = dt.timedelta(days=7)
# Less than a task may take.
REPORT_TIMEOUT = "40s"
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


def queue_report(
    *,
    user: User,
    report: Report,
    scope: Scope,
    format: str,
    language: str,
    once: IdempotentRequest | None = None,
    mail: ReportMail | None = None,
) -> Export:
    """Queue the report as a file for ``user``, with headings in this language.

    The caller has checked that the user may take it away. Raises AnsweredBefore,
    IdempotencyKeyReused.
    """
    with transaction.atomic():
        if once is not None:
            once.claim_waiting()
        export = Export.objects.create(
            user=user,
            report=report.slug,
            query=scope.as_query(),
            columns=[],
            format=format,
            language=language,
            mail=mail,
        )
        asked = {"report": report.slug, "query": export.query, "format": format}
        actor = user if mail is None else None
        activity.record(actor=actor, act="export.queue", target=export, new=asked)
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


def may_export(user: Any, export: Export) -> bool:
    """Whether the operator may have this export now."""
    if not (user.is_active and user.is_staff):
        return False
    if export.report:
        return export.report in REPORTS and may_take_away(user, REPORTS[export.report])
    request = HttpRequest()
    request.user = user
    return bool(_admin_of(export.model).has_export_permission(request))


def records_of(export: Export) -> str:
    """The name of what is exported, with a report's days, in the active language."""
    if not export.report:
        return str(apps.get_model(export.model)._meta.verbose_name_plural)
    scope = Scope.of_query(export.query)
    title = REPORTS[export.report].title if export.report in REPORTS else export.report
    return f"{title}, {scope.first} – {scope.last}"


def deleted_at(export: Export) -> dt.datetime:
    """When the export will be deleted."""
    return export.created_at + (KEPT_BY_MAIL if export.mail_id else KEPT)


def chunks_of(export: Export) -> Iterator[bytes]:
    """The file of an export that is DONE; each chunk is a query of its own."""
    for seq in range(export.chunk_count):
        yield bytes(ExportChunk.objects.values_list("data", flat=True).get(export=export, seq=seq))


def delete_old_exports() -> int:
    """Delete exports that were requested more than 24 hours ago, those by mail after a week;
    returns how many."""
    now = database_now()
    old = Q(created_at__lt=now - KEPT, mail=None) | Q(created_at__lt=now - KEPT_BY_MAIL)
    _all, by_model = Export.objects.filter(old).delete()
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
                if export.report:
                    _write_report(export)
                else:
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
        _end(export, error=Export.Error.BROKEN)
    export.save()
    return 0


def _end(export: Export, *, error: Export.Error | None = None) -> None:
    """DONE, or FAILED with the error. Not saved, but its mail is queued."""
    export.state = Export.State.FAILED if error else Export.State.DONE
    export.error = error or ""
    export.finished_at = database_now()
    if export.mail_id and error != Export.Error.NOT_PERMITTED:
        outbox.queue([new_message(kind="report", user=export.user, data={"export": export.pk})])


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
        if not may_export(export.user, export):
            _end(export, error=Export.Error.NOT_PERMITTED)
        else:
            # An export reads much of a table, so a sequential scan is right here.
            set_local("enable_seqscan", "on")
            if export.state == Export.State.QUEUED:
                self._start()
            if self._write_rows(deadline):
                _end(export)
        export.save()

    def _start(self) -> None:
        self.export.state = Export.State.RUNNING
        self.export.started_at = database_now()
        self.export.rows_total = self._listed().count()
        header = [field.column_name for field in self.fields]
        _append(self.export, BYTE_ORDER_MARK + _csv([header]))

    def _write_rows(self, deadline: float) -> bool:
        """Write one slice; whether it contained the last rows."""
        # A server-side cursor: rows are fetched in batches.
        rows: Any = self._remaining().iterator(chunk_size=ROWS_IN_A_BATCH)
        with closing(rows):
            while batch := list(islice(rows, ROWS_IN_A_BATCH)):
                _append(self.export, _csv(self._cells(row) for row in batch))
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


def _write_report(export: Export) -> None:
    """Write the whole file. The caller has the export's row lock."""
    export.started_at = database_now()
    if not may_export(export.user, export):
        _end(export, error=Export.Error.NOT_PERMITTED)
    else:
        _write_report_file(export, REPORTS[export.report])
    export.save()


def _write_report_file(export: Export, report: Report) -> None:
    scope = Scope.of_query(export.query)
    most = MOST_ROWS + 1
    try:
        rows = read_rows(report, scope, user=export.user, most=most, timeout=REPORT_TIMEOUT)
    except ReportTooLarge:
        rows = None
    if rows is None or len(rows) > MOST_ROWS:
        _end(export, error=Export.Error.TOO_LARGE)
        return
    with translation.override(export.language or "ko"):
        table = as_table(report, rows)
        _append(export, table_as_file(table, format=export.format, name=str(report.title)))
    export.rows_total = export.rows_done = len(rows)
    _end(export)


def _append(export: Export, data: bytes) -> None:
    for start in range(0, len(data), ExportChunk.LONGEST):
        ExportChunk.objects.create(
            export=export, seq=export.chunk_count, data=data[start : start + ExportChunk.LONGEST]
        )
        export.chunk_count += 1
    export.size += len(data)


def _csv(rows: Iterable[Sequence[Any]]) -> bytes:
    lines = io.StringIO(newline="")
    csv.writer(lines).writerows(rows)
    return lines.getvalue().encode()


def _admin_of(model: str) -> Any:
    return admin.site.get_model_admin(apps.get_model(model))
