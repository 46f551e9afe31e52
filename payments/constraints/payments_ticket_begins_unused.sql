-- A new ticket is unused.

CREATE FUNCTION payments_ticket_begins_unused() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ticket % was used before it was issued', NEW.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_ticket_begins_unused';
END $$;

CREATE TRIGGER payments_ticket_begins_unused
    BEFORE INSERT ON payments_ticket
    FOR EACH ROW WHEN (NEW.used_at IS NOT NULL)
    EXECUTE FUNCTION payments_ticket_begins_unused();
