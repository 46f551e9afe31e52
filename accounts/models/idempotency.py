"""Answers that are kept for requests that are sent twice."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models.user import User


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
