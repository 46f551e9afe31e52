"""Mail and push messages to users, and what they do not want to be told."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models.user import User
from concertbook.db.status import status_is


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
