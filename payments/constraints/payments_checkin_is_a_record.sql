-- A check-in is never deleted, and changes once: when it is undone.

CREATE FUNCTION payments_checkin_is_a_record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.undone_at IS NULL
        AND (OLD.id, OLD.ticket_id, OLD.schedule_id, OLD.gate, OLD.checked_in_by_id,
             OLD.checked_in_at)
            IS NOT DISTINCT FROM (NEW.id, NEW.ticket_id, NEW.schedule_id, NEW.gate,
                                  NEW.checked_in_by_id, NEW.checked_in_at)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'check-in % was written for good', OLD.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_checkin_is_a_record';
END $$;

CREATE TRIGGER payments_checkin_is_a_record
    BEFORE UPDATE OR DELETE ON payments_checkin
    FOR EACH ROW EXECUTE FUNCTION payments_checkin_is_a_record();
