-- A version of a seat plan never changes: every cache may keep it for a year.

CREATE FUNCTION concerts_seatplan_never_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'seat plan % of schedule % never changes', OLD.version, OLD.schedule_id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'concerts_seatplan_never_changes';
END $$;

CREATE TRIGGER concerts_seatplan_never_changes
    BEFORE UPDATE ON concerts_seatplan
    FOR EACH ROW EXECUTE FUNCTION concerts_seatplan_never_changes();
