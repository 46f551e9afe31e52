"""Concerts, schedules and seats: what every writer must keep, by triggers. Each file says what it guarantees."""

from django.db import migrations

from concertbook.db.constraints import constraint


class Migration(migrations.Migration):
    dependencies = [("concerts", "0001_initial"), ("queueing", "0002_constraints")]

    operations = [
        constraint("concerts", "concerts_concert_keeps_its_rehearsal"),
        constraint("concerts", "concerts_policy_below_standard_has_reason"),
        constraint("concerts", "concerts_poster_never_changes"),
        constraint("concerts", "concerts_schedule_cancel_cause_is_final"),
        constraint("concerts", "concerts_schedule_cancellation_is_final"),
        constraint("concerts", "concerts_schedule_move_is_noted"),
        constraint("concerts", "concerts_seat_outdates_plan"),
        constraint(
            "concerts",
            "concerts_seat_reclassified_outdates_plan",
            drop="DROP TRIGGER concerts_seat_reclassified_outdates_plan ON concerts_seat",
        ),
        constraint("concerts", "concerts_seat_schedule_never_changes"),
        constraint("concerts", "concerts_seatplan_never_changes"),
        constraint("concerts", "concerts_seatplan_not_deleted_before_schedule"),
    ]
