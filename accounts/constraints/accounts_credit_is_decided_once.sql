-- A credit is decided once: what was asked for never changes, nor does the decision.

CREATE FUNCTION accounts_credit_is_decided_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.state = 'WAITING' THEN
        OLD.state := NEW.state;
        OLD.decided_by_id := NEW.decided_by_id;
        OLD.decided_at := NEW.decided_at;
        IF NEW IS NOT DISTINCT FROM OLD THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'a credit is decided once, and never changed or deleted'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'accounts_credit_is_decided_once';
END $$;

CREATE TRIGGER accounts_credit_is_decided_once
    BEFORE UPDATE OR DELETE ON accounts_credit
    FOR EACH ROW EXECUTE FUNCTION accounts_credit_is_decided_once();
