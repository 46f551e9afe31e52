-- A seat's status, holder and time agree with its live reservation (checked at commit).

CREATE FUNCTION payments_seat_agrees_with_reservation() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    the_seat uuid;
BEGIN
    IF TG_TABLE_NAME = 'concerts_seat' THEN
        the_seat := NEW.id;
    ELSIF TG_OP = 'DELETE' THEN
        the_seat := OLD.seat_id;
    ELSE
        the_seat := NEW.seat_id;
    END IF;
    IF EXISTS (
        SELECT FROM concerts_seat s
        LEFT JOIN payments_reservation r
            ON r.seat_id = s.id AND r.status IN ('HOLD', 'CONFIRMED')
        WHERE s.id = the_seat
          AND (s.status, s.held_by_id, s.hold_expires_at) IS DISTINCT FROM (
              CASE r.status WHEN 'HOLD' THEN 'HELD' WHEN 'CONFIRMED' THEN 'RESERVED'
                            ELSE 'AVAILABLE' END,
              CASE WHEN r.status = 'HOLD' THEN r.user_id END,
              CASE WHEN r.status = 'HOLD' THEN r.expires_at END)
    ) THEN
        RAISE EXCEPTION 'seat % differs from its live reservation', the_seat
            USING ERRCODE = 'check_violation',
                  CONSTRAINT = 'payments_seat_agrees_with_reservation';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER payments_seat_agrees_with_reservation
    AFTER INSERT OR UPDATE OF status, held_by_id, hold_expires_at ON concerts_seat
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION payments_seat_agrees_with_reservation();

CREATE CONSTRAINT TRIGGER payments_seat_agrees_with_reservation
    AFTER INSERT OR DELETE OR UPDATE OF status, user_id, expires_at ON payments_reservation
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION payments_seat_agrees_with_reservation();
