"""What allauth's table of addresses knew is on the user, in the one spelling; then it is emptied.

An address in that table which is not its user's own logged in to the account all the same: it does
so no more, and is free again.
"""

import unicodedata

from django.db import migrations, models
from django.db.models import Exists, OuterRef
from django.db.models.functions import Lower, Now

ASCII = r"^[!-~]+@[!-~]+$"


def keep_what_was_proven(apps, schema_editor):
    User = apps.get_model("accounts", "User")
    EmailAddress = apps.get_model("account", "EmailAddress")
    proven = EmailAddress.objects.filter(
        user=OuterRef("pk"), verified=True, email__iexact=OuterRef("email")
    )
    User.objects.filter(Exists(proven)).update(email_verified_at=Now())
    EmailAddress.objects.all().delete()


def spell_alike(apps, schema_editor):
    """Of two accounts with one address in two spellings, the one that has it in ASCII keeps it."""
    User = apps.get_model("accounts", "User")
    for user in User.objects.exclude(email__regex=ASCII).exclude(email=None).only("email"):
        email = fold(user.email)
        lower = User.objects.alias(lower=Lower("email"))
        if not email.isascii() or " " in email or lower.filter(lower=email).exists():
            User.objects.filter(pk=user.pk).update(email=None, email_verified_at=None)
        else:
            User.objects.filter(pk=user.pk).update(email=email)


def fold(typed):
    folded = unicodedata.normalize("NFKC", typed).strip().lower()
    local, at, domain = folded.rpartition("@")
    try:
        return local + at + domain.encode("idna").decode("ascii")
    except UnicodeError:
        return folded


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_one_address_one_account"),
        ("account", "0009_emailaddress_unique_primary_email"),
    ]

    operations = [
        migrations.RunPython(keep_what_was_proven, migrations.RunPython.noop),
        migrations.RunPython(spell_alike, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name='user',
            constraint=models.CheckConstraint(condition=models.Q(('email__regex', '^[!-~]+@[!-~]+$')), name='accounts_user_email_ascii'),
        ),
        migrations.AddConstraint(
            model_name='user',
            constraint=models.CheckConstraint(condition=models.Q(('email_verified_at', None), ('email__isnull', False), _connector='OR'), name='accounts_user_verified_has_email'),
        ),
    ]
