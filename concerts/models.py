"""What is on sale: concerts, their schedules, the seats, and each seat's history."""

import datetime as dt
import uuid
from collections.abc import Sequence

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Count, F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from concerts.errors import SaleClosed, SaleNotOpen, SeatTaken
from queueing.models import WaitingRoom


class Concert(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    title = models.CharField(_("title"), max_length=200)
    description = models.TextField(_("description"), blank=True)
    venue = models.CharField(_("venue"), max_length=200, blank=True)
    start_time = models.DateTimeField(_("start of the run"))
    end_time = models.DateTimeField(_("end of the run"))
    waiting_room = models.ForeignKey(
        WaitingRoom, models.PROTECT, related_name="concerts", verbose_name=_("waiting room")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name = _("concert")
        verbose_name_plural = _("concerts")
        ordering = ["start_time", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(start_time__lt=F("end_time")),
                name="concerts_concert_starts_before_it_ends",
                violation_error_message=_("The run must end after it starts."),
            ),
        ]

    def __str__(self) -> str:
        return self.title


class ConcertScheduleQuerySet(models.QuerySet["ConcertSchedule"]):
    def with_seats_available(self) -> "ConcertScheduleQuerySet":
        free = Count("seats", filter=Q(seats__status=Seat.Status.AVAILABLE))
        return self.annotate(seats_available=free)


class ConcertSchedule(models.Model):
    """One performance. Its date is that of ``start_at`` in the venue's time zone."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    concert = models.ForeignKey(
        Concert, models.PROTECT, related_name="schedules", verbose_name=_("concert")
    )
    price = models.BigIntegerField(
        _("price"), validators=[MinValueValidator(1)], help_text=_("won; each seat may differ")
    )
    seat_quantity = models.PositiveIntegerField(_("seats"), default=0, editable=False)
    purchase_limit = models.PositiveSmallIntegerField(
        _("purchase limit"),
        default=4,
        validators=[MinValueValidator(1)],
        help_text=_("Seats one person may hold and own at once."),
    )
    reserve_from = models.DateTimeField(_("sale opens"))
    reserve_until = models.DateTimeField(_("sale closes"))
    start_at = models.DateTimeField(_("starts"))
    end_at = models.DateTimeField(_("ends"))
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    objects = ConcertScheduleQuerySet.as_manager()

    class Meta:
        verbose_name = _("schedule")
        verbose_name_plural = _("schedules")
        ordering = ["start_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    reserve_from__lt=F("reserve_until"),
                    reserve_until__lte=F("end_at"),
                    start_at__lt=F("end_at"),
                ),
                name="concerts_concertschedule_times_in_order",
                violation_error_message=_(
                    "The sale must open before it closes, and close before the concert ends."
                ),
            ),
            models.CheckConstraint(
                condition=Q(price__gt=0, purchase_limit__gt=0),
                name="concerts_concertschedule_figures_positive",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.concert} {timezone.localtime(self.start_at):%Y-%m-%d %H:%M}"

    @property
    def concert_date(self) -> dt.date:
        return self.start_at.astimezone(timezone.get_default_timezone()).date()

    def require_on_sale(self, now: dt.datetime) -> None:
        """Raises SaleNotOpen or SaleClosed at ``now``, the database's clock."""
        if now < self.reserve_from:
            raise SaleNotOpen
        if now >= self.reserve_until:
            raise SaleClosed


class Seat(models.Model):
    """One seat of one schedule. It changes hands only through hold, release and reserve."""

    class Status(models.TextChoices):
        AVAILABLE = "AVAILABLE", _("Available")
        HELD = "HELD", _("Held")
        RESERVED = "RESERVED", _("Reserved")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    schedule = models.ForeignKey(
        ConcertSchedule,
        models.PROTECT,
        related_name="seats",
        db_index=False,
        verbose_name=_("schedule"),
    )
    number = models.PositiveIntegerField(_("number"), validators=[MinValueValidator(1)])
    section = models.CharField(_("section"), max_length=20, blank=True)
    row = models.CharField(_("row"), max_length=10, blank=True)
    label = models.CharField(_("label"), max_length=20)
    grade = models.CharField(_("grade"), max_length=20, blank=True)
    price = models.BigIntegerField(
        _("price"), validators=[MinValueValidator(1)], help_text=_("won")
    )
    status = models.CharField(_("status"), max_length=9, choices=Status, default=Status.AVAILABLE)
    held_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        db_index=False,
        verbose_name=_("held by"),
    )
    hold_expires_at = models.DateTimeField(_("hold expires"), null=True, blank=True)
    # The seq of the seat's last history line.
    version = models.PositiveIntegerField(_("changes"), default=0, editable=False)

    class Meta:
        verbose_name = _("seat")
        verbose_name_plural = _("seats")
        ordering = ["schedule", "number"]
        constraints = [
            models.UniqueConstraint(
                fields=["schedule", "number"], name="concerts_seat_number_unique_in_schedule"
            ),
            models.CheckConstraint(
                condition=Q(number__gt=0, price__gt=0), name="concerts_seat_figures_positive"
            ),
            models.CheckConstraint(
                condition=Q(status="HELD", held_by__isnull=False, hold_expires_at__isnull=False)
                | ~Q(status="HELD") & Q(held_by=None, hold_expires_at=None),
                name="concerts_seat_holder_exactly_while_held",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["AVAILABLE", "HELD", "RESERVED"]),
                name="concerts_seat_status_known",
            ),
        ]

    def __str__(self) -> str:
        return self.label

    def hold(self, *, user: User, until: dt.datetime) -> None:
        """AVAILABLE to HELD, for ``user``. Not saved; the caller holds the row lock.

        Raises SeatTaken.
        """
        if self.status != self.Status.AVAILABLE:
            raise SeatTaken(seat=self.number)
        self.status = self.Status.HELD
        self.held_by_id = user.pk
        self.hold_expires_at = until

    def reserve(self) -> None:
        """HELD to RESERVED: it is paid. Not saved; the caller holds the row lock.

        Raises SeatTaken for a seat that is not held.
        """
        if self.status != self.Status.HELD:
            raise SeatTaken(seat=self.number)
        self._let_go(self.Status.RESERVED)

    def release(self) -> None:
        """HELD or RESERVED to AVAILABLE. Not saved; the caller holds the row lock."""
        self._let_go(self.Status.AVAILABLE)

    def _let_go(self, status: "Seat.Status") -> None:
        self.status = status
        self.held_by_id = None
        self.hold_expires_at = None


class SeatStatusHistory(models.Model):
    """One change of one seat's status; ``seq`` counts a seat's changes from 1 without a gap."""

    id = models.BigAutoField(primary_key=True)
    seat = models.ForeignKey(
        Seat, models.PROTECT, related_name="history", db_index=False, verbose_name=_("seat")
    )
    seq = models.PositiveIntegerField(_("change"))
    from_status = models.CharField(_("from"), max_length=9, choices=Seat.Status)
    to_status = models.CharField(_("to"), max_length=9, choices=Seat.Status)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        db_index=False,
        verbose_name=_("changed by"),
    )
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    changed_at = models.DateTimeField(_("changed"))
    # The transaction that wrote the line: what "changed since" goes by (see changed_seats).
    xid = models.BigIntegerField(
        db_default=models.Func(
            template="(pg_current_xact_id()::text::bigint)", output_field=models.BigIntegerField()
        ),
        editable=False,
    )

    class Meta:
        verbose_name = _("seat status history")
        verbose_name_plural = _("seat status history")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["seat", "seq"], name="concerts_seatstatushistory_one_line_per_seq"
            ),
            models.CheckConstraint(
                condition=~Q(from_status=F("to_status")),
                name="concerts_seatstatushistory_is_a_change",
            ),
        ]
        indexes = [models.Index(fields=["xid"], name="concerts_seat_history_xid")]

    def __str__(self) -> str:
        return f"{self.seat} {self.from_status} → {self.to_status}"


def save_status(
    seats: Sequence[Seat],
    *,
    from_status: str,
    changed_by: User | None,
    reason: str,
    now: dt.datetime,
) -> None:
    """Save one transition of several seats, which all end up alike, and its history lines.

    The caller holds the seats' row locks and made the transition on each instance.
    """
    first = seats[0]
    Seat.objects.filter(pk__in=[seat.pk for seat in seats]).update(
        status=first.status,
        held_by=first.held_by_id,
        hold_expires_at=first.hold_expires_at,
        version=F("version") + 1,
    )
    lines = []
    for seat in seats:
        seat.version += 1
        lines.append(
            SeatStatusHistory(
                seat=seat,
                seq=seat.version,
                from_status=from_status,
                to_status=seat.status,
                changed_by=changed_by,
                reason=reason,
                changed_at=now,
            )
        )
    SeatStatusHistory.objects.bulk_create(lines)
