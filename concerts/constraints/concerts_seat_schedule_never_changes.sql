-- A seat never moves to another schedule.

CREATE FUNCTION concerts_seat_schedule_never_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'seat % cannot move to another schedule', OLD.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'concerts_seat_schedule_never_changes';
END $$;

CREATE TRIGGER concerts_seat_schedule_never_changes
    BEFORE UPDATE OF schedule_id ON concerts_seat
    FOR EACH ROW WHEN (OLD.schedule_id <> NEW.schedule_id)
    EXECUTE FUNCTION concerts_seat_schedule_never_changes();
