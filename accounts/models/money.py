"""A user's money: balance, its history, charges, credits of the staff."""

import datetime as dt
import uuid

from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.utils.translation import gettext_lazy as _

from accounts.models.user import User
from concertbook.db.status import status_is


class Balance(models.Model):
    """The money of a user, in won. Always equals the last line of its history."""

    user = models.OneToOneField(
        User, models.PROTECT, related_name="balance", verbose_name=_("user")
    )
    amount = models.BigIntegerField(_("amount"), default=0, help_text=_("won"))
    last_seq = models.BigIntegerField(_("lines in the history"), default=0)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name = _("balance")
        verbose_name_plural = _("balances")
        permissions = [
            ("grant_credit", "Can give a small credit out of goodwill"),
            ("approve_credit", "Can approve a larger credit"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gte=0), name="accounts_balance_never_below_zero"
            ),
            # A trigger compares it with the last line (accounts_balance_equals_last_line.sql).
            models.CheckConstraint(
                condition=Q(last_seq__gt=0) | Q(last_seq=0, amount=0),
                name="accounts_balance_starts_empty",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.amount:,}"

    def add_line(
        self,
        *,
        type: "BalanceHistory.Type",
        amount: int,
        source: uuid.UUID,
        status: "BalanceHistory.Status | None" = None,
        reason: str = "",
        at: dt.datetime | None = None,
    ) -> "BalanceHistory":
        """Create the next line of the history and apply it to this balance; neither is saved.

        ``at`` is the time of the event, by default the time of writing. The caller holds the
        balance's row lock and has checked that the balance suffices.
        """
        line = BalanceHistory(
            balance=self,
            seq=self.last_seq + 1,
            type=type,
            status=status or BalanceHistory.Status.SUCCESS,
            amount=amount,
            source=source,
            reason=reason,
        )
        if at is not None:
            line.created_at = at
        self.last_seq = line.seq
        self.amount = line.balance_after = self.amount + line.signed_amount
        return line


# The reason of a free ticket, in the ledger and in payments.
FREE_TICKET = "free_ticket"


class BalanceHistory(models.Model):
    """One line of the append-only ledger. FAILED lines are part of the chain and move no money."""

    class Type(models.TextChoices):
        CHARGE = "CHARGE", _("Charge")
        RESERVATION = "RESERVATION", _("Reservation")
        CANCELLATION = "CANCELLATION", _("Cancellation")
        # Paid above the price, for a performance cancelled by the organiser's fault.
        COMPENSATION = "COMPENSATION", _("Compensation")
        # Given by the staff (Credit).
        CREDIT = "CREDIT", _("Goodwill credit")
        OTHER = "OTHER", _("Other")

    class Status(models.TextChoices):
        SUCCESS = "SUCCESS", _("Success")
        FAILED = "FAILED", _("Failed")

    id = models.BigAutoField(primary_key=True)
    balance = models.ForeignKey(
        Balance, models.PROTECT, related_name="history", db_index=False, verbose_name=_("balance")
    )
    seq = models.BigIntegerField(_("line"))
    type = models.CharField(_("type"), max_length=12, choices=Type)
    status = models.CharField(_("status"), max_length=7, choices=Status)
    amount = models.BigIntegerField(_("amount"), help_text=_("won"))
    # The change of the balance: RESERVATION subtracts the amount, every other type adds it.
    delta = models.GeneratedField(
        expression=Case(
            When(status="FAILED", then=Value(0)),
            When(type="RESERVATION", then=-F("amount")),
            default=F("amount"),
            output_field=models.BigIntegerField(),
        ),
        output_field=models.BigIntegerField(),
        db_persist=True,
        verbose_name=_("change"),
    )
    balance_after = models.BigIntegerField(_("balance after"), help_text=_("won"))
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    source = models.UUIDField(
        _("source"), help_text=_("the charge, payment, refund, compensation or credit")
    )
    created_at = models.DateTimeField(_("at"), db_default=models.functions.Now())

    class Meta:
        verbose_name = _("balance history")
        verbose_name_plural = _("balance history")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["balance", "seq"], name="accounts_balancehistory_one_line_per_seq"
            ),
            models.UniqueConstraint(
                fields=["source"],
                name="accounts_balancehistory_one_effect_per_source",
            ),
            models.CheckConstraint(
                # A free ticket is the one line of 0 won.
                condition=Q(amount__gt=0)
                | Q(type="OTHER") & ~Q(amount=0)
                | Q(type="RESERVATION", status="SUCCESS", amount=0, reason=FREE_TICKET),
                name="accounts_balancehistory_amount_positive",
            ),
            models.CheckConstraint(
                condition=Q(
                    type__in=[
                        *("CHARGE", "RESERVATION", "CANCELLATION"),
                        *("COMPENSATION", "CREDIT", "OTHER"),
                    ]
                ),
                name="accounts_balancehistory_type_known",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["SUCCESS", "FAILED"]),
                name="accounts_balancehistory_status_known",
            ),
            models.CheckConstraint(
                condition=Q(seq__gt=0, balance_after__gte=0),
                name="accounts_balancehistory_figures_valid",
            ),
        ]
        # For the staff's list: what few lines are. A hold and a payment write neither.
        indexes = [
            models.Index(
                fields=["type", "id"],
                condition=~Q(type__in=["CHARGE", "RESERVATION"]),
                name="accounts_ledger_rare_types",
            ),
            models.Index(
                fields=["id"], condition=Q(status="FAILED"), name="accounts_ledger_failed"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.amount:,} {self.status}"

    @property
    def signed_amount(self) -> int:
        """The change of the balance in won, as ``delta``, before the database has computed it."""
        if self.status == self.Status.FAILED:
            return 0
        return -self.amount if self.type == self.Type.RESERVATION else self.amount


class Charge(models.Model):
    """A top-up through the gateway.

    The row is committed before the gateway is called and settled after. If the process dies in
    between, a sweep asks the gateway again, so that no money is lost.
    """

    class Status(models.TextChoices):
        PENDING = "PENDING", _("Pending")
        SUCCESS = "SUCCESS", _("Success")
        FAILED = "FAILED", _("Failed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.PROTECT, related_name="charges", verbose_name=_("user"))
    amount = models.BigIntegerField(_("amount"), help_text=_("won"))
    status = models.CharField(_("status"), max_length=7, choices=Status, default=Status.PENDING)
    is_pending = status_is("PENDING")
    # The client's key, so that a retry finds this charge in any state.
    key = models.CharField(_("idempotency key"), max_length=255, null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("created"), db_default=models.functions.Now())
    charged_at = models.DateTimeField(_("settled"), null=True, blank=True)
    # The last failed attempt of the sweep: other charges are tried first.
    asked_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = _("charge")
        verbose_name_plural = _("charges")
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="accounts_charge_positive"),
            models.CheckConstraint(
                condition=Q(status__in=["PENDING", "SUCCESS", "FAILED"]),
                name="accounts_charge_status_known",
            ),
            models.UniqueConstraint(fields=["user", "key"], name="accounts_charge_one_per_key"),
            models.CheckConstraint(
                condition=Q(status="PENDING", charged_at=None)
                | ~Q(status="PENDING") & Q(charged_at__isnull=False),
                name="accounts_charge_settled_when_ended",
            ),
        ]
        indexes = [
            models.Index(
                fields=["created_at"],
                condition=Q(is_pending=True),
                name="accounts_charge_pending",
            ),
            models.Index(fields=["created_at"], name="accounts_charge_age"),
            models.Index(
                fields=["created_at"], condition=Q(status="FAILED"), name="accounts_charge_failed"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount:,} {self.status}"


class Credit(models.Model):
    """Money that the staff give to a user out of goodwill (services/credits.py).

    Above what its giver may give alone, it waits for the decision of a second person. A trigger
    keeps it as it was asked for, and its decision (accounts_credit_is_decided_once.sql).
    """

    class State(models.TextChoices):
        WAITING = "WAITING", _("Waits for a second person")
        GIVEN = "GIVEN", _("Given")
        REFUSED = "REFUSED", _("Refused")

    # Also the source of the ledger's line, and the key of the form that asked for it.
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.PROTECT, related_name="credits", verbose_name=_("user"))
    amount = models.BigIntegerField(_("amount"), help_text=_("won"))
    # What the giver could still give to this user alone.
    alone = models.BigIntegerField(_("may be given alone"), help_text=_("won"))
    reason = models.CharField(_("reason"), max_length=200)
    state = models.CharField(_("state"), max_length=7, choices=State)
    asked_by = models.ForeignKey(
        User, models.PROTECT, related_name="+", verbose_name=_("asked for by")
    )
    asked_at = models.DateTimeField(_("asked for at"), db_default=models.functions.Now())
    # The second person; none for a credit that was given alone.
    decided_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", verbose_name=_("decided by")
    )
    decided_at = models.DateTimeField(_("decided at"), null=True)

    class Meta:
        verbose_name = _("credit")
        verbose_name_plural = _("credits")
        ordering = ["-asked_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gt=0, amount__lte=1_000_000, alone__gte=0),
                name="accounts_credit_figures_valid",
            ),
            models.CheckConstraint(
                condition=Q(state="WAITING", decided_by=None, decided_at=None)
                | Q(state="GIVEN", decided_at__isnull=False)
                | Q(state="REFUSED", decided_by__isnull=False, decided_at__isnull=False),
                name="accounts_credit_decided_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(state="GIVEN")
                | Q(amount__lte=F("alone"))
                | Q(decided_by__isnull=False),
                name="accounts_credit_above_limit_has_second_person",
            ),
            models.CheckConstraint(
                condition=Q(decided_by=None)
                | ~Q(decided_by=F("asked_by")) & ~Q(decided_by=F("user")),
                name="accounts_credit_decided_by_another",
            ),
            models.CheckConstraint(
                condition=~Q(asked_by=F("user")), name="accounts_credit_not_to_oneself"
            ),
        ]
        indexes = [
            models.Index(fields=["asked_at"], name="accounts_credit_age"),
            models.Index(
                fields=["asked_at"], condition=Q(state="WAITING"), name="accounts_credit_waiting"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount:,} {self.state}"
