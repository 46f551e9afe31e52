"""Users and their money: user, session, balance, ledger, charge, idempotency key, messages. The
documents that users agree to, the seller's details, and the log of what staff and system did."""

import datetime as dt
import uuid
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.contenttypes.models import ContentType
from django.contrib.postgres.functions import RandomUUID
from django.contrib.sessions.models import Session
from django.core.validators import RegexValidator
from django.db import models, transaction
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from accounts.acts import words_of
from accounts.email_addresses import fold_email
from accounts.sessions import end_sessions
from concertbook.db.clock import ClockTime
from concertbook.db.prefix import folded_key, plain_key
from concertbook.db.rows import is_saved
from concertbook.db.status import status_is

LANGUAGES = [("ko", _("Korean")), ("en", _("English"))]
# A session ends when one of these changes.
CREDENTIALS = {"password", "is_active"}


class UserQuerySet(models.QuerySet["User"]):
    def with_email(self, email: str) -> "UserQuerySet":
        """The account with this address, in any spelling; at most one."""
        # The expression of the unique index: a filter on the plain column would read the table.
        return self.alias(address=Lower("email")).filter(address=fold_email(email))

    def update(self, **fields: Any) -> int:
        """Ends the sessions of these users when a password or is_active is among the fields."""
        if CREDENTIALS.isdisjoint(fields):
            return super().update(**fields)
        with transaction.atomic():
            user_ids = list(self.order_by().values_list("pk", flat=True))
            changed = super().update(**fields)
            end_sessions(user_ids=user_ids)
        return changed


class UserManager(BaseUserManager["User"].from_queryset(UserQuerySet)):  # type: ignore[misc]
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user: User = self.model(email=email, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        user: User = self.with_email(str(username)).get()
        return user


class User(AbstractBaseUser, PermissionsMixin):
    """A person, known by an e-mail address whose case does not matter.

    An account loses its unconfirmed address to the owner of the mailbox
    (accounts/services/email_proof.py): it keeps everything else, and its pages ask for another.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(_("e-mail address"), null=True)
    email_verified_at = models.DateTimeField(_("address confirmed"), null=True, editable=False)
    # Invalidates links requested before the change, also when the old address comes back.
    email_changed_at = models.DateTimeField(null=True, editable=False)
    name = models.CharField(_("name"), max_length=100, blank=True)
    # The language of mails, and of pages on a device that has chosen none; "" for Korean.
    language = models.CharField(
        _("language"), max_length=2, blank=True, default="", db_default="", choices=LANGUAGES
    )
    is_active = models.BooleanField(_("active"), default=True)
    is_staff = models.BooleanField(_("staff"), default=False)
    # The name of the rehearsal that created this buyer; empty for all others. A trigger keeps it
    # unchanged (queueing_rehearsal_never_changes.sql), so that rehearsals and real sales are
    # separate.
    rehearsal = models.CharField(
        _("rehearsal"), max_length=100, blank=True, default="", db_default="", editable=False
    )
    # The user asked for the end of the account: it comes at this time, unless they log in before
    # (services/account_deletion.py).
    closes_at = models.DateTimeField(_("will be deleted"), null=True, editable=False)
    deleted_at = models.DateTimeField(_("deleted"), null=True, editable=False)
    created_at = models.DateTimeField(_("joined"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        permissions = [
            ("help_user", "Can end a user's sessions and send a link for a new password"),
            ("deactivate_user", "Can deactivate an account"),
            ("manage_staff", "Can make staff accounts and give them roles"),
        ]
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                name="accounts_user_email_unique",
                violation_error_message=_("This e-mail address is taken."),
            ),
            # Otherwise two spellings of an address could be two accounts of one mailbox.
            models.CheckConstraint(
                condition=Q(email__regex=r"^[!-~]+@[!-~]+$"), name="accounts_user_email_ascii"
            ),
            models.CheckConstraint(
                condition=Q(email_verified_at=None) | Q(email__isnull=False),
                name="accounts_user_verified_has_email",
            ),
            models.CheckConstraint(
                condition=Q(language__in=["", "ko", "en"]), name="accounts_user_language_known"
            ),
            models.CheckConstraint(
                condition=Q(deleted_at=None)
                | Q(email=None, name="", language="", last_login=None, closes_at=None)
                & Q(is_active=False, is_staff=False, is_superuser=False),
                name="accounts_user_deleted_names_no_person",
                violation_error_message=_("This account was deleted at its user's request."),
            ),
        ]
        indexes = [
            models.Index(
                fields=["rehearsal"],
                condition=~Q(rehearsal=""),
                name="accounts_user_of_rehearsal",
            ),
            models.Index(
                fields=["closes_at"],
                condition=Q(closes_at__isnull=False),
                name="accounts_user_closing",
            ),
            # The staff's search, and the filters of their list (services/user_search.py).
            models.Index(folded_key("email"), name="accounts_user_email_begins"),
            models.Index(plain_key("name"), name="accounts_user_name_begins"),
            models.Index(fields=["created_at"], name="accounts_user_age"),
            models.Index(
                fields=["created_at"], condition=Q(is_staff=True), name="accounts_user_staff"
            ),
            models.Index(
                fields=["created_at"], condition=Q(is_active=False), name="accounts_user_inactive"
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.email or str(self.pk)

    @property
    def won(self) -> int:
        """The balance in won as of when it was read with this user; 0 without any charge."""
        return self.balance.amount if hasattr(self, "balance") else 0

    @property
    def email_verified(self) -> bool:
        """Whether a link that was sent to the address has been followed."""
        return self.email_verified_at is not None

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Ends the user's sessions when the password or is_active changes, in one transaction.

        Here, not in a service: Django's and allauth's forms, the admin and manage.py
        changepassword all save a user.
        """
        if self.email is not None:
            self.email = fold_email(self.email)
        written = kwargs.get("update_fields")
        if not is_saved(self) or (written is not None and CREDENTIALS.isdisjoint(written)):
            super().save(*args, **kwargs)
            return
        with transaction.atomic():
            stored = User.objects.select_for_update(no_key=True).filter(pk=self.pk)
            before = stored.values_list("password", "is_active").first()
            super().save(*args, **kwargs)
            after = User.objects.filter(pk=self.pk).values_list("password", "is_active").get()
            if before != after:
                end_sessions(user_ids=[self.pk])


class UserSession(models.Model):
    """The user of a session and the client that opened it (accounts/clients.py), and for an app's
    session the refresh token to be used next.

    ``refresh_id`` is the ``jti`` of that token, ``refreshed_id`` of the one before it, which was
    used at ``refreshed_at`` and for a short grace gets the same answer again.
    """

    session = models.OneToOneField(Session, models.CASCADE, primary_key=True)
    user = models.ForeignKey(User, models.CASCADE, related_name="sessions")
    refresh_id = models.UUIDField(null=True, editable=False)
    refreshed_id = models.UUIDField(null=True, editable=False)
    refreshed_at = models.DateTimeField(null=True, editable=False)
    # The session's key is a secret: pages name the session by this.
    public_id = models.UUIDField(db_default=RandomUUID(), editable=False)
    client = models.CharField(max_length=20, db_default="", editable=False)
    system = models.CharField(max_length=20, db_default="", editable=False)
    network = models.CharField(max_length=50, db_default="", editable=False)
    logged_in_at = models.DateTimeField(db_default=models.functions.Now(), editable=False)
    # Written at most once an hour (services/devices.py).
    last_used_at = models.DateTimeField(db_default=models.functions.Now(), editable=False)

    def __str__(self) -> str:
        return str(self.user_id)


class KeptIdentity(models.Model):
    """Name and address of a deleted account that has records of contracts or money.

    Korean law has the seller keep these records for five years, and lets the seller keep with them
    who the contract was made with, apart from other data (docs/personal-data.md). A sweep deletes
    the row after ``kept_until``; the records then belong to a number.
    """

    user = models.OneToOneField(
        User, models.PROTECT, primary_key=True, related_name="+", verbose_name=_("user")
    )
    name = models.CharField(_("name"), max_length=100, blank=True)
    email = models.EmailField(_("e-mail address"), blank=True)
    deleted_at = models.DateTimeField(_("deleted"))
    kept_until = models.DateTimeField(_("kept until"))
    # The last line of the ledger whose money was told by mail (services/owed_money.py).
    told_seq = models.PositiveIntegerField(default=0, db_default=0, editable=False)

    class Meta:
        verbose_name = _("identity of a deleted account")
        verbose_name_plural = _("identities of deleted accounts")
        indexes = [models.Index(fields=["kept_until"], name="accounts_keptidentity_term")]

    def __str__(self) -> str:
        return str(self.user_id)


class DataCopy(models.Model):
    """A copy of a user's data that they asked for, written by a sweep (services/data_copies.py)."""

    class State(models.TextChoices):
        QUEUED = "QUEUED", _("Queued")
        DONE = "DONE", _("Done")
        FAILED = "FAILED", _("Failed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    language = models.CharField(max_length=2)
    state = models.CharField(max_length=6, choices=State, default=State.QUEUED)
    failures = models.PositiveSmallIntegerField(default=0)
    # A ZIP archive.
    file = models.BinaryField(null=True)
    created_at = models.DateTimeField(db_default=models.functions.Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # Each is a read of all that the user has.
            models.UniqueConstraint(
                fields=["user"],
                condition=Q(state="QUEUED"),
                name="accounts_datacopy_one_queued_per_user",
            ),
            models.CheckConstraint(
                condition=Q(state="QUEUED", finished_at=None, file=None)
                | Q(state="DONE", finished_at__isnull=False, file__isnull=False)
                | Q(state="FAILED", finished_at__isnull=False, file=None),
                name="accounts_datacopy_done_has_file",
            ),
        ]
        indexes = [
            models.Index(
                fields=["created_at"], condition=Q(state="QUEUED"), name="accounts_datacopy_queued"
            ),
            models.Index(fields=["created_at"], name="accounts_datacopy_age"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class SecondFactor(models.Model):
    """The app that shows a member of the staff their codes (services/second_factor.py)."""

    user = models.OneToOneField(
        User, models.CASCADE, primary_key=True, related_name="+", verbose_name=_("user")
    )
    # Encrypted.
    secret = models.BinaryField()
    # The period of the last code that was accepted: it and earlier ones are not accepted again.
    last_step = models.BigIntegerField()
    # The hashes of those that are left.
    recovery_codes = models.JSONField(default=list)
    set_up_at = models.DateTimeField(db_default=models.functions.Now())

    def __str__(self) -> str:
        return str(self.user_id)


class Passkey(models.Model):
    """A passkey of a member of the staff, instead of a code of their app (services/passkeys.py)."""

    user = models.ForeignKey(User, models.CASCADE, related_name="+", verbose_name=_("user"))
    name = models.CharField(max_length=60)
    # Its id and public key, as WebAuthn writes them.
    credential = models.BinaryField()
    added_at = models.DateTimeField(db_default=models.functions.Now())
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name


class EndedSession(models.Model):
    """An ended session whose key is to be deleted from Redis
    (accounts/services/ended_sessions.py)."""

    session_key = models.CharField(max_length=40, primary_key=True)
    ended_at = models.DateTimeField(db_default=models.functions.Now())

    class Meta:
        indexes = [models.Index(fields=["ended_at"], name="accounts_endedsession_age")]

    def __str__(self) -> str:
        return str(self.ended_at)


def rehearsal_of(viewer: object) -> str:
    """The name of the viewer's rehearsal; empty for a real user and for an anonymous one.

    Buyers see and join only concerts and rooms with the same name: a real buyer sees no rehearsal,
    and a rehearsal's buyer sees no real sale.
    """
    return str(getattr(viewer, "rehearsal", ""))


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


class IdempotencyKey(models.Model):
    """The saved answer of a request that must have one effect however often it is sent.

    Written in the transaction of the effect; see accounts/services/idempotency.py.
    """

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(
        User, models.CASCADE, related_name="idempotency_keys", verbose_name=_("user")
    )
    key = models.CharField(_("idempotency key"), max_length=255)
    request_hash = models.CharField(_("hash of the request"), max_length=64)
    answer = models.BinaryField(_("answer"))
    created_at = models.DateTimeField(_("created"), db_default=models.functions.Now())

    class Meta:
        verbose_name = _("idempotency key")
        verbose_name_plural = _("idempotency keys")
        constraints = [
            models.UniqueConstraint(
                fields=["user", "key"], name="accounts_idempotencykey_one_answer_per_key"
            ),
        ]
        indexes = [models.Index(fields=["created_at"], name="accounts_idempotency_age")]

    def __str__(self) -> str:
        return self.key


class OutgoingMessage(models.Model):
    """A mail or a push message: queued in the transaction of its event, sent by a sweep.

    ``data`` names what it tells of. Its text, and its secret links, are made when it is sent
    (accounts/services/outbox.py).
    """

    class Channel(models.TextChoices):
        MAIL = "MAIL", _("Mail")
        PUSH = "PUSH", _("Push message")

    class Status(models.TextChoices):
        QUEUED = "QUEUED", _("Queued")
        SENT = "SENT", _("Sent")
        FAILED = "FAILED", _("Given up")

    id = models.BigAutoField(primary_key=True)
    # What the database fills in is not sent: a payment's statement has few parameters left
    # (concertbook.db.rows.drop_nulls).
    channel = models.CharField(
        _("channel"),
        max_length=4,
        choices=Channel,
        default=Channel.MAIL,
        db_default=Channel.MAIL,
    )
    # A key of LETTERS in one of settings.MESSAGE_MODULES.
    kind = models.CharField(_("kind"), max_length=40)
    # Goes before all that is not urgent.
    is_urgent = models.BooleanField(_("urgent"), default=False, db_default=False)
    user = models.ForeignKey(
        User, models.CASCADE, null=True, related_name="messages", verbose_name=_("user")
    )
    # The e-mail address, or the key of the push subscription.
    recipient = models.CharField(_("recipient"), max_length=254)
    data = models.JSONField(_("what it tells of"), default=dict)
    # Empty: the user's language.
    language = models.CharField(_("language"), max_length=10, blank=True, default="", db_default="")
    # Scheme and host of the links; empty: settings.SITE_URL.
    origin = models.CharField(max_length=300, blank=True, default="", db_default="")
    # The Message-ID of every attempt, by which a mailbox finds a duplicate.
    message_id = models.UUIDField(_("message ID"), default=uuid.uuid4, editable=False)
    status = models.CharField(
        _("status"),
        max_length=6,
        choices=Status,
        default=Status.QUEUED,
        db_default=Status.QUEUED,
        editable=False,
    )
    is_queued = status_is("QUEUED")
    # Since it was queued, or sent again by an operator.
    attempts = models.PositiveIntegerField(_("attempts"), default=0, db_default=0, editable=False)
    last_error = models.CharField(
        _("last error"), max_length=500, blank=True, default="", db_default="", editable=False
    )
    created_at = models.DateTimeField(_("created"), db_default=models.functions.Now())
    # Not before this time: a sender has leased it, or the last attempt failed.
    due_at = models.DateTimeField(_("due"), db_default=models.functions.Now(), editable=False)
    sent_at = models.DateTimeField(_("sent"), null=True, editable=False)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        ordering = ["-id"]
        permissions = [("resend_message", "Can send a message again")]
        constraints = [
            models.CheckConstraint(
                condition=Q(channel__in=["MAIL", "PUSH"]),
                name="accounts_outgoingmessage_channel_known",
            ),
            models.CheckConstraint(
                condition=Q(status="SENT", sent_at__isnull=False)
                | Q(status__in=["QUEUED", "FAILED"], sent_at=None),
                name="accounts_outgoingmessage_sent_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(recipient="") | Q(status="FAILED"),
                name="accounts_outgoingmessage_has_recipient",
            ),
        ]
        indexes = [
            models.Index(
                fields=["-is_urgent", "due_at"],
                condition=Q(is_queued=True),
                name="accounts_message_due",
            ),
            # Which message of a recipient is the oldest.
            models.Index(
                fields=["recipient", "is_urgent", "id"],
                condition=Q(is_queued=True),
                name="accounts_message_order",
            ),
            models.Index(fields=["created_at"], name="accounts_message_age"),
            # For the staff's list.
            models.Index(fields=["recipient"], name="accounts_message_recipient"),
            models.Index(fields=["kind", "id"], name="accounts_message_kind"),
            models.Index(
                fields=["id"], condition=Q(status="FAILED"), name="accounts_message_failed"
            ),
            models.Index(fields=["id"], condition=Q(channel="PUSH"), name="accounts_message_push"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.status}"


class PushSubscription(models.Model):
    """A browser that shows push messages to its user, as its push service knows it.

    Its key is the recipient of the messages. It is deleted when the push service says that the
    browser has unsubscribed.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        User, models.CASCADE, related_name="push_subscriptions", verbose_name=_("user")
    )
    endpoint = models.CharField(_("address at the push service"), max_length=1000)
    # For the encryption of messages, base64url.
    p256dh = models.CharField(max_length=88)
    auth = models.CharField(max_length=24)
    created_at = models.DateTimeField(_("created"), db_default=models.functions.Now())

    class Meta:
        verbose_name = _("push subscription")
        verbose_name_plural = _("push subscriptions")
        constraints = [
            models.UniqueConstraint(
                fields=["endpoint"], name="accounts_pushsubscription_one_per_browser"
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class MutedNotice(models.Model):
    """A kind of notice that the user does not want (accounts/services/notices.py)."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(User, models.CASCADE, related_name="muted_notices", db_index=False)
    # A key of CHOICES in one of settings.MESSAGE_MODULES.
    choice = models.CharField(max_length=40)
    created_at = models.DateTimeField(db_default=models.functions.Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "choice"], name="accounts_mutednotice_once_per_choice"
            ),
        ]

    def __str__(self) -> str:
        return self.choice


class Document(models.Model):
    """One version of a page that operators write, in force from a date on. It never changes.

    Version 1 is the text that comes with the application (accounts/documents/); the rows follow it.
    """

    class Kind(models.TextChoices):
        TERMS = "terms", _("Terms of use")
        PRIVACY = "privacy", _("Privacy policy")
        REFUNDS = "refunds", _("Cancellation and refunds")
        HELP = "help", _("Help")

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(_("page"), max_length=7, choices=Kind)
    version = models.PositiveIntegerField(_("version"), editable=False)
    text_ko = models.TextField(_("text in Korean"), help_text=_("Markdown, without HTML."))
    text_en = models.TextField(
        _("text in English"),
        blank=True,
        help_text=_("Without it English pages show the Korean text."),
    )
    effective_on = models.DateField(
        _("in force from"), help_text=_("Changes to the disadvantage of buyers need notice.")
    )
    published_at = models.DateTimeField(
        _("published"), db_default=models.functions.Now(), editable=False
    )

    class Meta:
        verbose_name = _("legal or help page")
        verbose_name_plural = _("legal and help pages")
        ordering = ["kind", "-version"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "version"], name="accounts_document_one_per_version"
            ),
            models.CheckConstraint(
                condition=Q(version__gt=1), name="accounts_document_after_the_default"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["terms", "privacy", "refunds", "help"]),
                name="accounts_document_kind_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.version}"


class Consent(models.Model):
    """A user's agreement to one version of a document."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(
        User, models.CASCADE, related_name="consents", verbose_name=_("user"), db_index=False
    )
    document = models.CharField(_("page"), max_length=7, choices=Document.Kind)
    version = models.PositiveIntegerField(_("version"))
    agreed_at = models.DateTimeField(_("agreed"), db_default=models.functions.Now())

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        constraints = [
            models.UniqueConstraint(
                fields=["user", "document", "version"], name="accounts_consent_once_per_version"
            ),
            models.CheckConstraint(
                condition=Q(document__in=["terms", "privacy"]), name="accounts_consent_is_asked_for"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_document_display()} {self.version}"


class Business(models.Model):
    """What Korean law has sellers say about themselves. The last row counts; rows never change."""

    id = models.BigAutoField(primary_key=True)
    name_ko = models.CharField(_("trade name in Korean"), max_length=100)
    name_en = models.CharField(_("trade name in English"), max_length=100)
    representative_ko = models.CharField(_("representative in Korean"), max_length=100)
    representative_en = models.CharField(_("representative in English"), max_length=100)
    address_ko = models.CharField(_("address in Korean"), max_length=200)
    address_en = models.CharField(_("address in English"), max_length=200)
    phone = models.CharField(_("telephone"), max_length=40)
    email = models.EmailField(_("e-mail address"))
    business_number = models.CharField(
        _("business registration number"),
        max_length=12,
        validators=[RegexValidator(r"^\d{3}-\d{2}-\d{5}$", _("Write it like 123-45-67890."))],
    )
    mail_order_number = models.CharField(_("mail-order business number"), max_length=60)
    hosting_ko = models.CharField(_("hosting provider in Korean"), max_length=100)
    hosting_en = models.CharField(_("hosting provider in English"), max_length=100)
    privacy_officer_ko = models.CharField(_("privacy officer in Korean"), max_length=100)
    privacy_officer_en = models.CharField(_("privacy officer in English"), max_length=100)
    published_at = models.DateTimeField(
        _("published"), db_default=models.functions.Now(), editable=False
    )

    class Meta:
        verbose_name = _("business information")
        verbose_name_plural = _("business information")
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name_ko


class Activity(models.Model):
    """An entry of the log: what a member of the staff or the system (no actor) did, to what, and
    why. Written by services/activity.py; a trigger keeps it as it is.

    Name and address of the actor are as they were then. ``old`` and ``new`` have the values before
    and after by the names of the target's fields; of related rows the text.
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(_("at"), db_default=ClockTime(), editable=False)
    actor = models.ForeignKey(
        User,
        models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
        verbose_name=_("who"),
    )
    actor_name = models.CharField(_("name"), max_length=100, blank=True)
    actor_email = models.CharField(_("e-mail address"), max_length=254, blank=True)
    act = models.CharField(_("act"), max_length=40)
    target_type = models.ForeignKey(
        ContentType,
        models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
        verbose_name=_("kind"),
    )
    target_key = models.CharField(max_length=40, blank=True)
    target_text = models.CharField(_("target"), max_length=200, blank=True)
    old = models.JSONField(_("old values"), null=True)
    new = models.JSONField(_("new values"), null=True)
    reason = models.TextField(_("reason"), blank=True)

    class Meta:
        verbose_name = _("entry of the log")
        verbose_name_plural = _("log")
        indexes = [
            models.Index(fields=["at"], name="accounts_activity_by_time"),
            models.Index(fields=["actor", "id"], name="accounts_activity_of_actor"),
            models.Index(fields=["act", "id"], name="accounts_activity_of_act"),
            models.Index(fields=["target_key", "id"], name="accounts_activity_of_target"),
            models.Index(fields=["target_type", "id"], name="accounts_activity_of_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.target_text} {words_of(self.act)}".strip()
