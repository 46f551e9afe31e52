from django.db import migrations, models

from concertbook.db.constraints import constraint


class Migration(migrations.Migration):

    dependencies = [
        ('payments', '0002_constraints'),
        ('concerts', '0009_refund_rules'),
    ]

    operations = [
        migrations.AddField(
            model_name='refund',
            name='compensation',
            field=models.BigIntegerField(db_default=0, default=0, help_text='won', verbose_name='compensation'),
        ),
        migrations.AddField(
            model_name='refund',
            name='compensation_source',
            field=models.UUIDField(editable=False, null=True),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('compensation', 0), ('compensation_source', None)), models.Q(('compensation__gt', 0), ('compensation_source__isnull', False)), _connector='OR'), name='payments_refund_compensation_has_source'),
        ),
        constraint("payments", "payments_refund_compensates_as_owed"),
    ]
