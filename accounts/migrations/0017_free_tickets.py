from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0016_second_factor'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='balancehistory',
            name='accounts_balancehistory_amount_positive',
        ),
        migrations.AddConstraint(
            model_name='balancehistory',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gt', 0), models.Q(('type', 'OTHER'), models.Q(('amount', 0), _negated=True)), models.Q(('amount', 0), ('reason', 'free_ticket'), ('status', 'SUCCESS'), ('type', 'RESERVATION')), _connector='OR'), name='accounts_balancehistory_amount_positive'),
        ),
    ]
