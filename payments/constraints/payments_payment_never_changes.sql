-- A payment never changes.

CREATE FUNCTION payments_payment_never_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'payment % was written for good', OLD.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_payment_never_changes';
END $$;

CREATE TRIGGER payments_payment_never_changes
    BEFORE UPDATE ON payments_payment
    FOR EACH ROW EXECUTE FUNCTION payments_payment_never_changes();
