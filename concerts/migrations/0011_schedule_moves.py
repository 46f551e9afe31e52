"""Moves of schedules, of which the ticket holders are told. Earlier moves are not told of."""

import django.db.models.deletion
from django.db import migrations, models

from concertbook.db.constraints import constraint


class Migration(migrations.Migration):

    dependencies = [
        ('concerts', '0010_handing_on'),
    ]

    operations = [
        migrations.CreateModel(
            name='ScheduleMove',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('from_start_at', models.DateTimeField(verbose_name='moved from')),
                ('to_start_at', models.DateTimeField(verbose_name='moved to')),
                ('moved_at', models.DateTimeField(verbose_name='moved at')),
                ('told', models.PositiveIntegerField(db_default=0, default=0, verbose_name='holders told')),
                ('last_told', models.UUIDField(null=True)),
                ('told_at', models.DateTimeField(null=True, verbose_name='told at')),
                ('schedule', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='moves', to='concerts.concertschedule', verbose_name='schedule')),
            ],
            options={
                'verbose_name': 'move of a schedule',
                'verbose_name_plural': 'moves of schedules',
                'ordering': ['pk'],
                'indexes': [models.Index(condition=models.Q(('told_at', None)), fields=['moved_at'], name='concerts_schedulemove_untold')],
            },
        ),
        constraint("concerts", "concerts_schedule_move_is_noted"),
    ]
