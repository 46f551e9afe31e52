-- How a check-in was made (the phone's key of the scan, when it was recorded, why by hand) never changes.

CREATE FUNCTION payments_checkin_keeps_its_scan() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'check-in % keeps how it was made', OLD.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_checkin_keeps_its_scan';
END $$;

CREATE TRIGGER payments_checkin_keeps_its_scan
    BEFORE UPDATE ON payments_checkin
    FOR EACH ROW WHEN (
        (OLD.scan, OLD.recorded_at, OLD.by_hand_reason)
            IS DISTINCT FROM (NEW.scan, NEW.recorded_at, NEW.by_hand_reason))
    EXECUTE FUNCTION payments_checkin_keeps_its_scan();
