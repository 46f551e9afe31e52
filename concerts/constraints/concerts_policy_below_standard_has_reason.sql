-- A refund ladder that on any day costs more than the consumer standard has a reason for buyers.

CREATE FUNCTION concerts_policy_below_standard_has_reason() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Policies from before this rule may stay as they are.
    IF TG_OP = 'UPDATE' AND (OLD.refund_policy, OLD.refund_policy_reason)
        IS NOT DISTINCT FROM (NEW.refund_policy, NEW.refund_policy_reason) THEN
        RETURN NEW;
    END IF;
    IF NEW.refund_policy_reason !~ '\S' AND EXISTS (
        WITH ladder (name, day, percent) AS (
            SELECT 'own', split_part(step, ':', 1)::int, split_part(step, ':', 2)::int
            FROM regexp_split_to_table(trim(NEW.refund_policy), '\s+') step
            UNION ALL VALUES ('standard', 10, 0), ('standard', 7, 10), ('standard', 3, 20),
                ('standard', 1, 30), ('standard', 0, 90)
        )
        -- A fee begins on a day of its ladder, and stays the same up to the next such day above.
        SELECT FROM (SELECT DISTINCT day FROM ladder) checked
        WHERE (SELECT percent FROM ladder own WHERE name = 'own' AND own.day <= checked.day
               ORDER BY own.day DESC LIMIT 1)
            > (SELECT percent FROM ladder least WHERE name = 'standard' AND least.day <= checked.day
               ORDER BY least.day DESC LIMIT 1)
    ) THEN
        RAISE EXCEPTION 'refund policy % is below the standard without a reason', NEW.refund_policy
            USING ERRCODE = 'check_violation',
                  CONSTRAINT = 'concerts_policy_below_standard_has_reason';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER concerts_policy_below_standard_has_reason
    BEFORE INSERT OR UPDATE ON concerts_concert
    FOR EACH ROW EXECUTE FUNCTION concerts_policy_below_standard_has_reason();
