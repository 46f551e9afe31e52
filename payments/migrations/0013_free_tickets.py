from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('concerts', '0014_blocked_seats'),
        ('payments', '0012_ticket_moves'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='ticket',
            options={'ordering': ['-created_at', '-pk'], 'permissions': [('check_in_ticket', 'Can check in tickets at the door, and undo it'), ('move_ticket', 'Can move a buyer to another seat'), ('give_ticket', 'Can give a free ticket')], 'verbose_name': 'ticket', 'verbose_name_plural': 'tickets'},
        ),
        migrations.RemoveConstraint(
            model_name='payment',
            name='payments_payment_positive',
        ),
        migrations.RemoveConstraint(
            model_name='payment',
            name='payments_payment_failed_has_reason',
        ),
        migrations.RemoveConstraint(
            model_name='reservation',
            name='payments_reservation_figures_sane',
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gt', 0), models.Q(('amount', 0), ('reason', 'free_ticket'), ('status', 'SUCCESS')), _connector='OR'), name='payments_payment_positive'),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('reason', ''), ('status', 'SUCCESS')), models.Q(('amount', 0), ('reason', 'free_ticket'), ('status', 'SUCCESS')), models.Q(('status', 'FAILED'), models.Q(('reason', ''), _negated=True)), _connector='OR'), name='payments_payment_failed_has_reason'),
        ),
        migrations.AddConstraint(
            model_name='reservation',
            constraint=models.CheckConstraint(condition=models.Q(('created_at__lt', models.F('expires_at')), ('price__gte', 0), ('slot__gt', 0)), name='payments_reservation_figures_sane'),
        ),
        migrations.AddConstraint(
            model_name='reservation',
            constraint=models.CheckConstraint(condition=models.Q(('price__gt', 0), ('status__in', ['CONFIRMED', 'CANCELLED']), _connector='OR'), name='payments_reservation_held_for_a_price'),
        ),
    ]
