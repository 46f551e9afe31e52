-- A check-in is for its ticket's schedule.

CREATE FUNCTION payments_checkin_for_its_schedule() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM payments_ticket t JOIN payments_reservation r ON r.id = t.reservation_id
        WHERE t.id = NEW.ticket_id AND r.schedule_id = NEW.schedule_id
    ) THEN
        RAISE EXCEPTION 'check-in % is not of its ticket''s schedule', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_checkin_for_its_schedule';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER payments_checkin_for_its_schedule
    BEFORE INSERT ON payments_checkin
    FOR EACH ROW EXECUTE FUNCTION payments_checkin_for_its_schedule();
