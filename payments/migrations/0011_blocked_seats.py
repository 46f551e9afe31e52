from django.db import migrations

from concertbook.db.constraints import constraint

BEFORE = constraint("payments", "payments_seat_agrees_with_reservation")


class Migration(migrations.Migration):
    dependencies = [("payments", "0010_scans"), ("concerts", "0014_blocked_seats")]

    operations = [
        constraint(
            "payments",
            "payments_blocked_seat_has_no_reservation",
            drop=f"{BEFORE.reverse_sql[0]};\n{BEFORE.sql[0]}",
        )
    ]
