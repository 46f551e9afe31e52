-- A refund compensates the buyer if, and only if, the organiser's fault cancelled the schedule.

CREATE FUNCTION payments_refund_compensates_as_owed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    owed bigint := 0;
BEGIN
    IF NEW.reason = 'schedule_cancelled' THEN
        -- A tenth of the price, rounded up.
        SELECT CASE WHEN s.cancel_cause = 'organiser' THEN (p.amount + 9) / 10 ELSE 0 END
        INTO owed
        FROM payments_payment p
        JOIN payments_reservation r ON r.id = p.reservation_id
        JOIN concerts_concertschedule s ON s.id = r.schedule_id
        WHERE p.id = NEW.payment_id;
    END IF;
    IF NEW.compensation IS DISTINCT FROM owed THEN
        RAISE EXCEPTION 'refund % compensates with % won instead of %',
            NEW.id, NEW.compensation, owed
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_refund_compensates_as_owed';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER payments_refund_compensates_as_owed
    BEFORE INSERT OR UPDATE ON payments_refund
    FOR EACH ROW EXECUTE FUNCTION payments_refund_compensates_as_owed();
