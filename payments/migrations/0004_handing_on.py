"""Tickets are handed on: the offers, and what every writer must keep, by triggers."""

import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models

from concertbook.db.constraints import constraint


class Migration(migrations.Migration):

    dependencies = [
        ('payments', '0003_compensations'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='TicketOffer',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('email', models.CharField(max_length=254, verbose_name='offered to')),
                ('status', models.CharField(choices=[('OPEN', 'Unanswered'), ('ACCEPTED', 'Accepted'), ('DECLINED', 'Declined'), ('WITHDRAWN', 'Withdrawn'), ('ENDED', 'Ended')], default='OPEN', max_length=9, verbose_name='status')),
                ('is_open', models.GeneratedField(db_persist=True, expression=models.Q(('status__in', ('OPEN',))), output_field=models.BooleanField())),
                ('number', models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='number')),
                ('old_code', models.CharField(blank=True, editable=False, max_length=40)),
                ('offered_at', models.DateTimeField(verbose_name='offered at')),
                ('ended_at', models.DateTimeField(blank=True, null=True, verbose_name='ended at')),
                ('giver', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='offered by')),
                ('receiver', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='accepted by')),
                ('ticket', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='offers', to='payments.ticket', verbose_name='ticket')),
            ],
            options={
                'verbose_name': 'handing on',
                'verbose_name_plural': 'tickets handed on',
                'ordering': ['-offered_at', '-pk'],
                'indexes': [models.Index(fields=['giver', '-offered_at'], name='payments_ticketoffer_given'), models.Index(condition=models.Q(('is_open', True)), fields=['email'], name='payments_ticketoffer_for')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('is_open', True)), fields=('ticket',), name='payments_ticketoffer_one_open_per_ticket'), models.UniqueConstraint(fields=('ticket', 'number'), name='payments_ticketoffer_one_chain'), models.UniqueConstraint(condition=models.Q(('old_code', ''), _negated=True), fields=('old_code',), name='payments_ticketoffer_code_ends_once'), models.CheckConstraint(condition=models.Q(models.Q(('ended_at', None), ('number', None), ('old_code', ''), ('receiver', None), ('status', 'OPEN')), models.Q(('ended_at__isnull', False), ('number__gt', 0), ('receiver__isnull', False), ('status', 'ACCEPTED'), models.Q(('old_code', ''), _negated=True), models.Q(('receiver', models.F('giver')), _negated=True)), models.Q(('ended_at__isnull', False), ('number', None), ('old_code', ''), ('receiver', None), ('status__in', ['DECLINED', 'WITHDRAWN', 'ENDED'])), _connector='OR'), name='payments_ticketoffer_is_complete')],
            },
        ),
        constraint("payments", "payments_ticketoffer_is_a_record"),
        constraint(
            "payments",
            "payments_ticket_changes_hands_by_offer",
            drop="""
                DROP FUNCTION payments_ticket_changes_hands_by_offer CASCADE;
                DROP TRIGGER payments_ticket_for_its_reservation ON payments_ticket;
                CREATE TRIGGER payments_ticket_for_its_reservation
                    BEFORE INSERT OR UPDATE OF reservation_id, seat_id, user_id ON payments_ticket
                    FOR EACH ROW EXECUTE FUNCTION payments_ticket_for_its_reservation();
            """,
        ),
        constraint("payments", "payments_ticketoffer_moves_its_ticket"),
        constraint("payments", "payments_ticketoffer_ends_with_its_ticket"),
    ]
