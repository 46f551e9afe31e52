-- No ticket is handed to an account that is about to be deleted, or was.
-- A purchase needs no such check: such an account has no money.

CREATE FUNCTION payments_no_ticket_for_closing_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- The lock waits for a deletion that is being asked for, which then has read the tickets.
    PERFORM FROM accounts_user
    WHERE id = NEW.user_id AND closes_at IS NULL AND deleted_at IS NULL FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'account % is about to be deleted', NEW.user_id
            USING ERRCODE = 'check_violation',
                  CONSTRAINT = 'payments_no_ticket_for_closing_account';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER payments_no_ticket_for_closing_account
    AFTER UPDATE OF user_id ON payments_ticket
    FOR EACH ROW WHEN (OLD.user_id <> NEW.user_id)
    EXECUTE FUNCTION payments_no_ticket_for_closing_account();
