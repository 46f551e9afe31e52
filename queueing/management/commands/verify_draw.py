"""manage.py verify_draw: check the order of a room's line against its seed."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from concertbook.errors import NotFound
from queueing.models import Draw
from queueing.services.draw_verification import Verification, verify
from queueing.services.join_and_leave import get_room


class Command(BaseCommand):
    help = "Compute a room's draw anew and compare every position; exits 1 on a difference."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("room", help="the waiting room's slug, as in its address")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            verification = verify(get_room(options["room"]))
        except NotFound:
            raise CommandError(f"No waiting room {options['room']} that draws lots.") from None
        self.stdout.write(as_text(verification.draw))
        for difference in verification.differences:
            self.stdout.write(str(difference))
        self._conclude(verification)

    def _conclude(self, verification: Verification) -> None:
        if verification.differences:
            raise CommandError(f"{len(verification.differences):,} things are not as drawn.")
        if verification.draw.drawn_at is None:
            raise CommandError("The lots are not drawn yet.")
        self.stdout.write("Every position is as drawn.")


def as_text(draw: Draw) -> str:
    """What is published of the draw, a line for each."""
    published = {
        "commitment": draw.commitment,
        "seed": draw.revealed_seed,
        "participants hash": draw.participants_hash,
        "participants": draw.participants,
    }
    return "\n".join(
        f"{name + ':':<19}{'not yet' if value in (None, '') else value}"
        for name, value in published.items()
    )
