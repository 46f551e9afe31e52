-- Each capacity that a room has had is recorded with its time, so that each admission can be
-- audited by the capacity of its moment.

CREATE FUNCTION queueing_capacity_is_on_record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- After the room's lock, which admission takes before it reads its own clock.
    IF TG_OP = 'INSERT' OR OLD.capacity <> NEW.capacity THEN
        INSERT INTO queueing_roomcapacity (room_id, capacity, since)
        VALUES (NEW.id, NEW.capacity, clock_timestamp());
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER queueing_capacity_is_on_record
    AFTER INSERT OR UPDATE OF capacity ON queueing_waitingroom
    FOR EACH ROW EXECUTE FUNCTION queueing_capacity_is_on_record();
