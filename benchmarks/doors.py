"""How the fans of a simulation speak to the line: one by one, or a thousand at a time."""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from random import Random
from typing import Any, Protocol

import redis
from django.conf import settings
from django.db import transaction

from accounts.models import User
from benchmarks import crowd
from benchmarks.fans import Fan
from concertbook.db.clock import database_now
from concertbook.errors import NotFound, Unavailable
from queueing.line import keys, polls, scripts
from queueing.line.batches import batches
from queueing.line.errors import LineUnavailable, UnknownPerson
from queueing.line.records import person_of
from queueing.models import QueueEntryHistory, QueueToken, WaitingRoom
from queueing.services import endings, following, gate, places, polling
from queueing.services.entries import entry_of
from queueing.services.queue_position import QueuePosition, position_of

Outcome = QueueEntryHistory.Outcome
# A place; None for somebody whose place is gone; or in how many seconds to ask again.
Answer = QueuePosition | None | int


class Doors(Protocol):
    def join(self, fans: Sequence[Fan]) -> Iterable[tuple[Fan, Answer]]: ...
    def ask(self, fans: Sequence[Fan]) -> Iterable[tuple[Fan, Answer]]: ...
    def leave(self, fans: Sequence[Fan]) -> None: ...
    def finish(self, fans: Sequence[Fan]) -> None: ...


class OneByOne:
    """Each by the services that the views call."""

    def __init__(self, room: WaitingRoom) -> None:
        self.room = room

    def join(self, fans: Sequence[Fan]) -> Iterator[tuple[Fan, Answer]]:
        for fan in fans:
            place, _joined = places.join(user=User(pk=fan.user_id), slug=self.room.slug)
            yield fan, place

    def ask(self, fans: Sequence[Fan]) -> Iterator[tuple[Fan, Answer]]:
        for fan in fans:
            yield fan, _ask(fan.user_id, _token(fan))

    def leave(self, fans: Sequence[Fan]) -> None:
        for fan in fans:
            places.leave(user=User(pk=fan.user_id), token=_token(fan))

    def finish(self, fans: Sequence[Fan]) -> None:
        for fan in fans:
            # Who stayed too long is outside already.
            with transaction.atomic(durable=True):
                admissions = gate.lock_admissions(
                    user_ids=[fan.user_id], tokens=[_token(fan)], wait=True
                )
                gate.finish(list(admissions.values()), now=database_now())


def _ask(user: uuid.UUID, token: uuid.UUID) -> Answer:
    try:
        place = polling.get_position(user=User(pk=user), token=token)
    except Unavailable as later:
        return later.retry_after or 1
    except NotFound:
        return None
    return None if place.status == QueueToken.Status.EXPIRED else place


# KEYS: as of a poll, without the user's counter
# ARGV: limits of user and address, the Redis process; then for each person: them, a chance, their
#       position or ''
ASK_MANY = """
local function ask(KEYS, ARGV)
%s
end
local answers = {}
for i = 4, #ARGV, 3 do
    local keys = {KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5],
        'line:polls:' .. string.sub(ARGV[i], 17), KEYS[6]}
    local position = ARGV[i + 2] ~= '' and ARGV[i + 2] or nil
    answers[#answers + 1] = ask(
        keys, {ARGV[i], ARGV[i + 1], ARGV[1], ARGV[2], ARGV[3], '', position})
end
return answers
"""


class InBatches:
    """Many by one statement, or by one run of the poll's own script over all of them."""

    def __init__(self, room: WaitingRoom, rng: Random) -> None:
        self.room = room
        self.rng = rng
        self.redis: Any = redis.Redis.from_url(settings.REDIS_URL)
        self.server = self.redis.info("server")["run_id"]
        self.ask_many = self.redis.register_script(ASK_MANY % scripts.POLL.text)

    def join(self, fans: Sequence[Fan]) -> Iterator[tuple[Fan, Answer]]:
        joined = crowd.line_up(self.room, [fan.number for fan in fans])
        place_of = {user: (token, position) for user, token, position in joined}
        place_of |= self._places_held([fan for fan in fans if fan.user_id not in place_of])
        for batch in batches(fans):
            yield from self._ask(batch, [place_of[fan.user_id] for fan in batch])

    def _places_held(self, fans: Sequence[Fan]) -> dict[uuid.UUID, tuple[uuid.UUID, int]]:
        live = QueueToken.objects.live().filter(user__in=[fan.user_id for fan in fans])
        found = live.filter(room=self.room).values_list("user_id", "token", "position")
        return {user: (token, position) for user, token, position in found}

    def ask(self, fans: Sequence[Fan]) -> Iterator[tuple[Fan, Answer]]:
        for batch in batches(fans):
            yield from self._ask(batch, [(_token(fan), None) for fan in batch])

    def _ask(
        self, fans: list[Fan], held: Sequence[tuple[uuid.UUID, int | None]]
    ) -> Iterator[tuple[Fan, Answer]]:
        of_room = [*keys.of_room(self.room.pk), keys.polls_of_address("simulation")]
        limits = settings.POLLS_PER_USER, settings.POLLS_PER_ADDRESS
        arguments: list[Any] = [*limits, self.server]
        for fan, (token, position) in zip(fans, held, strict=True):
            arguments += [person_of(token, fan.user_id), repr(self.rng.random()), position or ""]
        answers = self.ask_many(keys=of_room, args=arguments)
        for fan, (token, _position), answer in zip(fans, held, answers, strict=True):
            yield fan, _understand(fan, token, answer)

    def leave(self, fans: Sequence[Fan]) -> None:
        self._end(fans, Outcome.LEFT)

    def finish(self, fans: Sequence[Fan]) -> None:
        self._end(fans, Outcome.PAID)

    def _end(self, fans: Sequence[Fan], outcome: QueueEntryHistory.Outcome) -> None:
        for batch in batches(fans):
            with transaction.atomic():
                tokens = QueueToken.objects.live().select_for_update(no_key=True).order_by("pk")
                found = list(tokens.filter(pk__in=[fan.token for fan in batch]))
                pks = [token.pk for token in found]
                endings.end_tokens(pks, outcome=outcome, now=database_now())
            # Told of nothing, the next tick would write everybody inside anew.
            following.forget(self.room.pk, [entry_of(token) for token in found])


def _understand(fan: Fan, token: uuid.UUID, raw: Any) -> Answer:
    """Whom the index does not know asks again by the service, and so the table."""
    try:
        return position_of(token, polls.read_status(raw))
    except (UnknownPerson, LineUnavailable):
        return _ask(fan.user_id, token)


def _token(fan: Fan) -> uuid.UUID:
    if fan.token is None:
        raise ValueError(f"fan {fan.number} has not joined")
    return fan.token
