"""What is on sale: concerts, their schedules, the seats, and each seat's history."""

import datetime as dt
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models, transaction
from django.db.models import Case, Count, F, Func, OuterRef, Q, Subquery, TextField, Value, When
from django.db.models.functions import Cast, Coalesce, Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User, rehearsal_of
from concertbook.db.arrays import array
from concertbook.db.prepared import Param
from concertbook.db.rows import Part, Recordset, drop_nulls, write_rows
from concertbook.db.search import NAMES_END, PlainText, initials_pattern
from concerts.errors import SaleClosed, SaleNotOpen, ScheduleCancelled, SeatTaken
from concerts.names import look_alike
from concerts.refund_policy import KOREAN_STANDARD, validate_refund_policy
from concerts.seat_index import own_changes
from queueing.models import WaitingRoom, is_published

CURRENT_TRANSACTION = models.Func(
    template="(pg_current_xact_id()::text::bigint)", output_field=models.BigIntegerField()
)


class ConcertQuerySet(models.QuerySet["Concert"]):
    def visible_to(self, viewer: object) -> "ConcertQuerySet":
        """The real concerts that are published; for a buyer of a rehearsal, only that rehearsal's
        concert."""
        return self.published().filter(waiting_room__rehearsal=rehearsal_of(viewer))

    def published(self) -> "ConcertQuerySet":
        """The concerts that buyers can find: their waiting room is published."""
        return self.filter(is_published("waiting_room__"))

    def search(self, text: str) -> "ConcertQuerySet":
        """The concerts that say the text (concertbook.db.search); by initial consonants those whose
        names do, as almost any three are in a description."""
        says = Q(searched__says=text)
        if pattern := initials_pattern(text):
            says |= Q(searched_names__iregex=pattern)
        names = Func(F("searched"), Value(NAMES_END), Value(1), function="split_part")
        return self.alias(searched_names=Cast(names, TextField())).filter(says)


class ShowColour(models.TextChoices):
    """The colours that a concert may have on its pages.

    ``--show`` in static/css/main.css, where each has 4.5:1 on the ground and on cards, light and
    dark.
    """

    INK = "ink", _("ink")
    INDIGO = "indigo", _("indigo")
    VIOLET = "violet", _("violet")
    PLUM = "plum", _("plum")
    ROSE = "rose", _("rose")
    RED = "red", _("red")
    CORAL = "coral", _("coral")
    AMBER = "amber", _("amber")
    OLIVE = "olive", _("olive")
    GREEN = "green", _("green")
    TEAL = "teal", _("teal")
    BLUE = "blue", _("blue")


class Poster(models.Model):
    """An uploaded poster, as WebP of 2:3 (services/posters). A row never changes.

    One that was replaced is kept: pages that caches keep still show its address.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    image = models.BinaryField()
    created_at = models.DateTimeField(_("created"), db_default=Now())

    class Meta:
        verbose_name = _("poster")
        verbose_name_plural = _("posters")

    def __str__(self) -> str:
        return str(self.pk)


class Concert(models.Model):
    """A show: what its poster says. Title, venue and notice are Korean; each may have an English
    version, which English pages show instead."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    title = models.CharField(_("title"), max_length=200)
    title_en = models.CharField(_("English title"), max_length=200, blank=True)
    artist = models.CharField(_("artist"), max_length=200, blank=True)
    description = models.TextField(_("description"), blank=True)
    notice = models.TextField(
        _("notice"), blank=True, help_text=_("What buyers must know before they buy.")
    )
    notice_en = models.TextField(_("English notice"), blank=True)
    venue = models.CharField(_("venue"), max_length=200, blank=True)
    venue_en = models.CharField(_("English venue"), max_length=200, blank=True)
    venue_address = models.CharField(_("address of the venue"), max_length=200, blank=True)
    venue_map = models.URLField(_("map of the venue"), blank=True, help_text=_("a link"))
    running_minutes = models.PositiveSmallIntegerField(
        _("running time"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("minutes, with the intermission"),
    )
    minimum_age = models.PositiveSmallIntegerField(
        _("age limit"), default=0, help_text=_("years; 0: all ages")
    )
    colour = models.CharField(
        _("colour"), max_length=10, choices=ShowColour, default=ShowColour.INDIGO
    )
    # Without one, a poster is drawn (poster_art).
    poster = models.ForeignKey(
        Poster,
        models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        editable=False,
        db_index=False,
        verbose_name=_("poster"),
    )
    start_time = models.DateTimeField(_("start of the run"))
    end_time = models.DateTimeField(_("end of the run"))
    refund_policy = models.CharField(
        _("refund policy"),
        max_length=100,
        default=KOREAN_STANDARD,
        validators=[validate_refund_policy],
        help_text=_(
            "Days before the show and the fee in percent: 10:0 7:10 3:20 1:30 0:90. "
            "Tickets keep the policy they were sold under."
        ),
    )
    # Required by a trigger: concerts_policy_below_standard_has_reason.
    refund_policy_reason = models.CharField(
        _("why it is below the standard"),
        max_length=200,
        blank=True,
        help_text=_(
            "Needed if cancelling costs more on any day than by the consumer standard "
            "(10:0 7:10 3:20 1:30 0:90). Buyers read it beside the fees."
        ),
    )
    refund_policy_reason_en = models.CharField(_("the same in English"), max_length=200, blank=True)
    waiting_room = models.ForeignKey(
        WaitingRoom,
        models.PROTECT,
        related_name="concerts",
        # A concert that an operator creates is real.
        limit_choices_to={"rehearsal": ""},
        verbose_name=_("waiting room"),
    )
    # Normalizing the texts of 10,000 concerts takes 0.8 s, reading this column 12 ms.
    searched = models.GeneratedField(
        expression=PlainText(
            "title",
            "title_en",
            "artist",
            "venue",
            "venue_en",
            Value(NAMES_END),
            "description",
        ),
        output_field=TextField(),
        db_persist=True,
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    objects = ConcertQuerySet.as_manager()

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
            models.CheckConstraint(
                condition=Q(colour__in=ShowColour.values), name="concerts_concert_colour_known"
            ),
        ]

    def __str__(self) -> str:
        return self.title


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

    def with_seats_available(self) -> "ConcertScheduleQuerySet":
        """Adds ``seats_available``, 0 when cancelled.

        Counted in a subquery: a join would group by every column that is selected.
        """
        free = Seat.objects.filter(schedule=OuterRef("pk"), schedule__cancelled_at=None).free()
        count = free.order_by().values("schedule").annotate(n=Count("pk")).values("n")
        return self.annotate(seats_available=Coalesce(Subquery(count), 0))


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


class StaffConcert(models.Model):
    """A concert that a member of the staff works for. One who has no such row works for all."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(
        User,
        models.CASCADE,
        related_name="staff_concerts",
        db_index=False,
        verbose_name=_("user"),
    )
    concert = models.ForeignKey(
        Concert, models.CASCADE, related_name="+", verbose_name=_("concert")
    )

    class Meta:
        verbose_name = _("concert of a member of the staff")
        verbose_name_plural = _("works for these concerts only")
        constraints = [
            models.UniqueConstraint(
                fields=["user", "concert"], name="concerts_staffconcert_once_per_concert"
            )
        ]

    def __str__(self) -> str:
        return str(self.concert)


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


class SeatQuerySet(models.QuerySet["Seat"]):
    def free(self) -> "SeatQuerySet":
        cooled_down = Q(available_from=None) | Q(available_from__lte=Now())
        return self.filter(cooled_down, status=Seat.Status.AVAILABLE)

    def with_offer(self, now: dt.datetime | None = None) -> "SeatQuerySet":
        """Adds ``offer``: the status as buyers see it at ``now``; HELD during the cooldown.

        ``now`` is the database's clock; without it, that of the statement.
        """
        cooldown = When(available_from__gt=now or Now(), then=Value(Seat.Status.HELD))
        return self.annotate(offer=Case(cooldown, default=F("status")))


class Seat(models.Model):
    """One seat of one schedule. Its holder changes only through hold, release and reserve."""

    class Status(models.TextChoices):
        AVAILABLE = "AVAILABLE", _("Available")
        HELD = "HELD", _("Held")
        RESERVED = "RESERVED", _("Reserved")
        # Not for sale, as an operator said; buyers see it as sold.
        BLOCKED = "BLOCKED", _("Blocked")

    class Kind(models.TextChoices):
        """A companion seat is sold with a wheelchair seat only (payments.services.holds)."""

        STANDARD = "standard", _("standard")
        WHEELCHAIR = "wheelchair", _("wheelchair")
        COMPANION = "companion", _("companion")
        RESTRICTED = "restricted", _("restricted view")

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
    seat_in_row = models.PositiveIntegerField(
        _("seat in its row"),
        validators=[MinValueValidator(1)],
        help_text=_("The number on the seat, which the seat map draws."),
    )
    label = models.CharField(_("label"), max_length=20)
    grade = models.CharField(_("grade"), max_length=20, blank=True)
    price = models.BigIntegerField(
        _("price"), validators=[MinValueValidator(1)], help_text=_("won")
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.STANDARD)
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
    # For whom a blocked seat is held back, as the promoter; empty for no party.
    blocked_for = models.CharField(
        _("held back for"), max_length=50, blank=True, default="", db_default=""
    )
    # The end of the cooldown of a released seat: a random time.
    available_from = models.DateTimeField(_("offered again"), null=True, blank=True)
    # The seq of the seat's last history line.
    version = models.PositiveIntegerField(_("changes"), default=0, editable=False)
    # The transaction that created or last edited the seat, as neither has a history line.
    edit_xid = models.BigIntegerField(db_default=CURRENT_TRANSACTION, editable=False)

    objects = SeatQuerySet.as_manager()

    class Meta:
        verbose_name = _("seat")
        verbose_name_plural = _("seats")
        # On the column ``schedule_id``: ordering by the relation would join the schedule, and a
        # row lock would lock it too.
        ordering = ["schedule_id", "number"]
        constraints = [
            models.UniqueConstraint(
                fields=["schedule", "number"], name="concerts_seat_number_unique_in_schedule"
            ),
            # The seat's name in the hall. The schedule comes last, so that the planner does not
            # choose these indexes for a schedule's seats.
            models.UniqueConstraint(
                "seat_in_row",
                look_alike("row"),
                look_alike("section"),
                "schedule",
                name="concerts_seat_place_unique_in_schedule",
                violation_error_message=_("Another seat has this section, row and number."),
            ),
            models.UniqueConstraint(
                look_alike("label"),
                "schedule",
                name="concerts_seat_label_unique_in_schedule",
                violation_error_message=_("Another seat has this label."),
            ),
            models.CheckConstraint(
                condition=Q(number__gt=0, price__gt=0, seat_in_row__gt=0),
                name="concerts_seat_figures_positive",
            ),
            models.CheckConstraint(
                condition=Q(status="HELD", held_by__isnull=False, hold_expires_at__isnull=False)
                | ~Q(status="HELD") & Q(held_by=None, hold_expires_at=None),
                name="concerts_seat_holder_exactly_while_held",
            ),
            models.CheckConstraint(
                condition=Q(status="AVAILABLE") | Q(available_from=None),
                name="concerts_seat_cooldown_only_while_available",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["AVAILABLE", "HELD", "RESERVED", "BLOCKED"]),
                name="concerts_seat_status_known",
            ),
            models.CheckConstraint(
                condition=Q(status="BLOCKED") | Q(blocked_for=""),
                name="concerts_seat_held_back_only_while_blocked",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["standard", "wheelchair", "companion", "restricted"]),
                name="concerts_seat_kind_known",
            ),
        ]
        indexes = [
            # For the staff's list.
            models.Index(
                fields=["kind", "schedule", "number"],
                condition=~Q(kind="standard"),
                name="concerts_seat_special",
            ),
        ]

    def __str__(self) -> str:
        return self.label

    def hold(self, *, user: User, until: dt.datetime, now: dt.datetime) -> None:
        """AVAILABLE to HELD, for ``user``. Not saved; the caller holds the row lock.

        Raises SeatTaken, also for a seat in its cooldown.
        """
        self.require_available(user=user, now=now)
        self.available_from = None
        self.status = self.Status.HELD
        self.held_by_id = user.pk
        self.hold_expires_at = until

    def require_available(self, *, user: User, now: dt.datetime) -> None:
        """Raises SeatTaken for a seat that ``user`` cannot hold at ``now``."""
        in_cooldown = self.available_from is not None and now < self.available_from
        if self.status != self.Status.AVAILABLE or in_cooldown:
            raise SeatTaken(seat=self.number, yours=self.held_by_id == user.pk)

    @property
    def is_untaken(self) -> bool:
        """Whether no buyer holds or has it: what operators change of a seat, they change then."""
        return self.status in (self.Status.AVAILABLE, self.Status.BLOCKED)

    def has_overdue_hold(self, now: dt.datetime) -> bool:
        return self.hold_expires_at is not None and self.hold_expires_at <= now

    def reserve(self) -> None:
        """HELD to RESERVED, when it is paid. Not saved; the caller holds the row lock.

        Raises SeatTaken for a seat that is not held.
        """
        if self.status != self.Status.HELD:
            raise SeatTaken(seat=self.number)
        self._let_go(self.Status.RESERVED)

    def give(self) -> None:
        """AVAILABLE or BLOCKED to RESERVED, by the staff; a cooldown is for buyers. Not saved; the
        caller holds the row lock.

        Raises SeatTaken for a seat that a buyer holds or has.
        """
        if not self.is_untaken:
            raise SeatTaken(seat=self.number)
        self._let_go(self.Status.RESERVED)
        self.available_from = None

    def release(self, *, available_from: dt.datetime | None = None) -> None:
        """HELD, RESERVED or BLOCKED to AVAILABLE. Not saved; the caller holds the row lock.

        Until ``available_from`` the seat is in its cooldown: shown as held, and it cannot be held.
        """
        self._let_go(self.Status.AVAILABLE)
        self.available_from = available_from

    def block(self) -> None:
        """AVAILABLE to BLOCKED, also in its cooldown. Not saved; the caller holds the row lock.

        Raises SeatTaken for a seat that is not available.
        """
        if self.status != self.Status.AVAILABLE:
            raise SeatTaken(seat=self.number)
        self._let_go(self.Status.BLOCKED)
        self.available_from = None

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
    available_from = models.DateTimeField(_("offered again"), null=True, blank=True)
    # The transaction that wrote the line, to find the changes since a cursor (see seat_map).
    xid = models.BigIntegerField(db_default=CURRENT_TRANSACTION, editable=False)

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
    """Save one transition of several seats by one person (save_statuses)."""
    changes = [(seat, changed_by) for seat in seats]
    save_statuses(changes, from_status=from_status, reason=reason, now=now)


def save_statuses(
    changes: Sequence[tuple[Seat, User | None]], *, from_status: str, reason: str, now: dt.datetime
) -> None:
    """Save one transition of several seats, each with its user, and the history lines.

    The caller holds the seats' row locks and has made the transition on each instance.
    """
    write_rows(new_statuses(changes, from_status=from_status, reason=reason, now=now))


def new_statuses(
    changes: Sequence[tuple[Seat, User | None]], *, from_status: str, reason: str, now: dt.datetime
) -> "NewStatuses":
    """The rows of save_statuses, as part of a larger statement."""
    for seat, _changed_by in changes:
        seat.version += 1
    noted = [_seat_change(seat, changed_by) for seat, changed_by in changes]
    transaction.on_commit(partial(own_changes.note, noted), robust=True)
    return NewStatuses(changes, from_status, reason, now)


def _seat_change(seat: Seat, changed_by: User | None) -> own_changes.SeatChange:
    state = own_changes.COOLDOWN if seat.available_from else STATES_TO_BUYER[seat.status]
    return own_changes.SeatChange(
        schedule_id=seat.schedule_id,
        user_id=changed_by.pk if changed_by else None,
        # Not read for a change that no buyer made: a sweep leaves it out.
        number=seat.number if changed_by else 0,
        version=seat.version,
        state=state,
    )


STATES_TO_BUYER: dict[str, str] = {
    Seat.Status.AVAILABLE: own_changes.FREE,
    Seat.Status.HELD: own_changes.MINE,
    Seat.Status.RESERVED: own_changes.SOLD,
    Seat.Status.BLOCKED: own_changes.SOLD,
}

MOVED = {
    "seat": "uuid",
    "status": "text",
    "held_by": "uuid",
    "hold_expires_at": "timestamptz",
    "available_from": "timestamptz",
    "changed_by": "uuid",
}


@cache
def _move_seats(given: tuple[str, ...]) -> str:
    """``given`` are the columns of MOVED that are sent; the others are NULL."""
    value = {name: f"given.{name}" if name in given else "NULL" for name in MOVED}
    rows = Recordset("given", **{name: MOVED[name] for name in given})
    # The version that the history's line says is the one that was locked, not the one that was
    # read.
    return f"""
    UPDATE concerts_seat AS seat
    SET status = given.status, held_by_id = {value["held_by"]},
        hold_expires_at = {value["hold_expires_at"]}, available_from = {value["available_from"]},
        blocked_for = '', version = seat.version + 1
    FROM {rows} WHERE seat.id = given.seat
    RETURNING seat.id, seat.version, seat.status, {value["changed_by"]}::uuid AS changed_by,
        seat.available_from
    """


WRITE_HISTORY = """
INSERT INTO concerts_seatstatushistory
    (seat_id, seq, from_status, to_status, changed_by_id, reason, changed_at, available_from)
SELECT id, version, %s, status, changed_by, %s, %s::timestamptz, available_from FROM moved_seats
"""


@dataclass(frozen=True)
class NewStatuses:
    """A change for write_rows: seats and their history."""

    rows: Sequence[tuple[Seat, User | None]]
    from_status: str
    reason: str
    now: dt.datetime

    def parts(self) -> list[Part]:
        moved = drop_nulls(
            {
                "seat": [seat.pk for seat, _user in self.rows],
                "status": [seat.status for seat, _user in self.rows],
                "held_by": [seat.held_by_id for seat, _user in self.rows],
                "hold_expires_at": [seat.hold_expires_at for seat, _user in self.rows],
                "available_from": [seat.available_from for seat, _user in self.rows],
                "changed_by": [user.pk if user else None for _seat, user in self.rows],
            }
        )
        params = list(map(array, moved.values()))
        line = [str(self.from_status), self.reason, self.now.isoformat()]
        return [
            Part(_move_seats(tuple(moved)), params, "moved_seats"),
            Part(WRITE_HISTORY, line),
        ]
