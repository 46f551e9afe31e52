"""What happens to tickets at the doors."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from concerts.models import ConcertSchedule
from payments.models.ticket import Ticket


class CheckIn(models.Model):
    """A check-in of a ticket at its show; it can be undone after a mistake.

    While it is not undone, the ticket has the same time, gate and operator. Triggers keep both
    equal, and keep the check-in unchanged.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    ticket = models.ForeignKey(
        Ticket,
        models.PROTECT,
        related_name="check_ins",
        db_index=False,
        verbose_name=_("ticket"),
    )
    schedule = models.ForeignKey(
        ConcertSchedule, models.PROTECT, related_name="check_ins", verbose_name=_("schedule")
    )
    gate = models.CharField(_("gate"), max_length=50, blank=True)
    # NULL only for a ticket that was used before check-ins were recorded.
    checked_in_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="+",
        null=True,
        db_index=False,
        verbose_name=_("checked in by"),
    )
    checked_in_at = models.DateTimeField(_("checked in"))
    undone_at = models.DateTimeField(_("undone"), null=True, blank=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        db_index=False,
        verbose_name=_("undone by"),
    )
    undo_reason = models.CharField(_("why it was undone"), max_length=200, blank=True)
    # The phone's own key of the scan: sent again, the scan has no second effect.
    scan = models.UUIDField(_("scan"), null=True, blank=True, editable=False)
    # Only for a scan that a phone made without a network: when it reached us.
    recorded_at = models.DateTimeField(_("recorded"), null=True, blank=True)
    # Only without a code.
    by_hand_reason = models.CharField(
        _("why it was done by hand"), max_length=200, blank=True, default="", db_default=""
    )

    class Meta:
        verbose_name = _("check-in")
        verbose_name_plural = _("check-ins")
        ordering = ["-checked_in_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["ticket"],
                condition=Q(undone_at=None),
                name="payments_checkin_one_live_per_ticket",
            ),
            models.CheckConstraint(
                condition=Q(undone_at=None, undone_by=None, undo_reason="")
                | Q(undone_at__gte=F("checked_in_at"), undone_by__isnull=False)
                & ~Q(undo_reason=""),
                name="payments_checkin_undone_has_operator_and_reason",
            ),
            models.UniqueConstraint(fields=["scan"], name="payments_checkin_one_a_scan"),
            models.CheckConstraint(
                condition=Q(recorded_at=None)
                | Q(recorded_at__gte=F("checked_in_at"), scan__isnull=False),
                name="payments_checkin_recorded_after_its_scan",
            ),
        ]
        indexes = [
            models.Index(fields=["ticket"], name="payments_checkin_ticket"),
            models.Index(fields=["checked_in_at"], name="payments_checkin_age"),
            models.Index(
                fields=["checked_in_at"],
                condition=Q(undone_at__isnull=False),
                name="payments_checkin_undone",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ticket} {self.gate}".strip()


class CheckInConflict(models.Model):
    """A holder whom a phone let in without a network, and whose ticket was not good, as we found
    when the phone's scans reached us.

    ``code`` is the refusal that a check-in at that moment got. For a ticket that had been used,
    ``check_in`` is that other use; which of the two came first is told by their times. Triggers
    keep it unchanged.
    """

    # The phone's own key of the scan.
    id = models.UUIDField(primary_key=True, editable=False)
    schedule = models.ForeignKey(
        ConcertSchedule, models.PROTECT, related_name="+", verbose_name=_("schedule")
    )
    ticket = models.ForeignKey(
        Ticket,
        models.PROTECT,
        related_name="check_in_conflicts",
        null=True,
        blank=True,
        verbose_name=_("ticket"),
    )
    check_in = models.ForeignKey(
        CheckIn,
        models.PROTECT,
        related_name="conflicts",
        null=True,
        blank=True,
        db_index=False,
        verbose_name=_("other check-in"),
    )
    code = models.CharField(_("refusal"), max_length=40)
    gate = models.CharField(_("gate"), max_length=50, blank=True)
    scanned_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="+",
        db_index=False,
        verbose_name=_("scanned by"),
    )
    scanned_at = models.DateTimeField(_("scanned"))
    recorded_at = models.DateTimeField(_("recorded"))

    class Meta:
        verbose_name = _("conflict at the door")
        verbose_name_plural = _("conflicts at the door")
        ordering = ["-scanned_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(code="ticket_used", ticket__isnull=False, check_in__isnull=False)
                | ~Q(code="ticket_used") & Q(check_in=None),
                name="payments_checkinconflict_names_the_other_use",
            ),
            models.CheckConstraint(
                condition=Q(recorded_at__gte=F("scanned_at")),
                name="payments_checkinconflict_recorded_after_its_scan",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.gate}".strip()

    @property
    def label(self) -> str | None:
        """The seat's; None for a code that no ticket has."""
        return self.ticket.seat.label if self.ticket else None
