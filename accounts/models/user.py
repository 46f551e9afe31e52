"""Who somebody is: the account and its credentials."""

import uuid
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models, transaction
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from accounts.email_addresses import fold_email
from accounts.sessions import end_sessions
from concertbook.db.prefix import folded_key, plain_key
from concertbook.db.rows import is_saved

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


def rehearsal_of(viewer: object) -> str:
    """The name of the viewer's rehearsal; empty for a real user and for an anonymous one.

    Buyers see and join only concerts and rooms with the same name: a real buyer sees no rehearsal,
    and a rehearsal's buyer sees no real sale.
    """
    return str(getattr(viewer, "rehearsal", ""))
