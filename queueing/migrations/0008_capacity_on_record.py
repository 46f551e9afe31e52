"""Each capacity that a room has had, and since when: an admission is judged by its own moment's."""

import django.db.models.deletion
from django.db import migrations, models

FORWARD = """
-- What was let in until now nobody can judge any more: a room's first line is wide enough for it.
INSERT INTO queueing_roomcapacity (room_id, capacity, since)
SELECT room.id, greatest(room.capacity, coalesce(past.inside, 0)), room.created_at
FROM queueing_waitingroom room
LEFT JOIN (
    SELECT room_id, max(inside) AS inside FROM (
        SELECT token.room_id, sum(change) OVER (
            PARTITION BY token.room_id ORDER BY at, change ROWS UNBOUNDED PRECEDING) AS inside
        FROM queueing_queuetoken token,
        LATERAL (VALUES (available_at, 1), (expires_at, -1)) event (at, change)
        WHERE token.available_at IS NOT NULL
    ) step GROUP BY room_id
) past ON past.room_id = room.id;
INSERT INTO queueing_roomcapacity (room_id, capacity, since)
SELECT past.room_id, room.capacity, clock_timestamp()
FROM queueing_roomcapacity past JOIN queueing_waitingroom room ON room.id = past.room_id
WHERE past.capacity <> room.capacity;

CREATE FUNCTION queueing_capacity_is_on_record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- After the room's lock, which admission takes before it reads its own clock.
    IF TG_OP = 'INSERT' OR OLD.capacity <> NEW.capacity THEN
        INSERT INTO queueing_roomcapacity (room_id, capacity, since)
        VALUES (NEW.id, NEW.capacity, clock_timestamp());
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER queueing_capacity_is_on_record
    AFTER INSERT OR UPDATE OF capacity ON queueing_waitingroom
    FOR EACH ROW EXECUTE FUNCTION queueing_capacity_is_on_record();

-- So that the tables can be altered: Django checks its foreign keys when the transaction ends.
SET CONSTRAINTS ALL IMMEDIATE;
"""

BACKWARD = """
DROP TRIGGER queueing_capacity_is_on_record ON queueing_waitingroom;
DROP FUNCTION queueing_capacity_is_on_record();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('queueing', '0007_rehearsals'),
    ]

    operations = [
        migrations.CreateModel(
            name='RoomCapacity',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('capacity', models.PositiveIntegerField()),
                ('since', models.DateTimeField()),
                ('room', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='capacities', to='queueing.waitingroom')),
            ],
            options={
                'indexes': [models.Index(fields=['room', 'since'], name='queueing_capacity_of_room')],
            },
        ),
        migrations.RunSQL([FORWARD], [BACKWARD]),
    ]
