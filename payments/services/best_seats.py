"""Hold the best seats for a buyer who leaves the choice to us."""

import uuid
from collections.abc import Callable

from accounts.models import User
from concerts.errors import SeatTaken
from concerts.services.best_in_snapshot import Preference, Proposal, propose
from concerts.services.seat_states import seat_states
from payments.models import Reservation
from payments.services.holds import Outcome, hold_seats
from payments.services.locked_sale import HoldRequest

# Other buyers may be faster, several times in the first minute of a sale.
ATTEMPTS = 4


def hold_best(
    *,
    user: User,
    schedule_id: uuid.UUID,
    preference: Preference,
    act: Callable[[HoldRequest], Outcome] | None = None,
) -> list[Reservation] | Proposal | None:
    """Hold the best free seats that meet the preference; returns the reservations.

    Holds nothing where it cannot be met: returns the nearest proposal, None when nothing is left.
    ``act`` as for hold_seats. Raises as hold_seats; SeatTaken when others were faster each time.
    """
    refused: set[int] = set()
    for attempt in range(ATTEMPTS):
        view = seat_states(user=user, schedule_id=schedule_id)
        proposal = propose(
            view.snapshot, preference, taken={*refused, *view.numbers_taken_since}, retries=attempt
        )
        if proposal is None or proposal.meets != preference:
            return proposal
        try:
            return hold_seats(
                user=user,
                schedule_id=schedule_id,
                numbers=proposal.numbers,
                suggest=False,
                act=act,
            )
        except SeatTaken as refusal:
            if attempt == ATTEMPTS - 1:
                raise
            refused.update(each for each in proposal.numbers if each == refusal.extra["seat"])
    raise AssertionError("the last attempt returns or raises")
