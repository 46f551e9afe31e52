"""Seats that operators blocked, or held back for a party. At first none is."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('concerts', '0013_roles'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='seat',
            name='concerts_seat_status_known',
        ),
        migrations.AddField(
            model_name='seat',
            name='blocked_for',
            field=models.CharField(blank=True, db_default='', default='', max_length=50, verbose_name='held back for'),
        ),
        migrations.AlterField(
            model_name='seat',
            name='status',
            field=models.CharField(choices=[('AVAILABLE', 'Available'), ('HELD', 'Held'), ('RESERVED', 'Reserved'), ('BLOCKED', 'Blocked')], default='AVAILABLE', max_length=9, verbose_name='status'),
        ),
        migrations.AlterField(
            model_name='seatstatushistory',
            name='from_status',
            field=models.CharField(choices=[('AVAILABLE', 'Available'), ('HELD', 'Held'), ('RESERVED', 'Reserved'), ('BLOCKED', 'Blocked')], max_length=9, verbose_name='from'),
        ),
        migrations.AlterField(
            model_name='seatstatushistory',
            name='to_status',
            field=models.CharField(choices=[('AVAILABLE', 'Available'), ('HELD', 'Held'), ('RESERVED', 'Reserved'), ('BLOCKED', 'Blocked')], max_length=9, verbose_name='to'),
        ),
        migrations.AddConstraint(
            model_name='seat',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['AVAILABLE', 'HELD', 'RESERVED', 'BLOCKED'])), name='concerts_seat_status_known'),
        ),
        migrations.AddConstraint(
            model_name='seat',
            constraint=models.CheckConstraint(condition=models.Q(('status', 'BLOCKED'), ('blocked_for', ''), _connector='OR'), name='concerts_seat_held_back_only_while_blocked'),
        ),
    ]
