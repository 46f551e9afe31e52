-- A seat agrees with its live reservation in status, holder and time, and without one is available or blocked: no blocked seat is held or sold (checked at commit).

CREATE FUNCTION payments_seat_agrees_with_reservation() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    the_seats uuid[];
    the_seat uuid;
BEGIN
    IF TG_TABLE_NAME = 'concerts_seat' THEN
        the_seats := ARRAY[NEW.id];
    ELSIF TG_OP = 'DELETE' THEN
        the_seats := ARRAY[OLD.seat_id];
    ELSIF TG_OP = 'INSERT' THEN
        the_seats := ARRAY[NEW.seat_id];
    ELSE
        the_seats := ARRAY[OLD.seat_id, NEW.seat_id];
    END IF;
    -- Seat by seat: for an array the planner may choose to read all live reservations.
    FOREACH the_seat IN ARRAY the_seats LOOP
        IF EXISTS (
            SELECT FROM concerts_seat s
            LEFT JOIN payments_reservation r
                ON r.seat_id = s.id AND r.status IN ('HOLD', 'CONFIRMED')
            WHERE s.id = the_seat
              AND (s.status, s.held_by_id, s.hold_expires_at) IS DISTINCT FROM (
                  CASE WHEN r.status = 'HOLD' THEN 'HELD' WHEN r.status = 'CONFIRMED' THEN 'RESERVED'
                       WHEN s.status = 'BLOCKED' THEN 'BLOCKED' ELSE 'AVAILABLE' END,
                  CASE WHEN r.status = 'HOLD' THEN r.user_id END,
                  CASE WHEN r.status = 'HOLD' THEN r.expires_at END)
        ) THEN
            RAISE EXCEPTION 'seat % differs from its live reservation', the_seat
                USING ERRCODE = 'check_violation',
                      CONSTRAINT = 'payments_seat_agrees_with_reservation';
        END IF;
    END LOOP;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER payments_seat_agrees_with_reservation
    AFTER INSERT OR UPDATE OF status, held_by_id, hold_expires_at ON concerts_seat
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION payments_seat_agrees_with_reservation();

CREATE CONSTRAINT TRIGGER payments_seat_agrees_with_reservation
    AFTER INSERT OR DELETE OR UPDATE OF status, user_id, expires_at, seat_id ON payments_reservation
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION payments_seat_agrees_with_reservation();
