"""Exports of the admin's lists and of reports, and the timetables of reports."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Length
from django.db.models.lookups import LessThanOrEqual
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from concerts.models import Concert

FORMATS = [("xlsx", "Excel (XLSX)"), ("csv", "CSV")]


class ReportMail(models.Model):
    """A report that is written at an hour of each day, or of one weekday, for each recipient, who
    gets a mail with the link (operations/services/report_mails.py).

    A recipient's file has what this recipient may see then; one who may not export it gets nothing.
    """

    class Span(models.TextChoices):
        """The days of the report, seen from the day on which it is written."""

        DAY_BEFORE = "day_before", _("the day before")
        WEEK_BEFORE = "week_before", _("the seven days before")
        MONTH_BEFORE = "month_before", _("the last calendar month")
        TODAY = "today", _("today")
        WEEK_AHEAD = "week_ahead", _("today and the six days after")

    WEEKDAYS = (
        (0, _("Monday")),
        (1, _("Tuesday")),
        (2, _("Wednesday")),
        (3, _("Thursday")),
        (4, _("Friday")),
        (5, _("Saturday")),
        (6, _("Sunday")),
    )

    id = models.BigAutoField(primary_key=True)
    # A key of REPORTS (operations/services/reports.py).
    report = models.CharField(_("report"), max_length=50)
    concert = models.ForeignKey(
        Concert,
        models.CASCADE,
        related_name="+",
        null=True,
        blank=True,
        db_index=False,
        verbose_name=_("concert"),
        help_text=_("Empty: all concerts that the recipient works for."),
    )
    span = models.CharField(
        _("days of the report"), max_length=12, choices=Span, default=Span.DAY_BEFORE
    )
    format = models.CharField(_("format"), max_length=4, choices=FORMATS, default="xlsx")
    weekday = models.PositiveSmallIntegerField(
        _("weekday"), null=True, blank=True, choices=WEEKDAYS, help_text=_("Empty: every day.")
    )
    hour = models.PositiveSmallIntegerField(
        _("hour"), choices=[(hour, f"{hour:02}:00") for hour in range(24)], default=8
    )
    recipients = models.ManyToManyField(
        User,
        related_name="+",
        limit_choices_to={"is_staff": True, "is_active": True},
        verbose_name=_("recipients"),
        help_text=_("Members of the staff who may export the report."),
    )
    # The time of the timetable that was served last: each is served once, also a late one.
    last_due_at = models.DateTimeField(
        _("last written"), db_default=models.functions.Now(), editable=False
    )
    created_at = models.DateTimeField(_("created"), db_default=models.functions.Now())

    class Meta:
        verbose_name = _("report by mail")
        verbose_name_plural = _("reports by mail")
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(hour__lt=24) & (Q(weekday=None) | Q(weekday__lt=7)),
                name="operations_reportmail_time_exists",
            )
        ]

    def __str__(self) -> str:
        return f"{self.report} {self.hour:02}:00"


class Export(models.Model):
    """Rows of a list of the admin, or a report, as a file: written by a sweep
    (operations/services/exports.py).

    The file is in its chunks until it is deleted: a day later, a week later if it came by mail.
    """

    class State(models.TextChoices):
        QUEUED = "QUEUED", _("Queued")
        RUNNING = "RUNNING", _("Running")
        DONE = "DONE", _("Done")
        FAILED = "FAILED", _("Failed")

    class Error(models.TextChoices):
        NOT_PERMITTED = "NOT_PERMITTED", _("The operator may not export these records any more.")
        BROKEN = "BROKEN", _("The export went wrong. The log of the worker says why.")
        TOO_LARGE = "TOO_LARGE", _("There is too much for a file. Choose fewer days or a concert.")

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(User, models.CASCADE, related_name="+", verbose_name=_("operator"))
    # The export's definition: the model's label, the list's query string, the names of the columns.
    # Of a report: its key in REPORTS, its scope as a query string, no model and no columns.
    model = models.CharField(_("records"), max_length=100, blank=True)
    report = models.CharField(_("report"), max_length=50, blank=True, default="", db_default="")
    query = models.TextField(_("filter"), blank=True)
    columns = ArrayField(models.CharField(max_length=100), verbose_name=_("columns"))
    format = models.CharField(
        _("format"), max_length=4, choices=FORMATS, default="csv", db_default="csv"
    )
    # The language of a report's headings.
    language = models.CharField(max_length=2, blank=True, default="", db_default="")
    mail = models.ForeignKey(
        ReportMail, models.SET_NULL, related_name="exports", null=True, editable=False
    )
    state = models.CharField(_("state"), max_length=7, choices=State, default=State.QUEUED)
    error = models.CharField(_("error"), max_length=13, choices=Error, blank=True)
    failures = models.PositiveSmallIntegerField(default=0, editable=False)
    rows_total = models.PositiveBigIntegerField(_("rows"), null=True)
    rows_done = models.PositiveBigIntegerField(_("rows written"), default=0)
    size = models.PositiveBigIntegerField(_("size"), default=0, help_text=_("bytes"))
    chunk_count = models.PositiveIntegerField(default=0, editable=False)
    # The last row that was written: the next slice begins after it.
    last_at = models.DateTimeField(null=True, editable=False)
    last_pk = models.CharField(max_length=36, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=models.functions.Now())
    started_at = models.DateTimeField(_("started"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("export")
        verbose_name_plural = _("exports")
        permissions = [("export_records", "Can take lists and reports away as files")]
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["DONE", "FAILED"], finished_at__isnull=False)
                | Q(state__in=["QUEUED", "RUNNING"], finished_at=None),
                name="operations_export_finished_when_ended",
            ),
            models.CheckConstraint(
                condition=Q(state="FAILED") & ~Q(error="") | ~Q(state="FAILED") & Q(error=""),
                name="operations_export_failed_has_error",
            ),
        ]
        indexes = [
            models.Index(
                fields=["id"],
                condition=Q(state__in=["QUEUED", "RUNNING"]),
                name="operations_export_unfinished",
            ),
            models.Index(fields=["created_at"], name="operations_export_age"),
        ]

    def __str__(self) -> str:
        return f"{self.model or self.report} {self.pk}"

    @property
    def is_unfinished(self) -> bool:
        return self.state in (self.State.QUEUED, self.State.RUNNING)


class ExportChunk(models.Model):
    """A piece of an export's file, in the order of ``seq``."""

    LONGEST = 256 * 1024

    id = models.BigAutoField(primary_key=True)
    export = models.ForeignKey(Export, models.CASCADE, related_name="chunks", db_index=False)
    seq = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["export", "seq"], name="operations_exportchunk_one_per_seq"
            ),
            models.CheckConstraint(
                condition=LessThanOrEqual(Length("data"), 256 * 1024),
                name="operations_exportchunk_short",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.export_id}: {self.seq}"
