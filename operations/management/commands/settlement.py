"""manage.py settlement: sales, refunds and fees by concert and day, compared with the ledger."""

import datetime as dt
import sys
import uuid
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from concertbook.errors import DomainError
from operations.services.settlement import settle_period
from operations.services.spreadsheet_files import CONTENT_TYPES
from operations.settlement_files import as_file


class Command(BaseCommand):
    help = (
        "Write the settlement of these days (the venue's) as a spreadsheet, to standard output"
        " unless a file is named; exits 1 if it does not reconcile to the ledger."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        day = dt.date.fromisoformat
        parser.add_argument("--from", dest="first", type=day, required=True, metavar="YYYY-MM-DD")
        parser.add_argument("--to", dest="last", type=day, required=True, metavar="YYYY-MM-DD")
        parser.add_argument("--concert", type=uuid.UUID, metavar="ID", help="only this concert")
        parser.add_argument("--format", choices=CONTENT_TYPES, default="csv")
        parser.add_argument("--output", type=Path, metavar="FILE")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            settlement = settle_period(
                first=options["first"], last=options["last"], concert_id=options["concert"]
            )
        except DomainError as refusal:
            raise CommandError(str(refusal.message)) from None
        written = as_file(settlement, format=options["format"])
        if options["output"]:
            options["output"].write_bytes(written)
        else:
            sys.stdout.buffer.write(written)
        if not settlement.reconciles:
            raise CommandError(f"It does not reconcile to the ledger: {settlement.differences}")
