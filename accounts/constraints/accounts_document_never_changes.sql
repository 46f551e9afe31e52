-- A version of a legal or help page never changes: users have agreed to it, and old ones stay readable.

CREATE FUNCTION accounts_document_never_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'document % never changes', OLD.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'accounts_document_never_changes';
END $$;

CREATE TRIGGER accounts_document_never_changes
    BEFORE UPDATE OR DELETE ON accounts_document
    FOR EACH ROW EXECUTE FUNCTION accounts_document_never_changes();
