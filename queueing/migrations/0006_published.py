from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):

    dependencies = [
        ('queueing', '0005_board'),
    ]

    operations = [
        migrations.AddField(
            model_name='waitingroom',
            name='published_at',
            field=models.DateTimeField(blank=True, db_default=Now(), editable=False, null=True, verbose_name='published'),
        ),
    ]
