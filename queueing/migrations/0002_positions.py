"""Every room has a sequence of its own for positions, made and dropped with the room."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION queueing_room_has_positions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        EXECUTE format('CREATE SEQUENCE IF NOT EXISTS %I', 'queueing_position_' || NEW.id);
    ELSE
        EXECUTE format('DROP SEQUENCE IF EXISTS %I', 'queueing_position_' || OLD.id);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER queueing_room_has_positions
    AFTER INSERT OR DELETE ON queueing_waitingroom
    FOR EACH ROW EXECUTE FUNCTION queueing_room_has_positions();
"""

BACKWARD = """
DROP TRIGGER queueing_room_has_positions ON queueing_waitingroom;
DROP FUNCTION queueing_room_has_positions();
"""


class Migration(migrations.Migration):
    dependencies = [("queueing", "0001_initial")]

    operations = [migrations.RunSQL([FORWARD], [BACKWARD])]
