"""How somebody is logged in: sessions, and the second factors of the staff."""

from django.contrib.postgres.functions import RandomUUID
from django.contrib.sessions.models import Session
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models.user import User


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


class EndedSession(models.Model):
    """An ended session whose key is to be deleted from Redis
    (accounts/services/ended_sessions.py)."""

    session_key = models.CharField(max_length=40, primary_key=True)
    ended_at = models.DateTimeField(db_default=models.functions.Now())

    class Meta:
        indexes = [models.Index(fields=["ended_at"], name="accounts_endedsession_age")]

    def __str__(self) -> str:
        return str(self.ended_at)


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
