-- A reservation names its seat's own schedule, and its slot lies within the purchase limit.

CREATE FUNCTION payments_reservation_within_limit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM concerts_seat s JOIN concerts_concertschedule c ON c.id = s.schedule_id
        WHERE s.id = NEW.seat_id AND c.id = NEW.schedule_id AND NEW.slot <= c.purchase_limit
    ) THEN
        RAISE EXCEPTION 'reservation of seat % is past the limit or of another schedule',
            NEW.seat_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_reservation_within_limit';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER payments_reservation_within_limit
    BEFORE INSERT OR UPDATE OF seat_id, schedule_id, slot ON payments_reservation
    FOR EACH ROW EXECUTE FUNCTION payments_reservation_within_limit();
