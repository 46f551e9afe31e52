-- A schedule names no seat plan as the present one that differs from its seats.
--
-- The schedule is locked first: the UPDATE alone would skip a schedule whose plan is just being
-- built, by a transaction that has read the seats as they were before and has not committed.
-- A statement for each step, so that the UPDATE sees what was committed before the lock was granted.

CREATE FUNCTION concerts_seat_outdates_plan() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    schedules uuid[];
BEGIN
    IF TG_LEVEL = 'ROW' THEN
        schedules := ARRAY[NEW.schedule_id];
    ELSE
        schedules := ARRAY(SELECT DISTINCT schedule_id FROM changed);
    END IF;
    PERFORM FROM concerts_concertschedule
        WHERE id = ANY(schedules) ORDER BY id FOR NO KEY UPDATE;
    UPDATE concerts_concertschedule SET seat_plan = ''
        WHERE id = ANY(schedules) AND seat_plan <> '';
    RETURN NULL;
END $$;

CREATE TRIGGER concerts_seat_added_outdates_plan
    AFTER INSERT ON concerts_seat
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION concerts_seat_outdates_plan();

CREATE TRIGGER concerts_seat_removed_outdates_plan
    AFTER DELETE ON concerts_seat
    REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION concerts_seat_outdates_plan();

-- Of these columns only: a hold or a payment, which changes the status, pays nothing for it.
CREATE TRIGGER concerts_seat_edited_outdates_plan
    AFTER UPDATE OF number, section, "row", seat_in_row, label, grade, price ON concerts_seat
    FOR EACH ROW WHEN (
        (OLD.number, OLD.section, OLD."row", OLD.seat_in_row, OLD.label, OLD.grade, OLD.price)
        IS DISTINCT FROM
        (NEW.number, NEW.section, NEW."row", NEW.seat_in_row, NEW.label, NEW.grade, NEW.price))
    EXECUTE FUNCTION concerts_seat_outdates_plan();
