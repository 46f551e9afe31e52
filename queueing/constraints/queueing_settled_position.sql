-- The position of a room up to which all numbers are committed.
--
-- Positions are drawn in another order than they commit. A join holds the advisory lock of the room
-- shared from drawing its number until its commit; this function holds it alone for a moment. It is
-- released even when the statement is cancelled the moment it is granted.

CREATE FUNCTION queueing_settled_position(room bigint) RETURNS bigint LANGUAGE plpgsql AS $$
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
