"""How the buyers of a simulation speak to the line: one by one, or a thousand at a time."""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from random import Random
from typing import Any, Protocol

import redis
from django.conf import settings
from django.db import transaction

from accounts.models import User
from benchmarks import bulk_users
from benchmarks.simulation.buyers import Buyer
from concertbook.db.clock import database_now
from concertbook.errors import NotFound, Unavailable
from queueing.line import keys, polls, scripts
from queueing.line.batches import batches
from queueing.line.errors import LineUnavailable, UnknownPerson
from queueing.line.records import person_of
from queueing.models import QueueEntryHistory, QueueToken, WaitingRoom
from queueing.services import endings, gate, index_updates, join_and_leave, polling
from queueing.services.entries import entry_of
from queueing.services.queue_position import QueuePosition, position_of

Outcome = QueueEntryHistory.Outcome
# A position; None for a buyer whose token has ended; or in how many seconds to ask again.
Answer = QueuePosition | None | int


class GateLoad(Protocol):
    def join(self, buyers: Sequence[Buyer]) -> Iterable[tuple[Buyer, Answer]]: ...
    def ask(self, buyers: Sequence[Buyer]) -> Iterable[tuple[Buyer, Answer]]: ...
    def leave(self, buyers: Sequence[Buyer]) -> None: ...
    def finish(self, buyers: Sequence[Buyer]) -> None: ...


class OneByOne:
    """Each buyer by the services that the views call."""

    def __init__(self, room: WaitingRoom, *, watch_front: bool) -> None:
        self.room = room
        self.watch_front = watch_front

    def join(self, buyers: Sequence[Buyer]) -> Iterator[tuple[Buyer, Answer]]:
        for buyer in buyers:
            place, _joined = join_and_leave.join(user=User(pk=buyer.user_id), slug=self.room.slug)
            yield buyer, place

    def ask(self, buyers: Sequence[Buyer]) -> Iterator[tuple[Buyer, Answer]]:
        for buyer in buyers:
            yield buyer, _ask(buyer.user_id, _token(buyer), self.watch_front)

    def leave(self, buyers: Sequence[Buyer]) -> None:
        for buyer in buyers:
            join_and_leave.leave(user=User(pk=buyer.user_id), token=_token(buyer))

    def finish(self, buyers: Sequence[Buyer]) -> None:
        for buyer in buyers:
            # A buyer whose time inside is over is outside already.
            with transaction.atomic(durable=True):
                admissions = gate.lock_admissions(
                    user_ids=[buyer.user_id], tokens=[_token(buyer)], wait=True
                )
                gate.finish(list(admissions.values()), now=database_now())


def _ask(user: uuid.UUID, token: uuid.UUID, watch_front: bool) -> Answer:
    try:
        place = polling.get_position(user=User(pk=user), token=token, watches_front=watch_front)
    except Unavailable as later:
        return later.retry_after or 1
    except NotFound:
        return None
    return None if place.status == QueueToken.Status.EXPIRED else place


# KEYS: as of a poll, without the user's counter
# ARGV: limits of user and address, the Redis process, '1' if all watch the front or ''; then for
#       each person: them, a chance, their position or ''
ASK_MANY = """
local function ask(KEYS, ARGV)
%s
end
local answers = {}
for i = 5, #ARGV, 3 do
    local keys = {KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5],
        'line:polls:' .. string.sub(ARGV[i], 17), KEYS[6]}
    local position = ARGV[i + 2] ~= '' and ARGV[i + 2] or nil
    answers[#answers + 1] = ask(
        keys, {ARGV[i], ARGV[i + 1], ARGV[1], ARGV[2], ARGV[3], '', ARGV[4], position})
end
return answers
"""


class InBatches:
    """Many by one statement, or by one run of the poll's own script over all of them."""

    def __init__(self, room: WaitingRoom, rng: Random, *, watch_front: bool) -> None:
        self.room = room
        self.rng = rng
        self.watch_front = watch_front
        self.redis: Any = redis.Redis.from_url(settings.REDIS_URL)
        self.server = self.redis.info("server")["run_id"]
        self.ask_many = self.redis.register_script(ASK_MANY % scripts.POLL.text)

    def join(self, buyers: Sequence[Buyer]) -> Iterator[tuple[Buyer, Answer]]:
        joined = bulk_users.line_up(self.room, [buyer.number for buyer in buyers])
        position_of = {user: (token, position) for user, token, position in joined}
        position_of |= self._positions_held(
            [buyer for buyer in buyers if buyer.user_id not in position_of]
        )
        for batch in batches(buyers):
            yield from self._ask(batch, [position_of[buyer.user_id] for buyer in batch])

    def _positions_held(self, buyers: Sequence[Buyer]) -> dict[uuid.UUID, tuple[uuid.UUID, int]]:
        live = QueueToken.objects.live().filter(user__in=[buyer.user_id for buyer in buyers])
        found = live.filter(room=self.room).values_list("user_id", "token", "position")
        return {user: (token, position) for user, token, position in found}

    def ask(self, buyers: Sequence[Buyer]) -> Iterator[tuple[Buyer, Answer]]:
        for batch in batches(buyers):
            yield from self._ask(batch, [(_token(buyer), None) for buyer in batch])

    def _ask(
        self, buyers: list[Buyer], held: Sequence[tuple[uuid.UUID, int | None]]
    ) -> Iterator[tuple[Buyer, Answer]]:
        of_room = [*keys.of_room(self.room.pk), keys.polls_of_address("simulation")]
        limits = settings.POLLS_PER_USER, settings.POLLS_PER_ADDRESS
        arguments: list[Any] = [*limits, self.server, "1" if self.watch_front else ""]
        for buyer, (token, position) in zip(buyers, held, strict=True):
            arguments += [person_of(token, buyer.user_id), repr(self.rng.random()), position or ""]
        answers = self.ask_many(keys=of_room, args=arguments)
        for buyer, (token, _position), answer in zip(buyers, held, answers, strict=True):
            yield buyer, self._understand(buyer, token, answer)

    def _understand(self, buyer: Buyer, token: uuid.UUID, raw: Any) -> Answer:
        """A buyer whom the index does not know asks the service, and so the table."""
        try:
            return position_of(token, polls.read_status(raw))
        except (UnknownPerson, LineUnavailable):
            return _ask(buyer.user_id, token, self.watch_front)

    def leave(self, buyers: Sequence[Buyer]) -> None:
        self._end(buyers, Outcome.LEFT)

    def finish(self, buyers: Sequence[Buyer]) -> None:
        self._end(buyers, Outcome.PAID)

    def _end(self, buyers: Sequence[Buyer], outcome: QueueEntryHistory.Outcome) -> None:
        for batch in batches(buyers):
            with transaction.atomic():
                tokens = QueueToken.objects.live().select_for_update(no_key=True).order_by("pk")
                found = list(tokens.filter(pk__in=[buyer.token for buyer in batch]))
                pks = [token.pk for token in found]
                endings.end_tokens(pks, outcome=outcome, now=database_now())
            # Without this the next tick would write all who are inside anew.
            index_updates.forget(self.room.pk, [entry_of(token) for token in found])


def _token(buyer: Buyer) -> uuid.UUID:
    if buyer.token is None:
        raise ValueError(f"buyer {buyer.number} has not joined")
    return buyer.token
