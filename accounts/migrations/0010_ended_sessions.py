"""Sessions that have ended: a sweep takes their keys out of Redis, also when it was away."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0009_email_changed_at'),
    ]

    operations = [
        migrations.CreateModel(
            name='EndedSession',
            fields=[
                ('session_key', models.CharField(max_length=40, primary_key=True, serialize=False)),
                ('ended_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'indexes': [models.Index(fields=['ended_at'], name='accounts_endedsession_age')],
            },
        ),
    ]
