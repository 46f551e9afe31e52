"""A buyer of a rehearsal carries its name (queueing migration 0007 marks those that are there)."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_user_sessions")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="rehearsal",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                editable=False,
                max_length=100,
                verbose_name="rehearsal",
            ),
        ),
        migrations.AddIndex(
            model_name="user",
            index=models.Index(
                condition=models.Q(("rehearsal", ""), _negated=True),
                fields=["rehearsal"],
                name="accounts_user_of_rehearsal",
            ),
        ),
    ]
