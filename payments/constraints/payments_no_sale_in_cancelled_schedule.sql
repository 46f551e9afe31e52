-- No seat of a cancelled schedule is held or sold.

CREATE FUNCTION payments_no_sale_in_cancelled_schedule() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM concerts_concertschedule
        WHERE id = NEW.schedule_id AND cancelled_at IS NOT NULL
    ) THEN
        RAISE EXCEPTION 'schedule % was cancelled: nothing of it is held or sold', NEW.schedule_id
            USING ERRCODE = 'check_violation',
                  CONSTRAINT = 'payments_no_sale_in_cancelled_schedule';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER payments_no_sale_in_cancelled_schedule
    BEFORE INSERT OR UPDATE OF status ON payments_reservation
    FOR EACH ROW WHEN (NEW.status IN ('HOLD', 'CONFIRMED'))
    EXECUTE FUNCTION payments_no_sale_in_cancelled_schedule();
