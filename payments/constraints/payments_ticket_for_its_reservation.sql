-- A ticket is for its reservation's seat, and was issued to its user.

CREATE FUNCTION payments_ticket_for_its_reservation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM payments_reservation r
        WHERE r.id = NEW.reservation_id AND r.seat_id = NEW.seat_id
          AND (TG_OP = 'UPDATE' OR r.user_id = NEW.user_id)
    ) THEN
        RAISE EXCEPTION 'ticket % is not for its reservation''s seat and user', NEW.id
            USING ERRCODE = 'check_violation',
                  CONSTRAINT = 'payments_ticket_for_its_reservation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER payments_ticket_for_its_reservation
    BEFORE INSERT OR UPDATE OF reservation_id, seat_id ON payments_ticket
    FOR EACH ROW EXECUTE FUNCTION payments_ticket_for_its_reservation();
