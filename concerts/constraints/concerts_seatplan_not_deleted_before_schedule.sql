-- A version of a seat plan is deleted only together with its schedule.

CREATE FUNCTION concerts_seatplan_not_deleted_before_schedule() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM concerts_concertschedule WHERE id = OLD.schedule_id) THEN
        RAISE EXCEPTION 'the seat plans of schedule % go when the schedule goes', OLD.schedule_id
            USING ERRCODE = 'restrict_violation',
                  CONSTRAINT = 'concerts_seatplan_not_deleted_before_schedule';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER concerts_seatplan_not_deleted_before_schedule
    AFTER DELETE ON concerts_seatplan
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION concerts_seatplan_not_deleted_before_schedule();
