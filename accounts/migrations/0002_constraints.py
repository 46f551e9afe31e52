"""The ledger: what every writer must keep, by triggers. Each file says what it guarantees."""

from django.db import migrations

from concertbook.db.constraints import constraint


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        constraint("accounts", "accounts_balance_equals_last_line"),
        constraint("accounts", "accounts_ledger_is_append_only"),
        constraint("accounts", "accounts_line_continues_the_one_before"),
    ]
