-- A draw is deleted only together with its room.

CREATE FUNCTION queueing_draw_not_deleted_before_room() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM queueing_waitingroom WHERE id = OLD.room_id) THEN
        RAISE EXCEPTION 'the draw of room % goes when the room goes', OLD.room_id
            USING ERRCODE = 'restrict_violation',
                  CONSTRAINT = 'queueing_draw_not_deleted_before_room';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER queueing_draw_not_deleted_before_room
    AFTER DELETE ON queueing_draw
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION queueing_draw_not_deleted_before_room();
