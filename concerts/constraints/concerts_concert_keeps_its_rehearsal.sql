-- A concert does not move between the room of a rehearsal and a real one.

CREATE FUNCTION concerts_concert_keeps_its_rehearsal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT rehearsal FROM queueing_waitingroom WHERE id = NEW.waiting_room_id)
       <> (SELECT rehearsal FROM queueing_waitingroom WHERE id = OLD.waiting_room_id) THEN
        RAISE EXCEPTION 'concert % does not move between rehearsals and the sale', OLD.id
            USING ERRCODE = 'check_violation',
                  CONSTRAINT = 'concerts_concert_keeps_its_rehearsal';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER concerts_concert_keeps_its_rehearsal
    BEFORE UPDATE OF waiting_room_id ON concerts_concert
    FOR EACH ROW WHEN (OLD.waiting_room_id <> NEW.waiting_room_id)
    EXECUTE FUNCTION concerts_concert_keeps_its_rehearsal();
