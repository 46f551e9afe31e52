-- A cancelled schedule stays cancelled, with its time, operator and reason.

CREATE FUNCTION concerts_schedule_stays_cancelled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'schedule % was cancelled for good', OLD.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'concerts_schedule_stays_cancelled';
END $$;

CREATE TRIGGER concerts_schedule_stays_cancelled
    BEFORE UPDATE ON concerts_concertschedule
    FOR EACH ROW WHEN (
        OLD.cancelled_at IS NOT NULL
        AND (OLD.cancelled_at, OLD.cancelled_by_id, OLD.cancel_reason)
            IS DISTINCT FROM (NEW.cancelled_at, NEW.cancelled_by_id, NEW.cancel_reason))
    EXECUTE FUNCTION concerts_schedule_stays_cancelled();
