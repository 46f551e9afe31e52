"""A concert does not move between a rehearsal's room and a real one."""

from django.db import migrations, models

FORWARD = """
CREATE FUNCTION concerts_concert_keeps_its_rehearsal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT rehearsal FROM queueing_waitingroom WHERE id = NEW.waiting_room_id)
       <> (SELECT rehearsal FROM queueing_waitingroom WHERE id = OLD.waiting_room_id) THEN
        RAISE EXCEPTION 'concert % does not move between rehearsals and the sale', OLD.id
            USING ERRCODE = 'check_violation',
                  CONSTRAINT = 'concerts_concert_keeps_its_rehearsal';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER concerts_concert_keeps_its_rehearsal
    BEFORE UPDATE OF waiting_room_id ON concerts_concert
    FOR EACH ROW WHEN (OLD.waiting_room_id <> NEW.waiting_room_id)
    EXECUTE FUNCTION concerts_concert_keeps_its_rehearsal();
"""

BACKWARD = """
DROP TRIGGER concerts_concert_keeps_its_rehearsal ON concerts_concert;
DROP FUNCTION concerts_concert_keeps_its_rehearsal();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("concerts", "0004_seat_names"),
        ("queueing", "0007_rehearsals"),
    ]

    operations = [
        migrations.AlterField(
            model_name="concert",
            name="waiting_room",
            field=models.ForeignKey(
                limit_choices_to={"rehearsal": ""},
                on_delete=models.deletion.PROTECT,
                related_name="concerts",
                to="queueing.waitingroom",
                verbose_name="waiting room",
            ),
        ),
        migrations.RunSQL([FORWARD], [BACKWARD]),
    ]
