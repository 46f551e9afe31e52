"""Whether, and until when, the tickets of a schedule may be handed on."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('concerts', '0009_refund_rules'),
    ]

    operations = [
        migrations.AddField(
            model_name='concertschedule',
            name='hand_on_minutes',
            field=models.PositiveSmallIntegerField(db_default=300, default=300, help_text='Minutes before the start from which tickets change hands no more.', verbose_name='handing on ends before the start'),
        ),
        migrations.AddField(
            model_name='concertschedule',
            name='may_hand_on',
            field=models.BooleanField(db_default=True, default=True, help_text="A ticket's holder may give it to another account, for no price.", verbose_name='tickets may be handed on'),
        ),
    ]
