"""A schedule may be cancelled, by somebody and for good."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

FORWARD = """
CREATE FUNCTION concerts_schedule_stays_cancelled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'schedule % was cancelled for good', OLD.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'concerts_schedule_stays_cancelled';
END $$;

CREATE TRIGGER concerts_schedule_stays_cancelled
    BEFORE UPDATE ON concerts_concertschedule
    FOR EACH ROW WHEN (
        OLD.cancelled_at IS NOT NULL
        AND (OLD.cancelled_at, OLD.cancelled_by_id, OLD.cancel_reason)
            IS DISTINCT FROM (NEW.cancelled_at, NEW.cancelled_by_id, NEW.cancel_reason))
    EXECUTE FUNCTION concerts_schedule_stays_cancelled();
"""

BACKWARD = """
DROP TRIGGER concerts_schedule_stays_cancelled ON concerts_concertschedule;
DROP FUNCTION concerts_schedule_stays_cancelled();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('concerts', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='concertschedule',
            options={'ordering': ['start_at', 'pk'], 'permissions': [('cancel_concertschedule', 'Can cancel a schedule and refund everybody in full')], 'verbose_name': 'schedule', 'verbose_name_plural': 'schedules'},
        ),
        migrations.AddField(
            model_name='concertschedule',
            name='cancel_reason',
            field=models.CharField(blank=True, editable=False, max_length=200, verbose_name='why it was cancelled'),
        ),
        migrations.AddField(
            model_name='concertschedule',
            name='cancelled_at',
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name='cancelled at'),
        ),
        migrations.AddField(
            model_name='concertschedule',
            name='cancelled_by',
            field=models.ForeignKey(blank=True, db_index=False, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='cancelled by'),
        ),
        migrations.AddConstraint(
            model_name='concertschedule',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('cancel_reason', ''), ('cancelled_at', None), ('cancelled_by', None)), models.Q(('cancelled_at__isnull', False), ('cancelled_by__isnull', False)), _connector='OR'), name='concerts_concertschedule_cancelled_by_somebody'),
        ),
        migrations.RunSQL([FORWARD], [BACKWARD]),
    ]
