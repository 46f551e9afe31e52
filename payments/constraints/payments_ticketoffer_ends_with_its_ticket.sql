-- An offer ends when its ticket is used or cancelled.

CREATE FUNCTION payments_ticketoffer_ends_with_its_ticket() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE payments_ticketoffer SET status = 'ENDED', ended_at = clock_timestamp()
    WHERE ticket_id = NEW.id AND is_open;
    RETURN NULL;
END $$;

CREATE TRIGGER payments_ticketoffer_ends_with_its_ticket
    AFTER UPDATE OF status ON payments_ticket
    FOR EACH ROW WHEN (OLD.status = 'ISSUED' AND NEW.status <> 'ISSUED')
    EXECUTE FUNCTION payments_ticketoffer_ends_with_its_ticket();
