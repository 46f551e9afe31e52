"""Every room has a sequence of its own for positions, made and dropped with the room.

Numbers are drawn in another order than they commit, so a visible number does not mean that all
before it are visible. Whoever draws one holds the room's advisory lock shared until the commit;
queueing_settled_position() holds it alone for a moment, when nobody is on the way.
"""

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

CREATE FUNCTION queueing_settled_position(room bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    settled bigint;
BEGIN
    -- A lock of the session, not of the transaction: joins wait for a moment, not for a tick.
    PERFORM pg_advisory_lock(hashtextextended(room::text, 0));
    BEGIN
        settled := pg_sequence_last_value(to_regclass('queueing_position_' || room));
    EXCEPTION WHEN OTHERS OR query_canceled THEN
        PERFORM pg_advisory_unlock(hashtextextended(room::text, 0));
        RAISE;
    END;
    PERFORM pg_advisory_unlock(hashtextextended(room::text, 0));
    RETURN coalesce(settled, 0);
END $$;

CREATE TRIGGER queueing_room_has_positions
    AFTER INSERT OR DELETE ON queueing_waitingroom
    FOR EACH ROW EXECUTE FUNCTION queueing_room_has_positions();
"""

BACKWARD = """
DROP TRIGGER queueing_room_has_positions ON queueing_waitingroom;
DROP FUNCTION queueing_room_has_positions();
DROP FUNCTION queueing_settled_position(bigint);
"""


class Migration(migrations.Migration):
    dependencies = [("queueing", "0001_initial")]

    operations = [migrations.RunSQL([FORWARD], [BACKWARD])]
