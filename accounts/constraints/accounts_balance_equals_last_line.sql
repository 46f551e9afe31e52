-- A balance equals the last line of its ledger (checked at commit).

CREATE FUNCTION accounts_balance_equals_last_line() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    the_balance bigint;
BEGIN
    -- NEW has another type for each table: a CASE over both would not plan.
    IF TG_TABLE_NAME = 'accounts_balance' THEN
        the_balance := NEW.id;
    ELSE
        the_balance := NEW.balance_id;
    END IF;
    IF EXISTS (
        SELECT FROM accounts_balance b
        LEFT JOIN LATERAL (
            SELECT h.seq, h.balance_after FROM accounts_balancehistory h
            WHERE h.balance_id = b.id ORDER BY h.seq DESC LIMIT 1
        ) last ON true
        WHERE b.id = the_balance
          AND (b.last_seq, b.amount) IS DISTINCT FROM
              (coalesce(last.seq, 0), coalesce(last.balance_after, 0))
    ) THEN
        RAISE EXCEPTION 'balance % differs from its last ledger line', the_balance
            USING ERRCODE = 'check_violation', CONSTRAINT = 'accounts_balance_equals_last_line';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER accounts_balance_equals_last_line
    AFTER INSERT OR UPDATE OF amount, last_seq ON accounts_balance
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION accounts_balance_equals_last_line();

CREATE CONSTRAINT TRIGGER accounts_balance_equals_last_line
    AFTER INSERT ON accounts_balancehistory
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION accounts_balance_equals_last_line();
