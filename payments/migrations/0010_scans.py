"""Scans have keys, may be recorded late, and may conflict."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from concertbook.db.constraints import constraint


class Migration(migrations.Migration):

    dependencies = [
        ('concerts', '0011_schedule_moves'),
        ('payments', '0009_received_within_limit'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='CheckInConflict',
            fields=[
                ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ('code', models.CharField(max_length=40, verbose_name='refusal')),
                ('gate', models.CharField(blank=True, max_length=50, verbose_name='gate')),
                ('scanned_at', models.DateTimeField(verbose_name='scanned')),
                ('recorded_at', models.DateTimeField(verbose_name='recorded')),
            ],
            options={
                'verbose_name': 'conflict at the door',
                'verbose_name_plural': 'conflicts at the door',
                'ordering': ['-scanned_at', '-pk'],
            },
        ),
        migrations.AddField(
            model_name='checkin',
            name='by_hand_reason',
            field=models.CharField(blank=True, db_default='', default='', max_length=200, verbose_name='why it was done by hand'),
        ),
        migrations.AddField(
            model_name='checkin',
            name='recorded_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='recorded'),
        ),
        migrations.AddField(
            model_name='checkin',
            name='scan',
            field=models.UUIDField(blank=True, editable=False, null=True, verbose_name='scan'),
        ),
        migrations.AddConstraint(
            model_name='checkin',
            constraint=models.UniqueConstraint(fields=('scan',), name='payments_checkin_one_a_scan'),
        ),
        migrations.AddConstraint(
            model_name='checkin',
            constraint=models.CheckConstraint(condition=models.Q(('recorded_at', None), models.Q(('recorded_at__gte', models.F('checked_in_at')), ('scan__isnull', False)), _connector='OR'), name='payments_checkin_recorded_after_its_scan'),
        ),
        migrations.AddField(
            model_name='checkinconflict',
            name='check_in',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='conflicts', to='payments.checkin', verbose_name='other check-in'),
        ),
        migrations.AddField(
            model_name='checkinconflict',
            name='scanned_by',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='scanned by'),
        ),
        migrations.AddField(
            model_name='checkinconflict',
            name='schedule',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='concerts.concertschedule', verbose_name='schedule'),
        ),
        migrations.AddField(
            model_name='checkinconflict',
            name='ticket',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='check_in_conflicts', to='payments.ticket', verbose_name='ticket'),
        ),
        migrations.AddConstraint(
            model_name='checkinconflict',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('check_in__isnull', False), ('code', 'ticket_used'), ('ticket__isnull', False)), models.Q(models.Q(('code', 'ticket_used'), _negated=True), ('check_in', None)), _connector='OR'), name='payments_checkinconflict_names_the_other_use'),
        ),
        migrations.AddConstraint(
            model_name='checkinconflict',
            constraint=models.CheckConstraint(condition=models.Q(('recorded_at__gte', models.F('scanned_at'))), name='payments_checkinconflict_recorded_after_its_scan'),
        ),
        constraint("payments", "payments_checkin_keeps_its_scan"),
        constraint("payments", "payments_checkinconflict_is_a_record"),
    ]
