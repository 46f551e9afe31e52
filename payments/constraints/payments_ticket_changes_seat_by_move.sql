-- A ticket changes its seat and its code together, unused and with its holder, by a move to that seat.

CREATE FUNCTION payments_ticket_changes_seat_by_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.status, NEW.status, OLD.user_id) = ('ISSUED', 'ISSUED', NEW.user_id)
        AND OLD.code <> NEW.code AND EXISTS (
            SELECT FROM payments_ticketmove m
            WHERE m.ticket_id = NEW.id AND m.old_code = OLD.code
              AND (m.from_seat_id, m.to_seat_id) = (OLD.seat_id, NEW.seat_id)
        )
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'ticket % changes its seat without a move', NEW.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_ticket_changes_seat_by_move';
END $$;

CREATE TRIGGER payments_ticket_changes_seat_by_move
    BEFORE UPDATE OF seat_id ON payments_ticket
    FOR EACH ROW WHEN (OLD.seat_id <> NEW.seat_id)
    EXECUTE FUNCTION payments_ticket_changes_seat_by_move();
