-- A room or a user never moves between a rehearsal and the real sale.

CREATE FUNCTION queueing_rehearsal_never_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what is a rehearsal''s and what is real never changes (% %)',
        TG_TABLE_NAME, OLD.id
        USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
END $$;

CREATE TRIGGER accounts_user_rehearsal_never_changes
    BEFORE UPDATE ON accounts_user
    FOR EACH ROW WHEN (OLD.rehearsal <> NEW.rehearsal)
    EXECUTE FUNCTION queueing_rehearsal_never_changes();

CREATE TRIGGER queueing_waitingroom_rehearsal_never_changes
    BEFORE UPDATE ON queueing_waitingroom
    FOR EACH ROW WHEN (OLD.rehearsal <> NEW.rehearsal)
    EXECUTE FUNCTION queueing_rehearsal_never_changes();
