"""A seat of a schedule, and each change of its status."""

import datetime as dt
import uuid

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from concerts.errors import SeatTaken
from concerts.models.schedule import ConcertSchedule
from concerts.names import look_alike

CURRENT_TRANSACTION = models.Func(
    template="(pg_current_xact_id()::text::bigint)", output_field=models.BigIntegerField()
)


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
