"""When an account's address last changed: links that were asked for before are worth nothing."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0008_exports'),
    ]

    operations = [
        migrations.AddField(
            model_name='user',
            name='email_changed_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
    ]
