-- The seller's details are replaced by a new row: what was shown when stays on record.

CREATE FUNCTION accounts_business_never_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'business % never changes', OLD.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'accounts_business_never_changes';
END $$;

CREATE TRIGGER accounts_business_never_changes
    BEFORE UPDATE OR DELETE ON accounts_business
    FOR EACH ROW EXECUTE FUNCTION accounts_business_never_changes();
