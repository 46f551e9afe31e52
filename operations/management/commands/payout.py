"""manage.py payout: record that money of a balance was paid to its user's bank account.

Without arguments: the deleted accounts that are owed money."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.services.owed_money import list_owed
from accounts.services.payouts import UnclearAccount, find_payee, pay_out
from concertbook.errors import DomainError


class Command(BaseCommand):
    help = (
        "Take an amount in won out of a user's balance, after it was paid to their bank account."
        " Without arguments: list the deleted accounts that are owed money."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", nargs="?", help="or the account's id")
        parser.add_argument("amount", nargs="?", type=int, metavar="WON")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["email"] is None:
            for each in list_owed():
                self.stdout.write(f"{each.owed:>12,} won  {each.pk}  {each.email}  {each.name}")
            return
        if options["amount"] is None:
            raise CommandError("How many won were paid out?")
        try:
            user = find_payee(address=options["email"])
            line = pay_out(user=user, amount=options["amount"])
        except UnclearAccount as unclear:
            raise CommandError(str(unclear)) from None
        except DomainError as refusal:
            raise CommandError(str(refusal.message)) from None
        self.stdout.write(f"{-line.amount:,} won paid out; {line.balance_after:,} won are left.")
