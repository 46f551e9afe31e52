"""Seat plans, a document for each version, and what every writer must keep about them."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from concertbook.db.constraints import constraint


class Migration(migrations.Migration):

    dependencies = [
        ('concerts', '0002_constraints'),
    ]

    operations = [
        migrations.AddField(
            model_name='concertschedule',
            name='seat_plan',
            field=models.CharField(blank=True, default='', editable=False, max_length=16),
        ),
        migrations.CreateModel(
            name='SeatPlan',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.CharField(max_length=16, verbose_name='version')),
                ('br', models.BinaryField()),
                ('gzip', models.BinaryField()),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='created')),
                ('schedule', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='seat_plans', to='concerts.concertschedule', verbose_name='schedule')),
            ],
            options={
                'verbose_name': 'seat plan',
                'verbose_name_plural': 'seat plans',
                'ordering': ['pk'],
                'constraints': [models.UniqueConstraint(fields=('schedule', 'version'), name='concerts_seatplan_one_per_version')],
            },
        ),
        constraint("concerts", "concerts_seat_outdates_plan"),
        constraint("concerts", "concerts_seatplan_never_changes"),
        constraint("concerts", "concerts_seatplan_not_deleted_before_schedule"),
    ]
