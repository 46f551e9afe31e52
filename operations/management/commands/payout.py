"""manage.py payout: record that money of a balance was paid to its user's bank account."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from accounts.services.payouts import pay_out
from concertbook.errors import DomainError


class Command(BaseCommand):
    help = "Take an amount in won out of a user's balance, after it was paid to their bank account."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("amount", type=int, metavar="WON")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.with_email(options["email"]).first()
        if user is None:
            raise CommandError("There is no account with this address.")
        try:
            line = pay_out(user=user, amount=options["amount"])
        except DomainError as refusal:
            raise CommandError(str(refusal.message)) from None
        self.stdout.write(f"{-line.amount:,} won paid out; {line.balance_after:,} won are left.")
