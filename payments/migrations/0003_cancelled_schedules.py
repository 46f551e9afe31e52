"""Promises about a schedule that was cancelled: nothing of it is held or sold any more, refunds
because of it keep no fee, and a used ticket that is refunded keeps when it was used. That is the
only way back from USED, and there is none from CANCELLED."""

from django.conf import settings
from django.db import migrations, models

FORWARD = """
CREATE FUNCTION payments_nothing_sold_once_cancelled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM concerts_concertschedule
        WHERE id = NEW.schedule_id AND cancelled_at IS NOT NULL
    ) THEN
        RAISE EXCEPTION 'schedule % was cancelled: nothing of it is held or sold', NEW.schedule_id
            USING ERRCODE = 'check_violation',
                  CONSTRAINT = 'payments_nothing_sold_once_cancelled';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER payments_nothing_sold_once_cancelled
    BEFORE INSERT OR UPDATE OF status ON payments_reservation
    FOR EACH ROW WHEN (NEW.status IN ('HOLD', 'CONFIRMED'))
    EXECUTE FUNCTION payments_nothing_sold_once_cancelled();

CREATE FUNCTION payments_ticket_goes_one_way() RETURNS trigger LANGUAGE plpgsql AS $$
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

CREATE TRIGGER payments_ticket_goes_one_way
    BEFORE UPDATE OF status ON payments_ticket
    FOR EACH ROW WHEN (OLD.status <> 'ISSUED' AND NEW.status <> OLD.status)
    EXECUTE FUNCTION payments_ticket_goes_one_way();
"""

BACKWARD = """
DROP TRIGGER payments_ticket_goes_one_way ON payments_ticket;
DROP FUNCTION payments_ticket_goes_one_way();
DROP TRIGGER payments_nothing_sold_once_cancelled ON payments_reservation;
DROP FUNCTION payments_nothing_sold_once_cancelled();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('concerts', '0002_cancelled_schedules'),
        ('payments', '0002_promises'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='ticket',
            name='payments_ticket_used_has_time',
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('reason', 'schedule_cancelled'), _negated=True), ('fee', 0), _connector='OR'), name='payments_refund_in_full_when_schedule_cancelled'),
        ),
        migrations.AddConstraint(
            model_name='ticket',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'USED'), ('used_at__isnull', False)), models.Q(('status', 'ISSUED'), ('used_at', None)), ('status', 'CANCELLED'), _connector='OR'), name='payments_ticket_used_has_time'),
        ),
        migrations.RunSQL([FORWARD], [BACKWARD]),
    ]
