-- A ledger line is never changed or deleted.

CREATE FUNCTION accounts_ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a ledger line is never changed or deleted'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'accounts_ledger_is_append_only';
END $$;

CREATE TRIGGER accounts_ledger_is_append_only
    BEFORE UPDATE OR DELETE ON accounts_balancehistory
    FOR EACH ROW EXECUTE FUNCTION accounts_ledger_is_append_only();
