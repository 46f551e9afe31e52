-- A cancelled schedule stays cancelled, with its time, operator and reason.

CREATE FUNCTION concerts_schedule_cancellation_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'schedule % was cancelled for good', OLD.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'concerts_schedule_cancellation_is_final';
END $$;

CREATE TRIGGER concerts_schedule_cancellation_is_final
    BEFORE UPDATE ON concerts_concertschedule
    FOR EACH ROW WHEN (
        OLD.cancelled_at IS NOT NULL
        AND (OLD.cancelled_at, OLD.cancelled_by_id, OLD.cancel_reason)
            IS DISTINCT FROM (NEW.cancelled_at, NEW.cancelled_by_id, NEW.cancel_reason))
    EXECUTE FUNCTION concerts_schedule_cancellation_is_final();
