from django.db import migrations, models

from concertbook.db.constraints import constraint


class Migration(migrations.Migration):

    dependencies = [
        ('concerts', '0008_seat_kinds'),
    ]

    operations = [
        migrations.AddField(
            model_name='concert',
            name='refund_policy_reason',
            field=models.CharField(blank=True, help_text='Needed if cancelling costs more on any day than by the consumer standard (10:0 7:10 3:20 1:30 0:90). Buyers read it beside the fees.', max_length=200, verbose_name='why it is below the standard'),
        ),
        migrations.AddField(
            model_name='concert',
            name='refund_policy_reason_en',
            field=models.CharField(blank=True, max_length=200, verbose_name='the same in English'),
        ),
        migrations.AddField(
            model_name='concertschedule',
            name='cancel_cause',
            field=models.CharField(blank=True, choices=[('organiser', "the organiser's fault"), ('force_majeure', 'force majeure')], editable=False, max_length=13, verbose_name='cause'),
        ),
        migrations.AddConstraint(
            model_name='concertschedule',
            constraint=models.CheckConstraint(condition=models.Q(('cancel_cause', ''), models.Q(('cancel_cause__in', ['organiser', 'force_majeure']), ('cancelled_at__isnull', False)), _connector='OR'), name='concerts_concertschedule_cause_of_cancellation'),
        ),
        constraint("concerts", "concerts_schedule_cancel_cause_is_final"),
        constraint("concerts", "concerts_policy_below_standard_has_reason"),
    ]
