-- A ticket is its last receiver's, with a new code, within the purchase limit (checked at commit).

CREATE FUNCTION payments_ticketoffer_moves_its_ticket() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    the_schedule uuid;
BEGIN
    SELECT r.schedule_id INTO the_schedule
    FROM payments_ticket t
    JOIN payments_reservation r ON r.id = t.reservation_id
    JOIN payments_ticketoffer last ON last.ticket_id = t.id AND last.number = (
        SELECT max(number) FROM payments_ticketoffer o WHERE o.ticket_id = t.id)
    WHERE t.id = NEW.ticket_id AND t.user_id = last.receiver_id AND t.code <> last.old_code;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'offer % was accepted, but its ticket has not changed hands', NEW.id
            USING ERRCODE = 'check_violation',
                  CONSTRAINT = 'payments_ticketoffer_moves_its_ticket';
    END IF;
    -- So that two offers which one person accepts at the same moment see each other.
    PERFORM FROM accounts_balance WHERE user_id = NEW.receiver_id FOR NO KEY UPDATE;
    IF (SELECT count(*) FROM payments_ticket t
        JOIN payments_reservation r ON r.id = t.reservation_id
        WHERE t.user_id = NEW.receiver_id AND t.status <> 'CANCELLED'
          AND r.schedule_id = the_schedule)
       + (SELECT count(*) FROM payments_reservation r
          WHERE r.user_id = NEW.receiver_id AND r.status = 'HOLD' AND r.schedule_id = the_schedule
            AND r.expires_at > clock_timestamp())
       > (SELECT purchase_limit FROM concerts_concertschedule WHERE id = the_schedule)
    THEN
        RAISE EXCEPTION 'offer % takes its receiver past the purchase limit', NEW.id
            USING ERRCODE = 'check_violation',
                  CONSTRAINT = 'payments_ticketoffer_moves_its_ticket';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER payments_ticketoffer_moves_its_ticket
    AFTER UPDATE ON payments_ticketoffer
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.status <> 'ACCEPTED' AND NEW.status = 'ACCEPTED')
    EXECUTE FUNCTION payments_ticketoffer_moves_its_ticket();
