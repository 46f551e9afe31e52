"""Exports of the admin's lists."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Length
from django.db.models.lookups import LessThanOrEqual
from django.utils.translation import gettext_lazy as _

from accounts.models import User


class Export(models.Model):
    """Rows of a list of the admin, written as CSV by a sweep (operations/services/exports.py).

    The file is in its chunks until it is deleted a day later.
    """

    class State(models.TextChoices):
        QUEUED = "QUEUED", _("Queued")
        RUNNING = "RUNNING", _("Running")
        DONE = "DONE", _("Done")
        FAILED = "FAILED", _("Failed")

    class Error(models.TextChoices):
        NOT_PERMITTED = "NOT_PERMITTED", _("The operator may not export these records any more.")
        BROKEN = "BROKEN", _("The export went wrong. The log of the worker says why.")

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(User, models.CASCADE, related_name="+", verbose_name=_("operator"))
    # The export's definition: the model's label, the list's query string, the names of the columns.
    model = models.CharField(_("records"), max_length=100)
    query = models.TextField(_("filter"), blank=True)
    columns = ArrayField(models.CharField(max_length=100), verbose_name=_("columns"))
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
        return f"{self.model} {self.pk}"

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
