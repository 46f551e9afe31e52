"""Promises that span tables, kept by the database for every writer.

- a seat's status, holder and time agree with its live reservation (checked at commit)
- a reservation names its seat's own schedule, and its slot lies within the purchase limit
- a refund and its fee make up a successful payment
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION payments_seat_agrees_with_reservation() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    the_seat uuid;
BEGIN
    IF TG_TABLE_NAME = 'concerts_seat' THEN
        the_seat := NEW.id;
    ELSIF TG_OP = 'DELETE' THEN
        the_seat := OLD.seat_id;
    ELSE
        the_seat := NEW.seat_id;
    END IF;
    IF EXISTS (
        SELECT FROM concerts_seat s
        LEFT JOIN payments_reservation r
            ON r.seat_id = s.id AND r.status IN ('HOLD', 'CONFIRMED')
        WHERE s.id = the_seat
          AND (s.status, s.held_by_id, s.hold_expires_at) IS DISTINCT FROM (
              CASE r.status WHEN 'HOLD' THEN 'HELD' WHEN 'CONFIRMED' THEN 'RESERVED'
                            ELSE 'AVAILABLE' END,
              CASE WHEN r.status = 'HOLD' THEN r.user_id END,
              CASE WHEN r.status = 'HOLD' THEN r.expires_at END)
    ) THEN
        RAISE EXCEPTION 'seat % differs from its live reservation', the_seat
            USING ERRCODE = 'check_violation',
                  CONSTRAINT = 'payments_seat_agrees_with_reservation';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER payments_seat_agrees_with_reservation
    AFTER INSERT OR UPDATE OF status, held_by_id, hold_expires_at ON concerts_seat
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION payments_seat_agrees_with_reservation();

CREATE CONSTRAINT TRIGGER payments_seat_agrees_with_reservation
    AFTER INSERT OR DELETE OR UPDATE OF status, user_id, expires_at ON payments_reservation
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION payments_seat_agrees_with_reservation();

CREATE FUNCTION payments_reservation_within_limit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM concerts_seat s JOIN concerts_concertschedule c ON c.id = s.schedule_id
        WHERE s.id = NEW.seat_id AND c.id = NEW.schedule_id AND NEW.slot <= c.purchase_limit
    ) THEN
        RAISE EXCEPTION 'reservation of seat % is past the limit or of another schedule',
            NEW.seat_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_reservation_within_limit';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER payments_reservation_within_limit
    BEFORE INSERT OR UPDATE OF seat_id, schedule_id, slot ON payments_reservation
    FOR EACH ROW EXECUTE FUNCTION payments_reservation_within_limit();

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
"""

BACKWARD = """
DROP TRIGGER payments_refund_makes_up_payment ON payments_refund;
DROP FUNCTION payments_refund_makes_up_payment();
DROP TRIGGER payments_reservation_within_limit ON payments_reservation;
DROP FUNCTION payments_reservation_within_limit();
DROP TRIGGER payments_seat_agrees_with_reservation ON payments_reservation;
DROP TRIGGER payments_seat_agrees_with_reservation ON concerts_seat;
DROP FUNCTION payments_seat_agrees_with_reservation();
"""


class Migration(migrations.Migration):
    dependencies = [("payments", "0001_initial")]

    operations = [migrations.RunSQL([FORWARD], [BACKWARD])]
