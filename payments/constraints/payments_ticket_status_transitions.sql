-- A ticket leaves USED only by an undone check-in or a cancelled schedule, and never leaves
-- CANCELLED.

CREATE FUNCTION payments_ticket_status_transitions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status = 'USED' AND NEW.status = 'ISSUED' AND EXISTS (
        SELECT FROM payments_checkin c
        WHERE c.ticket_id = OLD.id AND c.checked_in_at = OLD.used_at AND c.undone_at IS NOT NULL
    ) THEN
        RETURN NEW;
    END IF;
    IF NEW.status <> 'CANCELLED' OR NOT EXISTS (
        SELECT FROM payments_reservation r
        JOIN concerts_concertschedule s ON s.id = r.schedule_id
        WHERE r.id = NEW.reservation_id AND s.cancelled_at IS NOT NULL
    ) THEN
        RAISE EXCEPTION 'ticket % cannot go from % to %', OLD.id, OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_ticket_status_transitions';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER payments_ticket_status_transitions
    BEFORE UPDATE OF status ON payments_ticket
    FOR EACH ROW WHEN (OLD.status <> 'ISSUED' AND NEW.status <> OLD.status)
    EXECUTE FUNCTION payments_ticket_status_transitions();
