-- An offer begins open, by its ticket's holder while the ticket is unused; it is never deleted, changes once, when it ends, and then only loses its address.

CREATE FUNCTION payments_ticketoffer_is_a_record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' AND NEW.status = 'OPEN' AND EXISTS (
        SELECT FROM payments_ticket t
        WHERE t.id = NEW.ticket_id AND t.user_id = NEW.giver_id AND t.status = 'ISSUED'
    ) THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.status = 'OPEN'
        AND (OLD.id, OLD.ticket_id, OLD.giver_id, OLD.email, OLD.offered_at)
            = (NEW.id, NEW.ticket_id, NEW.giver_id, NEW.email, NEW.offered_at)
    THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.status <> 'OPEN' AND NEW.email = ''
        -- A generated column is not computed yet.
        AND to_jsonb(OLD) - '{email,is_open}'::text[] = to_jsonb(NEW) - '{email,is_open}'::text[]
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'offer % was written for good', coalesce(NEW.id, OLD.id)
        USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_ticketoffer_is_a_record';
END $$;

CREATE TRIGGER payments_ticketoffer_is_a_record
    BEFORE INSERT OR UPDATE OR DELETE ON payments_ticketoffer
    FOR EACH ROW EXECUTE FUNCTION payments_ticketoffer_is_a_record();
