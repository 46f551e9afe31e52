"""Tickets that were used have a check-in, and the database keeps the two alike.

- a ticket says when, where and by whom it was used as its live check-in does (checked at commit)
- a check-in is of its ticket's schedule, is never deleted, and changes once: when it is undone
- a ticket begins unused, and goes from USED back to ISSUED only by an undone check-in
"""

from django.db import migrations

USED_BEFORE = """
INSERT INTO payments_checkin
    (id, ticket_id, schedule_id, gate, checked_in_by_id, checked_in_at, undo_reason)
SELECT gen_random_uuid(), t.id, r.schedule_id, t.gate, t.used_by_id, t.used_at, ''
FROM payments_ticket t JOIN payments_reservation r ON r.id = t.reservation_id
WHERE t.used_at IS NOT NULL;
SET CONSTRAINTS ALL IMMEDIATE;
"""

FORWARD = """
CREATE FUNCTION payments_ticket_agrees_with_check_in() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    the_ticket uuid;
BEGIN
    IF TG_TABLE_NAME = 'payments_ticket' THEN
        the_ticket := NEW.id;
    ELSE
        the_ticket := NEW.ticket_id;
    END IF;
    IF EXISTS (
        SELECT FROM payments_ticket t
        LEFT JOIN payments_checkin c ON c.ticket_id = t.id AND c.undone_at IS NULL
        WHERE t.id = the_ticket
          AND (t.used_at, t.used_by_id, t.gate)
              IS DISTINCT FROM (c.checked_in_at, c.checked_in_by_id, coalesce(c.gate, ''))
    ) THEN
        RAISE EXCEPTION 'ticket % differs from its live check-in', the_ticket
            USING ERRCODE = 'check_violation',
                  CONSTRAINT = 'payments_ticket_agrees_with_check_in';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER payments_ticket_agrees_with_check_in
    AFTER UPDATE OF used_at, used_by_id, gate ON payments_ticket
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (
        (OLD.used_at, OLD.used_by_id, OLD.gate)
            IS DISTINCT FROM (NEW.used_at, NEW.used_by_id, NEW.gate))
    EXECUTE FUNCTION payments_ticket_agrees_with_check_in();

CREATE CONSTRAINT TRIGGER payments_ticket_agrees_with_check_in
    AFTER INSERT OR UPDATE ON payments_checkin
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION payments_ticket_agrees_with_check_in();

CREATE FUNCTION payments_ticket_begins_unused() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ticket % was used before it was issued', NEW.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_ticket_begins_unused';
END $$;

CREATE TRIGGER payments_ticket_begins_unused
    BEFORE INSERT ON payments_ticket
    FOR EACH ROW WHEN (NEW.used_at IS NOT NULL)
    EXECUTE FUNCTION payments_ticket_begins_unused();

CREATE FUNCTION payments_checkin_for_its_schedule() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM payments_ticket t JOIN payments_reservation r ON r.id = t.reservation_id
        WHERE t.id = NEW.ticket_id AND r.schedule_id = NEW.schedule_id
    ) THEN
        RAISE EXCEPTION 'check-in % is not of its ticket''s schedule', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_checkin_for_its_schedule';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER payments_checkin_for_its_schedule
    BEFORE INSERT ON payments_checkin
    FOR EACH ROW EXECUTE FUNCTION payments_checkin_for_its_schedule();

CREATE FUNCTION payments_checkin_is_a_record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.undone_at IS NULL
        AND (OLD.id, OLD.ticket_id, OLD.schedule_id, OLD.gate, OLD.checked_in_by_id,
             OLD.checked_in_at)
            IS NOT DISTINCT FROM (NEW.id, NEW.ticket_id, NEW.schedule_id, NEW.gate,
                                  NEW.checked_in_by_id, NEW.checked_in_at)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'check-in % was written for good', OLD.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_checkin_is_a_record';
END $$;

CREATE TRIGGER payments_checkin_is_a_record
    BEFORE UPDATE OR DELETE ON payments_checkin
    FOR EACH ROW EXECUTE FUNCTION payments_checkin_is_a_record();

CREATE OR REPLACE FUNCTION payments_ticket_goes_one_way() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status = 'USED' AND NEW.status = 'ISSUED' AND EXISTS (
        SELECT FROM payments_checkin c
        WHERE c.ticket_id = OLD.id AND c.checked_in_at = OLD.used_at AND c.undone_at IS NOT NULL
    ) THEN
        RETURN NEW;
    END IF;
    IF NEW.status <> 'CANCELLED' OR NOT EXISTS (
        SELECT FROM payments_reservation r
        JOIN concerts_concertschedule s ON s.id = r.schedule_id
        WHERE r.id = NEW.reservation_id AND s.cancelled_at IS NOT NULL
    ) THEN
        RAISE EXCEPTION 'ticket % cannot go from % to %', OLD.id, OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_ticket_goes_one_way';
    END IF;
    RETURN NEW;
END $$;
"""

BACKWARD = """
CREATE OR REPLACE FUNCTION payments_ticket_goes_one_way() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status <> 'CANCELLED' OR NOT EXISTS (
        SELECT FROM payments_reservation r
        JOIN concerts_concertschedule s ON s.id = r.schedule_id
        WHERE r.id = NEW.reservation_id AND s.cancelled_at IS NOT NULL
    ) THEN
        RAISE EXCEPTION 'ticket % cannot go from % to %', OLD.id, OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_ticket_goes_one_way';
    END IF;
    RETURN NEW;
END $$;
DROP TRIGGER payments_checkin_is_a_record ON payments_checkin;
DROP FUNCTION payments_checkin_is_a_record();
DROP TRIGGER payments_checkin_for_its_schedule ON payments_checkin;
DROP FUNCTION payments_checkin_for_its_schedule();
DROP TRIGGER payments_ticket_begins_unused ON payments_ticket;
DROP FUNCTION payments_ticket_begins_unused();
DROP TRIGGER payments_ticket_agrees_with_check_in ON payments_checkin;
DROP TRIGGER payments_ticket_agrees_with_check_in ON payments_ticket;
DROP FUNCTION payments_ticket_agrees_with_check_in();
"""


class Migration(migrations.Migration):
    dependencies = [("payments", "0006_check_ins")]

    operations = [
        migrations.RunSQL([USED_BEFORE], migrations.RunSQL.noop),
        migrations.RunSQL([FORWARD], [BACKWARD]),
    ]
