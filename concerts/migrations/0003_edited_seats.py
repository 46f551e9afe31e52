"""Seats know the transaction that made or last edited them."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('concerts', '0002_cancelled_schedules'),
    ]

    operations = [
        migrations.AddField(
            model_name='seat',
            name='edit_xid',
            field=models.BigIntegerField(db_default=models.Func(output_field=models.BigIntegerField(), template='(pg_current_xact_id()::text::bigint)'), editable=False),
        ),
    ]
