"""Accounts, the ledger and the log: what every writer must keep, by triggers. Each file says what it guarantees."""

from django.db import migrations

from concertbook.db.constraints import constraint


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        constraint("accounts", "accounts_activity_is_append_only"),
        constraint("accounts", "accounts_balance_equals_last_line"),
        constraint("accounts", "accounts_business_never_changes"),
        constraint("accounts", "accounts_credit_is_decided_once"),
        constraint("accounts", "accounts_document_never_changes"),
        constraint("accounts", "accounts_ledger_is_append_only"),
        constraint("accounts", "accounts_line_continues_the_one_before"),
        constraint("accounts", "accounts_no_charge_for_closing_account"),
    ]
