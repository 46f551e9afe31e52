"""The line, its draw and its rehearsals: what every writer must keep, by triggers. Each file says what it guarantees."""

from django.db import migrations

from concertbook.db.constraints import constraint


class Migration(migrations.Migration):
    dependencies = [("queueing", "0001_initial"), ("accounts", "0002_constraints")]

    operations = [
        constraint("queueing", "queueing_capacity_is_on_record"),
        constraint("queueing", "queueing_draw_never_changes"),
        constraint("queueing", "queueing_draw_not_deleted_before_room"),
        constraint(
            "queueing",
            "queueing_draw_seed_matches_commitment",
            drop="ALTER TABLE queueing_draw DROP CONSTRAINT queueing_draw_seed_matches_commitment",
        ),
        constraint("queueing", "queueing_rehearsal_never_changes"),
        constraint("queueing", "queueing_room_has_positions"),
        constraint("queueing", "queueing_settled_position"),
        constraint("queueing", "queueing_shuffle_is_settled"),
        constraint("queueing", "queueing_shuffling_room_has_draw"),
        constraint("queueing", "queueing_token_keeps_rehearsals_apart"),
    ]
