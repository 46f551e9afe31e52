"""The log of what staff and system did."""

from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.acts import words_of
from accounts.models.user import User
from concertbook.db.clock import ClockTime


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
