from django.db import migrations

from concertbook.db.constraints import constraint


class Migration(migrations.Migration):
    dependencies = [("payments", "0008_roles")]

    operations = [constraint("payments", "payments_received_within_limit")]
