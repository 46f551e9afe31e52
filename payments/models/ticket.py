"""Tickets, and how they are handed on and moved."""

import datetime as dt
import secrets
import uuid
from collections.abc import Sequence

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.email_addresses import LONGEST_EMAIL
from concertbook.db.clock import utc
from concertbook.db.status import status_is
from concerts.models import Seat
from payments.errors import AlreadyCancelled, StaleTicket, TicketUsed
from payments.models.purchase import Refund, Reservation


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
