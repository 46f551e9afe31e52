-- No charge begins for an account that is about to be deleted, or was.

CREATE FUNCTION accounts_no_charge_for_closing_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- The lock waits for a deletion that is being asked for, which then has read the charges.
    PERFORM FROM accounts_user
    WHERE id = NEW.user_id AND closes_at IS NULL AND deleted_at IS NULL FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'account % is about to be deleted', NEW.user_id
            USING ERRCODE = 'check_violation',
                  CONSTRAINT = 'accounts_no_charge_for_closing_account';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER accounts_no_charge_for_closing_account
    AFTER INSERT ON accounts_charge
    FOR EACH ROW EXECUTE FUNCTION accounts_no_charge_for_closing_account();
