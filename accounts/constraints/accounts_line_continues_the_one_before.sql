-- Each ledger line continues the line before it.

CREATE FUNCTION accounts_line_continues_the_one_before() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.balance_after - NEW.delta IS DISTINCT FROM (
        CASE WHEN NEW.seq = 1 THEN 0
             ELSE (SELECT balance_after FROM accounts_balancehistory
                   WHERE balance_id = NEW.balance_id AND seq = NEW.seq - 1)
        END
    ) THEN
        RAISE EXCEPTION 'ledger line % of balance % does not continue line %',
            NEW.seq, NEW.balance_id, NEW.seq - 1
            USING ERRCODE = 'check_violation',
                  CONSTRAINT = 'accounts_line_continues_the_one_before';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER accounts_line_continues_the_one_before
    AFTER INSERT ON accounts_balancehistory
    FOR EACH ROW EXECUTE FUNCTION accounts_line_continues_the_one_before();
