"""Concerts, schedules and seats: what every writer must keep, by triggers. Each file says what it guarantees."""

from django.db import migrations

from concertbook.db.constraints import constraint


class Migration(migrations.Migration):
    dependencies = [("concerts", "0001_initial"), ("queueing", "0002_constraints")]

    operations = [
        constraint("concerts", "concerts_concert_keeps_its_rehearsal"),
        constraint("concerts", "concerts_schedule_cancellation_is_final"),
        constraint("concerts", "concerts_seat_schedule_never_changes"),
    ]
