-- A user who receives tickets of a schedule stays within its purchase limit, with all tickets and holds, also when an acceptance and a hold commit at the same moment.

CREATE FUNCTION payments_received_within_limit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    the_user uuid;
    the_schedule uuid;
    has bigint;
BEGIN
    -- The lock is what a hold and an acceptance of one user share: a user who was not in line when the
    -- acceptance began has no token that it could have locked. Holds do not wait for each other.
    IF TG_TABLE_NAME = 'payments_reservation' THEN
        the_user := NEW.user_id;
        the_schedule := NEW.schedule_id;
        PERFORM pg_advisory_xact_lock_shared(hashtextextended(the_user || ' ' || the_schedule, 0));
        SELECT count(DISTINCT t.id) INTO has
        FROM payments_ticketoffer o
        JOIN payments_ticket t ON t.id = o.ticket_id
        JOIN payments_reservation bought ON bought.id = t.reservation_id
        WHERE o.receiver_id = the_user AND t.user_id = the_user AND t.status <> 'CANCELLED'
          AND bought.user_id <> the_user AND bought.schedule_id = the_schedule;
        IF has = 0 THEN
            RETURN NULL;  -- The slots keep the limit.
        END IF;
        has := has + (
            SELECT count(*) FROM payments_reservation r
            WHERE r.schedule_id = the_schedule AND r.user_id = the_user AND r.is_live);
    ELSE
        the_user := NEW.receiver_id;
        SELECT r.schedule_id INTO the_schedule
        FROM payments_ticket t JOIN payments_reservation r ON r.id = t.reservation_id
        WHERE t.id = NEW.ticket_id;
        PERFORM pg_advisory_xact_lock(hashtextextended(the_user || ' ' || the_schedule, 0));
        SELECT (SELECT count(*) FROM payments_ticket t
                JOIN payments_reservation r ON r.id = t.reservation_id
                WHERE t.user_id = the_user AND t.status <> 'CANCELLED'
                  AND r.schedule_id = the_schedule)
             + (SELECT count(*) FROM payments_reservation r
                WHERE r.user_id = the_user AND r.status = 'HOLD' AND r.schedule_id = the_schedule
                  AND r.expires_at > clock_timestamp())
        INTO has;
    END IF;
    IF has > (SELECT purchase_limit FROM concerts_concertschedule WHERE id = the_schedule) THEN
        RAISE EXCEPTION 'user % is past the limit of schedule %', the_user, the_schedule
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_received_within_limit';
    END IF;
    RETURN NULL;
END $$;

-- At commit, as the last lock of an acceptance.
CREATE CONSTRAINT TRIGGER payments_received_within_limit
    AFTER UPDATE ON payments_ticketoffer
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.status <> 'ACCEPTED' AND NEW.status = 'ACCEPTED')
    EXECUTE FUNCTION payments_received_within_limit();

CREATE TRIGGER payments_received_within_limit
    AFTER INSERT ON payments_reservation
    FOR EACH ROW EXECUTE FUNCTION payments_received_within_limit();
