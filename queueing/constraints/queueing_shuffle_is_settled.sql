-- Whether a room shuffles is settled once a buyer has joined it, or once it was drawn.

CREATE FUNCTION queueing_shuffle_is_settled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- A join holds this lock shared until its commit, so no buyer is joining unseen now.
    PERFORM pg_advisory_xact_lock(hashtextextended(OLD.id::text, 0));
    IF EXISTS (SELECT FROM queueing_queuetoken WHERE room_id = OLD.id)
       OR EXISTS (SELECT FROM queueing_draw WHERE room_id = OLD.id AND drawn_at IS NOT NULL) THEN
        RAISE EXCEPTION 'whether room % draws lots is settled', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'queueing_shuffle_is_settled';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER queueing_shuffle_is_settled
    BEFORE UPDATE OF shuffle ON queueing_waitingroom
    FOR EACH ROW WHEN (OLD.shuffle <> NEW.shuffle)
    EXECUTE FUNCTION queueing_shuffle_is_settled();
