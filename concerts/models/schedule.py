"""A performance of a concert: its times, its moves, its seat plans, reminders of its sale."""

import datetime as dt
import secrets
import uuid

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User, rehearsal_of
from concertbook.db.prepared import Param
from concerts.errors import SaleClosed, SaleNotOpen, ScheduleCancelled
from concerts.models.concert import Concert
from queueing.models import is_published


class ConcertScheduleQuerySet(models.QuerySet["ConcertSchedule"]):
    def visible_to(self, viewer: object) -> "ConcertScheduleQuerySet":
        """As ConcertQuerySet.visible_to."""
        return self.of_rehearsal(rehearsal_of(viewer))

    def of_rehearsal(self, name: str | Param) -> "ConcertScheduleQuerySet":
        """The published schedules of the rehearsal with this name; the real ones by an empty
        name."""
        return self.published().filter(concert__waiting_room__rehearsal=name)

    def published(self) -> "ConcertScheduleQuerySet":
        """As ConcertQuerySet.published."""
        return self.filter(is_published("concert__waiting_room__"))


class ConcertSchedule(models.Model):
    """One performance. Its date is that of ``start_at`` in the venue's time zone."""

    class CancelCause(models.TextChoices):
        """Why a schedule was cancelled; it decides whether buyers are compensated."""

        ORGANISER = "organiser", _("the organiser's fault")
        FORCE_MAJEURE = "force_majeure", _("force majeure")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    concert = models.ForeignKey(
        Concert, models.PROTECT, related_name="schedules", verbose_name=_("concert")
    )
    price = models.BigIntegerField(
        _("price"), validators=[MinValueValidator(1)], help_text=_("won; each seat may differ")
    )
    seat_quantity = models.PositiveIntegerField(_("number of seats"), default=0, editable=False)
    purchase_limit = models.PositiveSmallIntegerField(
        _("purchase limit"),
        default=4,
        validators=[MinValueValidator(1)],
        help_text=_("Seats one person may hold and own at once."),
    )
    cooldown_seconds = models.PositiveSmallIntegerField(
        _("cooldown of a seat that comes back"),
        default=30,
        help_text=_(
            "Seats of expired holds and cancelled tickets are offered again after a random time "
            "of up to this many seconds."
        ),
    )
    reserve_from = models.DateTimeField(_("sale opens"))
    reserve_until = models.DateTimeField(_("sale closes"))
    start_at = models.DateTimeField(_("starts"))
    end_at = models.DateTimeField(_("ends"))
    # The start that was announced when a seat was first held, if it is another one now
    # (services/schedule_rules).
    moved_from = models.DateTimeField(_("moved from"), null=True, blank=True, editable=False)
    # Relative to the start, so that the opening of the doors moves when the show is moved.
    doors_open_minutes = models.PositiveSmallIntegerField(
        _("doors open before the start"),
        default=120,
        help_text=_("Minutes before the start from which tickets are checked in."),
    )
    may_hand_on = models.BooleanField(
        _("tickets may be handed on"),
        default=True,
        db_default=True,
        help_text=_("A ticket's holder may give it to another account, for no price."),
    )
    # Relative to the start too.
    hand_on_minutes = models.PositiveSmallIntegerField(
        _("handing on ends before the start"),
        default=300,
        db_default=300,
        help_text=_("Minutes before the start from which tickets change hands no more."),
    )
    # Set once, by cancelling. The refunds are derived from the live reservations.
    cancelled_at = models.DateTimeField(_("cancelled at"), null=True, blank=True, editable=False)
    cancelled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        editable=False,
        db_index=False,
        verbose_name=_("cancelled by"),
    )
    cancel_reason = models.CharField(
        _("why it was cancelled"), max_length=200, blank=True, editable=False
    )
    # "" also for schedules cancelled before causes were recorded: refunded as by force majeure.
    cancel_cause = models.CharField(
        _("cause"), max_length=13, choices=CancelCause, blank=True, editable=False
    )
    # The version of the present SeatPlan, "" when it must be built: set by services/seat_plans, and
    # emptied by the triggers of constraints/concerts_seat_outdates_plan.sql.
    seat_plan = models.CharField(max_length=16, blank=True, default="", editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    objects = ConcertScheduleQuerySet.as_manager()

    class Meta:
        verbose_name = _("schedule")
        verbose_name_plural = _("schedules")
        ordering = ["start_at", "pk"]
        permissions = [
            ("cancel_concertschedule", "Can cancel a schedule and refund every buyer in full")
        ]
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
            models.CheckConstraint(
                condition=~Q(moved_from=F("start_at")),
                name="concerts_concertschedule_moved_to_another_time",
            ),
            models.CheckConstraint(
                condition=Q(cancelled_at=None, cancelled_by=None, cancel_reason="")
                | Q(cancelled_at__isnull=False, cancelled_by__isnull=False),
                name="concerts_concertschedule_cancelled_has_operator",
            ),
            models.CheckConstraint(
                condition=Q(cancel_cause="")
                | Q(cancel_cause__in=["organiser", "force_majeure"], cancelled_at__isnull=False),
                name="concerts_concertschedule_cause_of_cancellation",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.concert} {timezone.localtime(self.start_at):%Y-%m-%d %H:%M}"

    @property
    def concert_date(self) -> dt.date:
        return self.start_at.astimezone(timezone.get_default_timezone()).date()

    @property
    def doors_open_at(self) -> dt.datetime:
        return self.start_at - dt.timedelta(minutes=self.doors_open_minutes)

    @property
    def hand_on_until(self) -> dt.datetime:
        """The moment from which its tickets change hands no more."""
        return self.start_at - dt.timedelta(minutes=self.hand_on_minutes)

    def after_cooldown(self, now: dt.datetime) -> dt.datetime | None:
        """When a seat released at ``now`` is offered again: a random time, so that buyers cannot
        wait for it."""
        if not self.cooldown_seconds:
            return None
        return now + dt.timedelta(seconds=secrets.SystemRandom().uniform(0, self.cooldown_seconds))

    def require_on_sale(self, now: dt.datetime) -> None:
        """Raises ScheduleCancelled, SaleNotOpen or SaleClosed at ``now``, the database's clock."""
        self.require_not_cancelled()
        if now < self.reserve_from:
            raise SaleNotOpen
        if now >= self.reserve_until:
            raise SaleClosed

    def require_not_cancelled(self) -> None:
        """Raises ScheduleCancelled."""
        if self.cancelled_at is not None:
            raise ScheduleCancelled


class ScheduleMove(models.Model):
    """A schedule that got another start after its sale had begun, of which its ticket holders are
    told (payments/services/move_news.py). A trigger writes it.
    """

    id = models.BigAutoField(primary_key=True)
    schedule = models.ForeignKey(
        ConcertSchedule, models.CASCADE, related_name="moves", verbose_name=_("schedule")
    )
    from_start_at = models.DateTimeField(_("moved from"))
    to_start_at = models.DateTimeField(_("moved to"))
    moved_at = models.DateTimeField(_("moved at"))
    # The key of the last holder who was told, as thousands are told in several transactions.
    told = models.PositiveIntegerField(_("holders told"), default=0, db_default=0)
    last_told = models.UUIDField(null=True)
    told_at = models.DateTimeField(_("told at"), null=True)

    class Meta:
        verbose_name = _("move of a schedule")
        verbose_name_plural = _("moves of schedules")
        ordering = ["pk"]
        indexes = [
            models.Index(
                fields=["moved_at"], condition=Q(told_at=None), name="concerts_schedulemove_untold"
            )
        ]

    def __str__(self) -> str:
        return f"{self.schedule_id} {self.to_start_at:%Y-%m-%d %H:%M}"


class Reminder(models.Model):
    """A user's request for a mail before a sale opens (services/reminders).

    ``sent_at`` is set when the mail is queued.
    """

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(User, models.CASCADE, related_name="+", verbose_name=_("user"))
    schedule = models.ForeignKey(
        ConcertSchedule,
        models.CASCADE,
        related_name="+",
        db_index=False,
        verbose_name=_("schedule"),
    )
    # As the user asked for it: the language, and the scheme and host for the link.
    language = models.CharField(max_length=10)
    origin = models.CharField(max_length=300)
    created_at = models.DateTimeField(_("created"), db_default=Now())
    sent_at = models.DateTimeField(_("sent"), null=True)

    class Meta:
        verbose_name = _("reminder")
        verbose_name_plural = _("reminders")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["schedule", "user"], name="concerts_reminder_one_per_user"
            ),
        ]
        # The sweep finds those that are not sent among many that are.
        indexes = [models.Index(fields=["schedule", "sent_at"], name="concerts_reminder_due")]

    def __str__(self) -> str:
        return f"{self.schedule}: {self.user}"


class SeatPlan(models.Model):
    """One version of a schedule's seat plan, for ever (see services/seat_plan_document).

    The document is stored as it is sent: compressed when it is saved.
    """

    schedule = models.ForeignKey(
        ConcertSchedule,
        models.CASCADE,
        related_name="seat_plans",
        db_index=False,
        verbose_name=_("schedule"),
    )
    version = models.CharField(_("version"), max_length=16)
    br = models.BinaryField()
    gzip = models.BinaryField()
    created_at = models.DateTimeField(_("created"), db_default=Now())

    class Meta:
        verbose_name = _("seat plan")
        verbose_name_plural = _("seat plans")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["schedule", "version"], name="concerts_seatplan_one_per_version"
            ),
        ]

    def __str__(self) -> str:
        return self.version
