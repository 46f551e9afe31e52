"""The settled position lets its lock go even when it is cancelled the moment it is granted."""

from django.db import migrations

FORWARD = """
CREATE OR REPLACE FUNCTION queueing_settled_position(room bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    settled bigint;
BEGIN
    BEGIN
        -- A lock of the session, not of the transaction: joins wait for a moment, not for a tick.
        PERFORM pg_advisory_lock(hashtextextended(room::text, 0));
        settled := pg_sequence_last_value(to_regclass('queueing_position_' || room));
    EXCEPTION WHEN OTHERS OR query_canceled THEN
        PERFORM pg_advisory_unlock(hashtextextended(room::text, 0));
        RAISE;
    END;
    PERFORM pg_advisory_unlock(hashtextextended(room::text, 0));
    RETURN coalesce(settled, 0);
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("queueing", "0004_draw_promises")]

    operations = [migrations.RunSQL([FORWARD], migrations.RunSQL.noop)]
