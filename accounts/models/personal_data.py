"""A user's right to their data: the copy of it, and what is kept of a deleted account."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models.user import User


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
