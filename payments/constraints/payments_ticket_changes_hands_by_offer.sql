-- A ticket changes its holder and its code together, unused, by the newest accepted offer.

CREATE FUNCTION payments_ticket_changes_hands_by_offer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.status, NEW.status) = ('ISSUED', 'ISSUED') AND OLD.code <> NEW.code AND EXISTS (
        SELECT FROM payments_ticketoffer o
        WHERE o.ticket_id = NEW.id AND o.status = 'ACCEPTED' AND o.old_code = OLD.code
          AND (o.giver_id, o.receiver_id) = (OLD.user_id, NEW.user_id)
          AND o.number = (SELECT count(*) FROM payments_ticketoffer accepted
                          WHERE accepted.ticket_id = NEW.id AND accepted.number IS NOT NULL)
    ) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'ticket % changes hands without an accepted offer', NEW.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_ticket_changes_hands_by_offer';
END $$;

CREATE TRIGGER payments_ticket_changes_hands_by_offer
    BEFORE UPDATE OF user_id, code ON payments_ticket
    FOR EACH ROW WHEN (
        (OLD.user_id, OLD.code) IS DISTINCT FROM (NEW.user_id, NEW.code)
        AND OLD.seat_id = NEW.seat_id)
    EXECUTE FUNCTION payments_ticket_changes_hands_by_offer();
