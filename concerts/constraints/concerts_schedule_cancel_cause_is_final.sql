-- A cancelled schedule keeps its cause: refunds of one schedule do not differ in their compensation.

CREATE FUNCTION concerts_schedule_cancel_cause_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'schedule % was cancelled for a cause', OLD.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'concerts_schedule_cancel_cause_is_final';
END $$;

CREATE TRIGGER concerts_schedule_cancel_cause_is_final
    BEFORE UPDATE ON concerts_concertschedule
    FOR EACH ROW WHEN (
        OLD.cancelled_at IS NOT NULL AND OLD.cancel_cause IS DISTINCT FROM NEW.cancel_cause)
    EXECUTE FUNCTION concerts_schedule_cancel_cause_is_final();
