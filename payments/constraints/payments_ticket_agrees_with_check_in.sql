-- A ticket says when, where and by whom it was used as its live check-in does (checked at commit).

CREATE FUNCTION payments_ticket_agrees_with_check_in() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    the_ticket uuid;
BEGIN
    IF TG_TABLE_NAME = 'payments_ticket' THEN
        the_ticket := NEW.id;
    ELSE
        the_ticket := NEW.ticket_id;
    END IF;
    IF EXISTS (
        SELECT FROM payments_ticket t
        LEFT JOIN payments_checkin c ON c.ticket_id = t.id AND c.undone_at IS NULL
        WHERE t.id = the_ticket
          AND (t.used_at, t.used_by_id, t.gate)
              IS DISTINCT FROM (c.checked_in_at, c.checked_in_by_id, coalesce(c.gate, ''))
    ) THEN
        RAISE EXCEPTION 'ticket % differs from its live check-in', the_ticket
            USING ERRCODE = 'check_violation',
                  CONSTRAINT = 'payments_ticket_agrees_with_check_in';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER payments_ticket_agrees_with_check_in
    AFTER INSERT OR UPDATE ON payments_checkin
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION payments_ticket_agrees_with_check_in();

CREATE CONSTRAINT TRIGGER payments_ticket_agrees_with_check_in
    AFTER UPDATE OF used_at, used_by_id, gate ON payments_ticket
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (
        (OLD.used_at, OLD.used_by_id, OLD.gate)
            IS DISTINCT FROM (NEW.used_at, NEW.used_by_id, NEW.gate))
    EXECUTE FUNCTION payments_ticket_agrees_with_check_in();
