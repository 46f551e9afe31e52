"""Promises that span tables, kept by the database for every writer.

- a seat's status, holder and time agree with its live reservation (checked at commit)
- a reservation names its seat's own schedule, and its slot lies within the purchase limit
- a refund and its fee make up a successful payment, and a payment never changes
- a ticket is for its reservation's seat and user
- a seat never moves to another schedule, and a limit is not lowered below what people have
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

CREATE FUNCTION payments_payment_never_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'payment % was written for good', OLD.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_payment_never_changes';
END $$;

CREATE TRIGGER payments_payment_never_changes
    BEFORE UPDATE ON payments_payment
    FOR EACH ROW EXECUTE FUNCTION payments_payment_never_changes();

CREATE FUNCTION payments_ticket_for_its_reservation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM payments_reservation r
        WHERE r.id = NEW.reservation_id AND r.seat_id = NEW.seat_id AND r.user_id = NEW.user_id
    ) THEN
        RAISE EXCEPTION 'ticket % is not for its reservation''s seat and user', NEW.id
            USING ERRCODE = 'check_violation',
                  CONSTRAINT = 'payments_ticket_for_its_reservation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER payments_ticket_for_its_reservation
    BEFORE INSERT OR UPDATE OF reservation_id, seat_id, user_id ON payments_ticket
    FOR EACH ROW EXECUTE FUNCTION payments_ticket_for_its_reservation();

CREATE FUNCTION concerts_seat_stays_in_its_schedule() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'seat % cannot move to another schedule', OLD.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'concerts_seat_stays_in_its_schedule';
END $$;

CREATE TRIGGER concerts_seat_stays_in_its_schedule
    BEFORE UPDATE OF schedule_id ON concerts_seat
    FOR EACH ROW WHEN (OLD.schedule_id <> NEW.schedule_id)
    EXECUTE FUNCTION concerts_seat_stays_in_its_schedule();

CREATE FUNCTION payments_limit_covers_live_reservations() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM payments_reservation
        WHERE schedule_id = NEW.id AND status IN ('HOLD', 'CONFIRMED')
          AND slot > NEW.purchase_limit
    ) THEN
        RAISE EXCEPTION 'the limit of schedule % is below what people have', NEW.id
            USING ERRCODE = 'check_violation',
                  CONSTRAINT = 'payments_limit_covers_live_reservations';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER payments_limit_covers_live_reservations
    BEFORE UPDATE OF purchase_limit ON concerts_concertschedule
    FOR EACH ROW WHEN (NEW.purchase_limit < OLD.purchase_limit)
    EXECUTE FUNCTION payments_limit_covers_live_reservations();
"""

BACKWARD = """
DROP TRIGGER payments_limit_covers_live_reservations ON concerts_concertschedule;
DROP FUNCTION payments_limit_covers_live_reservations();
DROP TRIGGER concerts_seat_stays_in_its_schedule ON concerts_seat;
DROP FUNCTION concerts_seat_stays_in_its_schedule();
DROP TRIGGER payments_ticket_for_its_reservation ON payments_ticket;
DROP FUNCTION payments_ticket_for_its_reservation();
DROP TRIGGER payments_payment_never_changes ON payments_payment;
DROP FUNCTION payments_payment_never_changes();
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
