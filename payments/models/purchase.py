"""The purchase: reservation, payment, refund."""

import datetime as dt
import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import FREE_TICKET
from concertbook.db.clock import StatementTime
from concertbook.db.status import status_is
from concerts.models import ConcertSchedule, Seat
from payments.errors import AlreadyCancelled, AlreadyPaid, HoldExpired


class ReservationQuerySet(models.QuerySet["Reservation"]):
    def live(self) -> "ReservationQuerySet":
        return self.filter(is_live=True)

    def held(self) -> "ReservationQuerySet":
        return self.filter(is_held=True)

    def overdue(self, now: dt.datetime | StatementTime) -> "ReservationQuerySet":
        """Of these holds (``held`` for all, or those of one user) the overdue ones."""
        return self.filter(expires_at__lte=now)

    def of_cancelled_schedules(self) -> "ReservationQuerySet":
        """Live reservations of cancelled schedules, which the sweep must end and refund."""
        return self.live().filter(schedule__cancelled_at__isnull=False)


class Reservation(models.Model):
    """One seat for one user: held for a few minutes, then confirmed by a payment or ended.

    ``slot`` numbers the user's live seats in the schedule, from 1 to the purchase limit. Two live
    reservations cannot have the same slot, so the database enforces the limit.
    """

    class Status(models.TextChoices):
        HOLD = "HOLD", _("Held")
        CONFIRMED = "CONFIRMED", _("Confirmed")
        EXPIRED = "EXPIRED", _("Expired")
        CANCELLED = "CANCELLED", _("Cancelled")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="reservations",
        db_index=False,
        verbose_name=_("user"),
    )
    seat = models.ForeignKey(
        Seat, models.PROTECT, related_name="reservations", verbose_name=_("seat")
    )
    # A copy of the seat's schedule, for the purchase limit; a trigger compares it. No foreign key
    # in the database: it would lock the one row of the schedule for every hold of a sale.
    schedule = models.ForeignKey(
        ConcertSchedule,
        models.PROTECT,
        related_name="reservations",
        db_index=False,
        db_constraint=False,
        verbose_name=_("schedule"),
    )
    slot = models.PositiveSmallIntegerField(_("slot"))
    status = models.CharField(_("status"), max_length=9, choices=Status, default=Status.HOLD)
    is_live = status_is("HOLD", "CONFIRMED")
    is_held = status_is("HOLD")
    price = models.BigIntegerField(_("price"), help_text=_("won"))
    created_at = models.DateTimeField(_("held at"))
    expires_at = models.DateTimeField(_("hold expires"))
    confirmed_at = models.DateTimeField(_("confirmed"), null=True, blank=True)
    extended_at = models.DateTimeField(_("extended"), null=True, blank=True)

    objects = ReservationQuerySet.as_manager()

    class Meta:
        verbose_name = _("reservation")
        verbose_name_plural = _("reservations")
        permissions = [("release_reservation", "Can release a buyer's hold")]
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["seat"],
                condition=Q(is_live=True),
                name="payments_reservation_one_live_per_seat",
            ),
            models.UniqueConstraint(
                fields=["schedule", "user", "slot"],
                # This index also finds the live reservations of a schedule.
                condition=Q(is_live=True),
                name="payments_reservation_one_live_per_slot",
            ),
            models.CheckConstraint(
                condition=Q(price__gte=0, slot__gt=0, created_at__lt=F("expires_at")),
                name="payments_reservation_figures_sane",
            ),
            models.CheckConstraint(
                # A free ticket is given, and never held before.
                condition=Q(price__gt=0) | Q(status__in=["CONFIRMED", "CANCELLED"]),
                name="payments_reservation_held_for_a_price",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["HOLD", "EXPIRED"], confirmed_at=None)
                | Q(status="CONFIRMED", confirmed_at__isnull=False)
                | Q(status="CANCELLED"),
                name="payments_reservation_confirmed_has_time",
            ),
            models.CheckConstraint(
                condition=Q(confirmed_at=None) | Q(confirmed_at__lt=F("expires_at")),
                name="payments_reservation_confirmed_in_time",
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-created_at"], name="payments_reservation_mine"),
            models.Index(
                fields=["expires_at"], condition=Q(is_held=True), name="payments_reservation_due"
            ),
            # For the staff's lists, here and below.
            models.Index(fields=["created_at"], name="payments_reservation_age"),
            models.Index(
                fields=["status", "created_at"],
                condition=Q(status__in=["EXPIRED", "CANCELLED"]),
                name="payments_reservation_ended",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.seat} {self.status}"

    def is_overdue(self, now: dt.datetime) -> bool:
        """Whether this is an expired hold at ``now``, the database's clock."""
        return self.status == self.Status.HOLD and self.expires_at <= now

    def require_payable(self, now: dt.datetime) -> None:
        """Raises AlreadyPaid, AlreadyCancelled, HoldExpired at ``now``, the database's clock, or
        ScheduleCancelled."""
        if self.status == self.Status.CONFIRMED:
            raise AlreadyPaid(reservation=str(self.pk))
        self.schedule.require_not_cancelled()
        if self.status == self.Status.CANCELLED:
            raise AlreadyCancelled(reservation=str(self.pk))
        if self.status == self.Status.EXPIRED or self.is_overdue(now):
            raise HoldExpired(reservation=str(self.pk))


class Payment(models.Model):
    """One attempt to pay one reservation from the balance, successful or not; a free ticket is a
    payment of 0 won."""

    class Status(models.TextChoices):
        SUCCESS = "SUCCESS", _("Success")
        FAILED = "FAILED", _("Failed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="payments", verbose_name=_("user")
    )
    reservation = models.ForeignKey(
        Reservation, models.PROTECT, related_name="payments", verbose_name=_("reservation")
    )
    amount = models.BigIntegerField(_("amount"), help_text=_("won"))
    status = models.CharField(_("status"), max_length=7, choices=Status)
    is_success = status_is("SUCCESS")
    reason = models.CharField(_("reason"), max_length=200, blank=True, default="", db_default="")
    paid_at = models.DateTimeField(_("paid at"))

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        ordering = ["-paid_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["reservation"],
                condition=Q(is_success=True),
                name="payments_payment_one_success_per_reservation",
            ),
            models.CheckConstraint(
                condition=Q(amount__gt=0) | Q(amount=0, status="SUCCESS", reason=FREE_TICKET),
                name="payments_payment_positive",
            ),
            models.CheckConstraint(
                condition=Q(status="SUCCESS", reason="")
                | Q(status="SUCCESS", reason=FREE_TICKET, amount=0)
                | Q(status="FAILED") & ~Q(reason=""),
                name="payments_payment_failed_has_reason",
            ),
        ]
        indexes = [
            models.Index(fields=["paid_at"], name="payments_payment_age"),
            models.Index(
                fields=["paid_at"], condition=Q(status="FAILED"), name="payments_payment_failed"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount:,} {self.status}"


# The reason of a refund: the holder or the staff cancelled the ticket, the staff did so without the
# fee, or the schedule was cancelled, which costs no fee.
CANCELLED = "cancelled"
CANCELLED_BY_STAFF = "cancelled_by_staff"
FEE_WAIVED = "fee_waived"
SCHEDULE_CANCELLED = "schedule_cancelled"


class Refund(models.Model):
    """The refund of a payment: ``amount`` to the balance, ``fee`` kept; their sum is the
    payment.

    ``compensation`` comes on top, for a schedule cancelled by the organiser's fault. It is a ledger
    line of its own, whose source is ``compensation_source``. A trigger computes what is owed
    (payments_refund_compensates_as_owed.sql).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    payment = models.OneToOneField(
        Payment, models.PROTECT, related_name="refund", verbose_name=_("payment")
    )
    amount = models.BigIntegerField(_("amount"), help_text=_("won"))
    fee = models.BigIntegerField(_("fee"), default=0, help_text=_("won"))
    compensation = models.BigIntegerField(
        _("compensation"), default=0, db_default=0, help_text=_("won")
    )
    compensation_source = models.UUIDField(null=True, editable=False)
    refunded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="+",
        db_index=False,
        verbose_name=_("refunded by"),
    )
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("refunded at"))

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        permissions = [
            ("refund_ticket", "Can refund a ticket by its policy"),
            ("refund_in_full", "Can refund a ticket in full, or without its fee"),
        ]
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gte=0, fee__gte=0), name="payments_refund_never_negative"
            ),
            models.CheckConstraint(
                condition=~Q(reason=SCHEDULE_CANCELLED) | Q(fee=0),
                name="payments_refund_in_full_when_schedule_cancelled",
            ),
            models.CheckConstraint(
                condition=Q(compensation=0, compensation_source=None)
                | Q(compensation__gt=0, compensation_source__isnull=False),
                name="payments_refund_compensation_has_source",
            ),
        ]
        indexes = [models.Index(fields=["created_at"], name="payments_refund_age")]

    def __str__(self) -> str:
        return f"{self.amount:,} (+{self.fee:,})"
