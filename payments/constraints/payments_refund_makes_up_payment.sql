-- A refund and its fee add up to a successful payment.

CREATE FUNCTION payments_refund_makes_up_payment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM payments_payment p
        WHERE p.id = NEW.payment_id AND p.status = 'SUCCESS' AND p.amount = NEW.amount + NEW.fee
    ) THEN
        RAISE EXCEPTION 'refund % and its fee do not make up a successful payment', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_refund_makes_up_payment';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER payments_refund_makes_up_payment
    BEFORE INSERT OR UPDATE ON payments_refund
    FOR EACH ROW EXECUTE FUNCTION payments_refund_makes_up_payment();
