from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0014_roles")]

    operations = [
        migrations.AddField(
            model_name="keptidentity",
            name="told_seq",
            field=models.PositiveIntegerField(db_default=0, default=0, editable=False),
        ),
    ]
