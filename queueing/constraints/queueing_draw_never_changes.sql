-- The seed of a draw never changes, and a draw that is done stays as it is.

CREATE FUNCTION queueing_draw_never_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the draw of room % was written for good', OLD.room_id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'queueing_draw_never_changes';
END $$;

CREATE TRIGGER queueing_draw_never_changes
    BEFORE UPDATE ON queueing_draw
    FOR EACH ROW WHEN (
        OLD.drawn_at IS NOT NULL
        OR (OLD.room_id, OLD.seed, OLD.commitment, OLD.committed_at)
            IS DISTINCT FROM (NEW.room_id, NEW.seed, NEW.commitment, NEW.committed_at)
    )
    EXECUTE FUNCTION queueing_draw_never_changes();
