-- A move to another seat begins where its ticket is, with its code and while it is unused, and is never changed nor deleted.

CREATE FUNCTION payments_ticketmove_is_a_record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' AND EXISTS (
        SELECT FROM payments_ticket t
        WHERE t.id = NEW.ticket_id AND t.status = 'ISSUED'
          AND (t.seat_id, t.code) = (NEW.from_seat_id, NEW.old_code)
    ) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'move % is not from its ticket''s seat, or was written for good',
        coalesce(NEW.id, OLD.id)
        USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_ticketmove_is_a_record';
END $$;

CREATE TRIGGER payments_ticketmove_is_a_record
    BEFORE INSERT OR UPDATE OR DELETE ON payments_ticketmove
    FOR EACH ROW EXECUTE FUNCTION payments_ticketmove_is_a_record();
