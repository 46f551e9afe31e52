-- A conflict at the door names a check-in of the same ticket, and is never changed nor deleted.

CREATE FUNCTION payments_checkinconflict_is_a_record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' AND (NEW.check_in_id IS NULL OR EXISTS (
        SELECT FROM payments_checkin c
        WHERE c.id = NEW.check_in_id AND c.ticket_id = NEW.ticket_id
    )) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'conflict % is not of its ticket, or was written for good',
        coalesce(NEW.id, OLD.id)
        USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_checkinconflict_is_a_record';
END $$;

CREATE TRIGGER payments_checkinconflict_is_a_record
    BEFORE INSERT OR UPDATE OR DELETE ON payments_checkinconflict
    FOR EACH ROW EXECUTE FUNCTION payments_checkinconflict_is_a_record();
