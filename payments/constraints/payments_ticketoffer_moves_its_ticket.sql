-- After an acceptance the ticket is its last receiver's, with a new code (checked at commit).

CREATE FUNCTION payments_ticketoffer_moves_its_ticket() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM payments_ticket t
        JOIN payments_ticketoffer last ON last.ticket_id = t.id AND last.number = (
            SELECT max(number) FROM payments_ticketoffer o WHERE o.ticket_id = t.id)
        WHERE t.id = NEW.ticket_id AND t.user_id = last.receiver_id AND t.code <> last.old_code
    ) THEN
        RAISE EXCEPTION 'offer % was accepted, but its ticket has not changed hands', NEW.id
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
