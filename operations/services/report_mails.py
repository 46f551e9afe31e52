"""Reports by mail: what is due is queued as exports, one for each recipient.

1. A sweep locks each timetable whose time has come and, in one transaction, queues the exports and
   remembers that time. Of two sweeps one finds it served. After a stop of beat or worker the newest
   missed time is served late, and the report is that of its own day.
2. The sweep of exports writes each file with what its recipient may see then, and queues the mail
   in that transaction (exports.py). The mail has a link, and nothing of the report.
"""

import datetime as dt
from typing import Any

from django.db import transaction
from django.utils.timezone import localtime

from accounts.models import User
from concertbook.db.clock import database_now
from operations.models import Export, ReportMail
from operations.services.exports import may_export, queue_report
from operations.services.reports import REPORTS, Scope

DAY = dt.timedelta(days=1)


def queue_due() -> int:
    """Queue the exports of all timetables whose time has come; returns how many exports."""
    return sum(_queue(pk) for pk in list(ReportMail.objects.values_list("pk", flat=True)))


def _queue(pk: int) -> int:
    with transaction.atomic():
        found = ReportMail.objects.select_for_update(skip_locked=True, of=("self",), no_key=True)
        mail = found.filter(pk=pk).first()
        if mail is None:
            return 0
        due = last_time(mail, database_now())
        if due <= mail.last_due_at:
            return 0
        mail.last_due_at = due
        mail.save(update_fields=["last_due_at"])
        return _queue_exports(mail, due.date())


def _queue_exports(mail: ReportMail, day: dt.date) -> int:
    report = REPORTS.get(mail.report)
    if report is None:
        return 0
    first, last = days_of(mail.span, day)
    scope = Scope(first, last, concert=mail.concert_id)
    readers = [user for user in mail.recipients.all() if may_receive(user, mail.report)]
    for user in readers:
        queue_report(
            user=user,
            report=report,
            scope=scope,
            format=mail.format,
            language=user.language or "ko",
            mail=mail,
        )
    return len(readers)


def may_receive(user: User, report: str) -> bool:
    """Whether the user is a member of the staff who may export this report now."""
    return may_export(user, Export(report=report))


def last_time(mail: ReportMail, now: dt.datetime) -> dt.datetime:
    """The last time of the timetable that is not after ``now``, in the venue's time zone."""
    local = localtime(now)
    time = local.replace(hour=mail.hour, minute=0, second=0, microsecond=0)
    if time > local:
        time -= DAY
    while mail.weekday is not None and time.weekday() != mail.weekday:
        time -= DAY
    return time


def days_of(span: Any, day: dt.date) -> tuple[dt.date, dt.date]:
    """The first and the last day of the report that is written on ``day``."""
    month = day.replace(day=1)
    spans = ReportMail.Span
    return {
        spans.DAY_BEFORE: (day - DAY, day - DAY),
        spans.WEEK_BEFORE: (day - 7 * DAY, day - DAY),
        spans.MONTH_BEFORE: ((month - DAY).replace(day=1), month - DAY),
        spans.TODAY: (day, day),
        spans.WEEK_AHEAD: (day, day + 6 * DAY),
    }[span]
