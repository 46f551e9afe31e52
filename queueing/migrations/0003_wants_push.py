from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('queueing', '0002_constraints'),
    ]

    operations = [
        migrations.AddField(
            model_name='queuetoken',
            name='wants_push',
            field=models.BooleanField(db_default=False, default=False, verbose_name='wants a push message'),
        ),
    ]
