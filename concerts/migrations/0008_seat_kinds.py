"""Kinds of seats. The plans that are there stay good: every seat is of the standard kind."""

from django.db import migrations, models

from concertbook.db.constraints import constraint


class Migration(migrations.Migration):

    dependencies = [
        ('concerts', '0007_uploaded_posters'),
    ]

    operations = [
        migrations.AddField(
            model_name='seat',
            name='kind',
            field=models.CharField(choices=[('standard', 'standard'), ('wheelchair', 'wheelchair'), ('companion', 'companion'), ('restricted', 'restricted view')], default='standard', max_length=10, verbose_name='kind'),
        ),
        migrations.AddConstraint(
            model_name='seat',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['standard', 'wheelchair', 'companion', 'restricted'])), name='concerts_seat_kind_known'),
        ),
        constraint(
            "concerts",
            "concerts_seat_reclassified_outdates_plan",
            drop="DROP TRIGGER concerts_seat_reclassified_outdates_plan ON concerts_seat",
        ),
    ]
