"""Note the changes of seats that were committed, so that their buyers see them at once."""

import logging
import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from concerts.seat_index import keys, scripts
from queueing.line import client
from queueing.line.errors import LineUnavailable

logger = logging.getLogger(__name__)

# Until a snapshot is too old to be used (looks.TOO_OLD), with a margin.
OWN_SECONDS = 10
# Until the rule against hoarding forgets a hold (payments.services.buyer_holdings).
HELD_SECONDS = 4000

# The states of a seat to the one who changed it.
FREE, COOLDOWN, MINE, SOLD = STATES = "free", "cooldown", "mine", "sold"


@dataclass(frozen=True)
class SeatChange:
    """``user_id`` is None for a change that no buyer made; ``version`` counts a seat's changes."""

    schedule_id: uuid.UUID
    user_id: uuid.UUID | None
    number: int
    version: int
    state: str


def note(changes: Iterable[SeatChange]) -> None:
    """One round trip for each schedule. Without Redis nothing is noted, and nothing is raised."""
    by_schedule: defaultdict[uuid.UUID, list[SeatChange]] = defaultdict(list)
    for change in changes:
        by_schedule[change.schedule_id].append(change)
    for schedule_id, its_changes in by_schedule.items():
        try:
            _note(schedule_id, its_changes)
        except LineUnavailable as exc:
            logger.warning("A commit was not noted for the seat map: %s", exc.__cause__)


def _note(schedule_id: uuid.UUID, changes: Iterable[SeatChange]) -> None:
    by_user: defaultdict[uuid.UUID, list[SeatChange]] = defaultdict(list)
    for change in changes:
        if change.user_id is not None:
            by_user[change.user_id].append(change)
    script_keys = [keys.of_schedule(schedule_id).changes]
    arguments: list[str | int] = [OWN_SECONDS, HELD_SECONDS]
    for user_id, own in by_user.items():
        script_keys += [keys.own_changes(schedule_id, user_id), keys.held_lately(user_id)]
        arguments += [int(any(each.state == MINE for each in own)), len(own)]
        for each in own:
            arguments += [each.number, each.version, each.state]
    client.run(scripts.NOTE_CHANGES, script_keys, arguments)
