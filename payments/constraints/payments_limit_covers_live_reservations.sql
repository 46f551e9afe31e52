-- A purchase limit is not lowered below what buyers have.

CREATE FUNCTION payments_limit_covers_live_reservations() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM payments_reservation
        WHERE schedule_id = NEW.id AND is_live
          AND slot > NEW.purchase_limit
    ) THEN
        RAISE EXCEPTION 'the limit of schedule % is below what people have', NEW.id
            USING ERRCODE = 'check_violation',
                  CONSTRAINT = 'payments_limit_covers_live_reservations';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER payments_limit_covers_live_reservations
    BEFORE UPDATE OF purchase_limit ON concerts_concertschedule
    FOR EACH ROW WHEN (NEW.purchase_limit < OLD.purchase_limit)
    EXECUTE FUNCTION payments_limit_covers_live_reservations();
