"""The documents that users agree to, and the seller's details."""

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models.user import User


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
