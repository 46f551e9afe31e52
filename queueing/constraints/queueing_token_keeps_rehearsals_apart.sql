-- A place in line is taken only by a user of the room's own rehearsal, or by a real user in a real
-- room, so that rehearsal money and real money never meet.

CREATE FUNCTION queueing_token_keeps_rehearsals_apart() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT rehearsal FROM queueing_waitingroom WHERE id = NEW.room_id)
       <> (SELECT rehearsal FROM accounts_user WHERE id = NEW.user_id) THEN
        RAISE EXCEPTION 'user % and room % are not of the same rehearsal',
            NEW.user_id, NEW.room_id
            USING ERRCODE = 'check_violation',
                  CONSTRAINT = 'queueing_token_keeps_rehearsals_apart';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER queueing_token_keeps_rehearsals_apart
    AFTER INSERT OR UPDATE OF user_id, room_id ON queueing_queuetoken
    FOR EACH ROW EXECUTE FUNCTION queueing_token_keeps_rehearsals_apart();
