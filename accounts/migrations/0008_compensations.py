from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0007_outbox'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='balancehistory',
            name='accounts_balancehistory_type_known',
        ),
        migrations.AlterField(
            model_name='balancehistory',
            name='source',
            field=models.UUIDField(help_text='the charge, payment, refund or compensation', verbose_name='source'),
        ),
        migrations.AlterField(
            model_name='balancehistory',
            name='type',
            field=models.CharField(choices=[('CHARGE', 'Charge'), ('RESERVATION', 'Reservation'), ('CANCELLATION', 'Cancellation'), ('COMPENSATION', 'Compensation'), ('OTHER', 'Other')], max_length=12, verbose_name='type'),
        ),
        migrations.AddConstraint(
            model_name='balancehistory',
            constraint=models.CheckConstraint(condition=models.Q(('type__in', ['CHARGE', 'RESERVATION', 'CANCELLATION', 'COMPENSATION', 'OTHER'])), name='accounts_balancehistory_type_known'),
        ),
    ]
