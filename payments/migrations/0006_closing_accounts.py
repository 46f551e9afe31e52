from django.db import migrations

from concertbook.db.constraints import constraint


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0011_personal_data"),
        ("payments", "0005_column_defaults"),
    ]

    operations = [
        constraint("payments", "payments_no_ticket_for_closing_account"),
    ]
