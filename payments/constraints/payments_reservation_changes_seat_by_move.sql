-- A reservation changes its seat by a move of its ticket only, and the seats agree with it before and after.

CREATE FUNCTION payments_reservation_changes_seat_by_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM payments_ticketmove m JOIN payments_ticket t ON t.id = m.ticket_id
        WHERE t.reservation_id = NEW.id AND m.old_code = t.code
          AND (m.from_seat_id, m.to_seat_id) = (OLD.seat_id, NEW.seat_id)
    ) THEN
        RAISE EXCEPTION 'reservation % changes its seat without a move', OLD.id
            USING ERRCODE = 'check_violation',
                  CONSTRAINT = 'payments_reservation_changes_seat_by_move';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER payments_reservation_changes_seat_by_move
    BEFORE UPDATE OF seat_id ON payments_reservation
    FOR EACH ROW WHEN (OLD.seat_id <> NEW.seat_id)
    EXECUTE FUNCTION payments_reservation_changes_seat_by_move();
