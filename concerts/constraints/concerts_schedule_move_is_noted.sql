-- Each move of a schedule of which a seat was ever held is a row in concerts_schedulemove.
--
-- A trigger, as a schedule is moved by its own form, by its concert's, and by hand: its ticket holders
-- are told of the move, however it was made.

CREATE FUNCTION concerts_schedule_move_is_noted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO concerts_schedulemove (schedule_id, from_start_at, to_start_at, moved_at)
        SELECT NEW.id, OLD.start_at, NEW.start_at, clock_timestamp()
        WHERE EXISTS (SELECT FROM concerts_seat WHERE schedule_id = NEW.id AND version > 0);
    RETURN NULL;
END $$;

CREATE TRIGGER concerts_schedule_move_is_noted
    AFTER UPDATE OF start_at ON concerts_concertschedule
    FOR EACH ROW WHEN (OLD.start_at <> NEW.start_at)
    EXECUTE FUNCTION concerts_schedule_move_is_noted();
