"""The indexes of unique constraints are there for their promises, and no query is planned by them.

Nor is the check that a seat agrees with its live reservation, which looks up that one seat's: with
the statuses as words in its query it read the index of whatever is live, for good where it had been
planned while nothing was, as before every sale.
"""

from django.conf import settings
from django.db import migrations, models


FUNCTION = """
CREATE OR REPLACE FUNCTION payments_seat_agrees_with_reservation()
RETURNS trigger LANGUAGE plpgsql AS $$
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
            ON r.seat_id = s.id AND NOT r.status ~ '^(EXPIRED|CANCELLED)$'
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
"""


class Migration(migrations.Migration):

    dependencies = [
        ('concerts', '0002_cancelled_schedules'),
        ('payments', '0004_reservation_schedule_by_its_seat'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        # Either way round the promise is the same: there is nothing to take back.
        migrations.RunSQL(FUNCTION, migrations.RunSQL.noop),
        migrations.RemoveConstraint(
            model_name='payment',
            name='payments_payment_one_success_per_reservation',
        ),
        migrations.RemoveConstraint(
            model_name='reservation',
            name='payments_reservation_one_live_per_seat',
        ),
        migrations.RemoveConstraint(
            model_name='reservation',
            name='payments_reservation_one_live_per_slot',
        ),
        migrations.RemoveConstraint(
            model_name='ticket',
            name='payments_ticket_one_live_per_seat',
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=models.UniqueConstraint(condition=models.Q(('status__regex', '^(FAILED)$'), _negated=True), fields=('reservation',), name='payments_payment_one_success_per_reservation'),
        ),
        migrations.AddConstraint(
            model_name='reservation',
            constraint=models.UniqueConstraint(condition=models.Q(('status__regex', '^(EXPIRED|CANCELLED)$'), _negated=True), fields=('seat',), name='payments_reservation_one_live_per_seat'),
        ),
        migrations.AddConstraint(
            model_name='reservation',
            constraint=models.UniqueConstraint(condition=models.Q(('status__regex', '^(HOLD|CONFIRMED)$')), fields=('schedule', 'user', 'slot'), name='payments_reservation_one_live_per_slot'),
        ),
        migrations.AddConstraint(
            model_name='ticket',
            constraint=models.UniqueConstraint(condition=models.Q(('status__regex', '^(CANCELLED)$'), _negated=True), fields=('seat',), name='payments_ticket_one_live_per_seat'),
        ),
    ]
