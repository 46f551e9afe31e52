"""Uploaded posters, known colours, and the former time of a schedule that was moved."""

import django.db.models.deletion
import django.db.models.functions.datetime
import uuid
from django.db import migrations, models

from concertbook.db.constraints import constraint


class Migration(migrations.Migration):

    dependencies = [
        ('concerts', '0006_reminders'),
    ]

    operations = [
        migrations.CreateModel(
            name='Poster',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('image', models.BinaryField()),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='created')),
            ],
            options={
                'verbose_name': 'poster',
                'verbose_name_plural': 'posters',
            },
        ),
        migrations.AddField(
            model_name='concertschedule',
            name='moved_from',
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name='moved from'),
        ),
        migrations.AddConstraint(
            model_name='concertschedule',
            constraint=models.CheckConstraint(condition=models.Q(('moved_from', models.F('start_at')), _negated=True), name='concerts_concertschedule_moved_to_another_time'),
        ),
        migrations.AddField(
            model_name='concert',
            name='poster',
            field=models.ForeignKey(blank=True, db_index=False, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='concerts.poster', verbose_name='poster'),
        ),
        migrations.AddConstraint(
            model_name='concert',
            constraint=models.CheckConstraint(condition=models.Q(('colour__in', ['ink', 'indigo', 'violet', 'plum', 'rose', 'red', 'coral', 'amber', 'olive', 'green', 'teal', 'blue'])), name='concerts_concert_colour_known'),
        ),
        constraint("concerts", "concerts_poster_never_changes"),
    ]
