"""The ledger's promises that need a trigger: lines are never changed or deleted, each continues
the one before, and (checked at commit) the balance equals the last."""

from django.db import migrations

FORWARD = """
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

CREATE FUNCTION accounts_ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a ledger line is never changed or deleted'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'accounts_ledger_is_append_only';
END $$;

CREATE TRIGGER accounts_ledger_is_append_only
    BEFORE UPDATE OR DELETE ON accounts_balancehistory
    FOR EACH ROW EXECUTE FUNCTION accounts_ledger_is_append_only();

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
"""

BACKWARD = """
DROP TRIGGER accounts_balance_equals_last_line ON accounts_balancehistory;
DROP TRIGGER accounts_balance_equals_last_line ON accounts_balance;
DROP FUNCTION accounts_balance_equals_last_line();
DROP TRIGGER accounts_ledger_is_append_only ON accounts_balancehistory;
DROP FUNCTION accounts_ledger_is_append_only();
DROP TRIGGER accounts_line_continues_the_one_before ON accounts_balancehistory;
DROP FUNCTION accounts_line_continues_the_one_before();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [migrations.RunSQL([FORWARD], [BACKWARD])]
