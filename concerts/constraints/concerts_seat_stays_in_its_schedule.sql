-- A seat never moves to another schedule.

CREATE FUNCTION concerts_seat_stays_in_its_schedule() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'seat % cannot move to another schedule', OLD.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'concerts_seat_stays_in_its_schedule';
END $$;

CREATE TRIGGER concerts_seat_stays_in_its_schedule
    BEFORE UPDATE OF schedule_id ON concerts_seat
    FOR EACH ROW WHEN (OLD.schedule_id <> NEW.schedule_id)
    EXECUTE FUNCTION concerts_seat_stays_in_its_schedule();
