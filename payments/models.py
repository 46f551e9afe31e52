"""The purchase: reservation, payment, ticket and its offers, check-in, refund."""

import datetime as dt
import secrets
import uuid
from collections.abc import Sequence

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.email_addresses import LONGEST_EMAIL
from accounts.models import FREE_TICKET
from concertbook.db.clock import StatementTime, utc
from concertbook.db.status import status_is
from concerts.models import ConcertSchedule, Seat
from payments.errors import AlreadyCancelled, AlreadyPaid, HoldExpired, StaleTicket, TicketUsed


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


def new_ticket_code() -> str:
    """The content of the QR code: 160 random bits."""
    return secrets.token_urlsafe(20)


class Ticket(models.Model):
    """A ticket for one seat, with the seat's name and the show's times at the purchase."""

    class Status(models.TextChoices):
        ISSUED = "ISSUED", _("Issued")
        USED = "USED", _("Used")
        CANCELLED = "CANCELLED", _("Cancelled")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    reservation = models.OneToOneField(
        Reservation, models.PROTECT, related_name="ticket", verbose_name=_("reservation")
    )
    seat = models.ForeignKey(
        Seat, models.PROTECT, related_name="tickets", db_index=False, verbose_name=_("seat")
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="tickets",
        db_index=False,
        verbose_name=_("user"),
    )
    # What the database fills in, here and below, is not sent (concertbook.db.rows.drop_nulls).
    status = models.CharField(
        _("status"),
        max_length=9,
        choices=Status,
        default=Status.ISSUED,
        db_default=Status.ISSUED,
    )
    is_live = status_is("ISSUED", "USED")
    price = models.BigIntegerField(_("price"), help_text=_("won"))
    seat_number = models.PositiveIntegerField(_("seat number"))
    # The times at the purchase; if the show is moved later, the schedule has the new times.
    start_at = models.DateTimeField(_("starts"))
    end_at = models.DateTimeField(_("ends"))
    refund_policy = models.CharField(_("refund policy"), max_length=100)
    code = models.CharField(
        _("code at the door"), max_length=40, unique=True, default=new_ticket_code, editable=False
    )
    used_at = models.DateTimeField(_("used at"), null=True, blank=True)
    gate = models.CharField(_("gate"), max_length=50, blank=True, default="", db_default="")
    used_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        db_index=False,
        verbose_name=_("checked in by"),
    )
    # Counts changes; an update names the version that was read, so that of two one wins.
    version = models.PositiveIntegerField(_("version"), default=1, db_default=1, editable=False)
    created_at = models.DateTimeField(_("issued at"))
    updated_at = models.DateTimeField(_("updated"))

    class Meta:
        verbose_name = _("ticket")
        verbose_name_plural = _("tickets")
        ordering = ["-created_at", "-pk"]
        permissions = [
            ("check_in_ticket", "Can check in tickets at the door, and undo it"),
            ("move_ticket", "Can move a buyer to another seat"),
            ("give_ticket", "Can give a free ticket"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["seat"],
                condition=Q(is_live=True),
                name="payments_ticket_one_live_per_seat",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["ISSUED", "USED", "CANCELLED"]),
                name="payments_ticket_status_known",
            ),
            models.CheckConstraint(
                # A used ticket that is cancelled with its schedule keeps the time of use.
                condition=Q(status="USED", used_at__isnull=False)
                | Q(status="ISSUED", used_at=None)
                | Q(status="CANCELLED"),
                name="payments_ticket_used_has_time",
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-created_at"], name="payments_ticket_mine"),
            models.Index(fields=["seat"], name="payments_ticket_seat"),
            models.Index(fields=["created_at"], name="payments_ticket_age"),
            models.Index(
                fields=["status", "created_at"],
                condition=~Q(status="ISSUED"),
                name="payments_ticket_not_issued",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.seat_number} {self.status}"

    @property
    def is_the_buyers(self) -> bool:
        """Whether its holder has bought it: a ticket may be handed on, its payment stays where it
        is."""
        return self.user_id == self.reservation.user_id

    @property
    def refund(self) -> "Refund | None":
        """Its refund to the holder; None while it is live, and for one that was handed on."""
        if self.status != self.Status.CANCELLED or not self.is_the_buyers:
            return None
        refunds = (getattr(each, "refund", None) for each in self.reservation.payments.all())
        return next(filter(None, refunds), None)

    def require_issued(self) -> None:
        """Raises TicketUsed (with time and gate) or AlreadyCancelled."""
        if self.status == self.Status.CANCELLED:
            raise AlreadyCancelled(ticket=str(self.pk))
        if self.status == self.Status.USED and self.used_at:
            raise TicketUsed(ticket=str(self.pk), used_at=utc(self.used_at), gate=self.gate)


def save_change(ticket: Ticket, *, now: dt.datetime, fields: Sequence[str]) -> None:
    """Save ``fields`` of a ticket unless another transaction changed it since it was read.

    Raises StaleTicket in that case, and writes nothing.
    """
    read = ticket.version
    ticket.version += 1
    ticket.updated_at = now
    values = {name: getattr(ticket, name) for name in (*fields, "version", "updated_at")}
    if not Ticket.objects.filter(pk=ticket.pk, version=read).update(**values):
        raise StaleTicket


class TicketOffer(models.Model):
    """A ticket offered to the account of an e-mail address, and what became of it.

    The accepted offers of a ticket are the chain of its holders: ``number`` counts them from 1, and
    ``old_code`` is the code that ended with the offer. An offer is for an address, so that it never
    tells whether the address has an account. Triggers keep it unchanged once it is over, end it
    with its ticket, and let a ticket change its holder by an accepted offer only.
    """

    class Status(models.TextChoices):
        OPEN = "OPEN", _("Unanswered")
        ACCEPTED = "ACCEPTED", _("Accepted")
        DECLINED = "DECLINED", _("Declined")
        WITHDRAWN = "WITHDRAWN", _("Withdrawn")
        # The ticket was used or cancelled, or its time for handing on was over.
        ENDED = "ENDED", _("Ended")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Found by the constraint of the chain.
    ticket = models.ForeignKey(
        Ticket, models.PROTECT, related_name="offers", db_index=False, verbose_name=_("ticket")
    )
    giver = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="+",
        db_index=False,
        verbose_name=_("offered by"),
    )
    email = models.CharField(_("offered to"), max_length=LONGEST_EMAIL)
    receiver = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        verbose_name=_("accepted by"),
    )
    status = models.CharField(_("status"), max_length=9, choices=Status, default=Status.OPEN)
    is_open = status_is("OPEN")
    number = models.PositiveSmallIntegerField(_("number"), null=True, blank=True)
    old_code = models.CharField(max_length=40, blank=True, editable=False)
    offered_at = models.DateTimeField(_("offered at"))
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)

    class Meta:
        verbose_name = _("handing on")
        verbose_name_plural = _("tickets handed on")
        ordering = ["-offered_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["ticket"],
                condition=Q(is_open=True),
                name="payments_ticketoffer_one_open_per_ticket",
            ),
            models.UniqueConstraint(
                fields=["ticket", "number"], name="payments_ticketoffer_one_chain"
            ),
            models.UniqueConstraint(
                fields=["old_code"],
                condition=~Q(old_code=""),
                name="payments_ticketoffer_code_ends_once",
            ),
            models.CheckConstraint(
                condition=Q(status="OPEN", ended_at=None, receiver=None, number=None, old_code="")
                | Q(
                    status="ACCEPTED",
                    ended_at__isnull=False,
                    receiver__isnull=False,
                    number__gt=0,
                )
                & ~Q(old_code="")
                & ~Q(receiver=F("giver"))
                | Q(
                    status__in=["DECLINED", "WITHDRAWN", "ENDED"],
                    ended_at__isnull=False,
                    receiver=None,
                    number=None,
                    old_code="",
                ),
                name="payments_ticketoffer_is_complete",
            ),
        ]
        indexes = [
            models.Index(fields=["giver", "-offered_at"], name="payments_ticketoffer_given"),
            models.Index(
                fields=["email"], condition=Q(is_open=True), name="payments_ticketoffer_for"
            ),
            models.Index(fields=["offered_at"], name="payments_ticketoffer_age"),
        ]

    def __str__(self) -> str:
        return f"{self.ticket} {self.email} {self.status}"


class TicketMove(models.Model):
    """A ticket that staff moved to another seat of its performance; its code ended with it.

    Triggers keep it unchanged, and let a ticket and its reservation change their seat by it only.
    """

    id = models.BigAutoField(primary_key=True)
    ticket = models.ForeignKey(
        Ticket, models.PROTECT, related_name="moves", verbose_name=_("ticket")
    )
    from_seat = models.ForeignKey(
        Seat, models.PROTECT, related_name="+", db_index=False, verbose_name=_("moved from")
    )
    to_seat = models.ForeignKey(
        Seat, models.PROTECT, related_name="+", db_index=False, verbose_name=_("moved to")
    )
    old_code = models.CharField(max_length=40, editable=False)
    moved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="+",
        db_index=False,
        verbose_name=_("moved by"),
    )
    moved_at = models.DateTimeField(_("moved at"))

    class Meta:
        verbose_name = _("move to another seat")
        verbose_name_plural = _("moves to other seats")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["old_code"], name="payments_ticketmove_code_ends_once"),
        ]

    def __str__(self) -> str:
        return f"{self.from_seat} → {self.to_seat}"


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
