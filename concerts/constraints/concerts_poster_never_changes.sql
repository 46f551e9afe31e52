-- A poster never changes: every cache may keep it for a year.

CREATE FUNCTION concerts_poster_never_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'poster % never changes', OLD.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'concerts_poster_never_changes';
END $$;

CREATE TRIGGER concerts_poster_never_changes
    BEFORE UPDATE ON concerts_poster
    FOR EACH ROW EXECUTE FUNCTION concerts_poster_never_changes();
