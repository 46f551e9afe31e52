"""A million people come for tickets within ten minutes: the real line, on a clock of its own."""

import datetime as dt
import math
import time
import uuid
from argparse import Namespace
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from random import Random
from typing import Self
from unittest.mock import patch

from django.test import override_settings

from benchmarks import crowd
from benchmarks.clock import Clock
from benchmarks.doors import Answer, Doors, InBatches, OneByOne
from benchmarks.fans import Fan, gather
from benchmarks.rows import Fact, in_ms
from benchmarks.witness import Witness, by_minute, quality
from queueing.line import polls
from queueing.models import QueueToken, WaitingRoom
from queueing.services import admission, index, last_requests, rooms
from queueing.services.queue_position import QueuePosition

START = dt.datetime(2026, 6, 1, 11, 0, tzinfo=dt.UTC)  # eight in the evening in Seoul
MINUTE = 60
WRITE_BACK_EVERY = 30
# Nobody is refused for asking too often: all ask from one address, faster than time.
NO_LIMITS = {
    "JOINS_PER_USER": 1_000_000_000,
    "JOINS_PER_ADDRESS": 1_000_000_000,
    "POLLS_PER_USER": 1_000_000_000,
    "POLLS_PER_ADDRESS": 1_000_000_000,
}
SAMPLE = 2_000

Agenda = defaultdict[int, list[Fan]]


@dataclass(frozen=True)
class Plan:
    """Who come and what the operator does; people and all times grow with the whole.

    ``within`` is in seconds: all people come within it, and what else happens is a share of it.
    """

    people: int
    seed: int = 1
    one_by_one: bool = False
    within: int = 600

    @property
    def room(self) -> WaitingRoom:
        return WaitingRoom(
            title="Simulation",
            slug=f"simulation-{uuid.uuid4().hex[:8]}",
            state=WaitingRoom.State.OPEN,
            capacity=self.people // 25,
            admit_per_minute=self.people * 72 // self.within,
            active_seconds=self.within // 5,
            idle_seconds=self.within // 2,
        )

    @property
    def paused(self) -> tuple[int, int]:
        return self.within // 2, self.within * 3 // 5

    @property
    def slowed(self) -> tuple[int, int]:
        return self.within * 4 // 5, self.within

    @property
    def slowed_to(self) -> int:
        return self.people * 20 // self.within

    @property
    def at_most(self) -> int:
        return 12 * self.within

    def is_disturbed(self, told_at: float, wait: float) -> bool:
        """Whether the operator did something in between that nobody could know of."""
        moments = (*self.paused, *self.slowed)
        return any(told_at < moment < told_at + wait for moment in moments)


def report(options: Namespace) -> Iterator[Fact | str]:
    plan = Plan(people=options.people, seed=options.seed, one_by_one=options.one_by_one)
    started = time.perf_counter()
    with Simulation(plan) as simulation:
        yield from simulation.run()
        yield Fact("simulated", f"{simulation.clock.seconds / MINUTE:.0f} minutes")
        yield from facts(simulation)
        yield Fact("in real time", f"{(time.perf_counter() - started) / MINUTE:.1f} minutes")


def facts(simulation: "Simulation") -> Iterator[Fact | str]:
    witness, plan = simulation.witness, simulation.plan
    yield Fact("ticks", in_ms(simulation.ticks))
    for outcome, count in sorted(witness.outcomes.items()):
        yield Fact(f"ended as {outcome}", f"{count:,}")
    for promise, broken in asdict(witness.promises()).items():
        yield Fact(promise.replace("_", " "), f"{broken:,}", "0")
    guesses = witness.kept_guesses()
    calm = [guess for guess in guesses if not plan.is_disturbed(guess.told_at, guess.wait)]
    yield from quality("waits told", guesses)
    yield from quality("of them undisturbed", calm)
    yield from by_minute(guesses)


class Simulation:
    """Second by second: the beat, then whoever does something in it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.rng = Random(plan.seed)
        self.clock = Clock(START)
        self.room = plan.room
        self.joining: Agenda = defaultdict(list)
        self.asking: Agenda = defaultdict(list)
        self.leaving: Agenda = defaultdict(list)
        self.finishing: Agenda = defaultdict(list)
        self.polls = 0
        self.ticks: list[float] = []

    def __enter__(self) -> Self:
        with ExitStack() as patches:
            patches.enter_context(override_settings(**NO_LIMITS))
            patches.enter_context(patch.object(polls, "random", self.rng))
            patches.enter_context(self.clock)
            self.prepare()
            self.patches = patches.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.patches.close()

    def prepare(self) -> None:
        self.room.save()
        crowd.enroll(range(self.plan.people))
        fans = gather(self.plan.people, within=self.plan.within, rng=self.rng)
        for fan in fans:
            self.joining[math.ceil(fan.arrives)].append(fan)
            if fan.leaves < self.plan.at_most:
                self.leaving[math.ceil(fan.leaves)].append(fan)
        self.witness = Witness(self.clock, self.room, {fan.user_id: fan for fan in fans})
        self.doors: Doors = (
            OneByOne(self.room) if self.plan.one_by_one else InBatches(self.room, self.rng)
        )

    def run(self) -> Iterator[str]:
        """To the end of the line; tells of every minute."""
        for second in range(self.plan.at_most):
            self.step(second)
            if second % MINUTE == 0:
                yield self.tell(second)
            if not (self.joining or self.asking or self.finishing):
                return

    def step(self, second: int) -> None:
        self.clock.set(second)
        self.operate(second)
        self.beat(second)
        self.witness.see_endings()
        self.doors.finish([fan for fan in self.finishing.pop(second, []) if not fan.ended])
        self.leave(self.leaving.pop(second, []))
        self.join(self.joining.pop(second, []))
        self.ask(self.asking.pop(second, []))

    def operate(self, second: int) -> None:
        plan, room = self.plan, WaitingRoom.objects.filter(pk=self.room.pk)
        if second == plan.paused[0]:
            rooms.pause_room(room_id=self.room.pk)
        if second == plan.paused[1]:
            rooms.open_room(room_id=self.room.pk)
        if second == plan.slowed[0]:
            room.update(admit_per_minute=plan.slowed_to)
        if second == plan.slowed[1]:
            room.update(admit_per_minute=self.room.admit_per_minute)

    def beat(self, second: int) -> None:
        index.build_missing()
        started = time.perf_counter()
        admission.admit_waiting()
        self.ticks.append(time.perf_counter() - started)
        if second % WRITE_BACK_EVERY == 0:
            last_requests.write_back_requests()

    def tell(self, second: int) -> str:
        live = QueueToken.objects.live().filter(room=self.room)
        inside = live.active().count()
        polls, self.polls = self.polls / MINUTE, 0
        return (
            f"minute {second // MINUTE:>3}: {live.count() - inside:>9,} waiting"
            f" {inside:>7,} inside {polls:>6,.0f} polls a second"
        )

    # --- What they do ----------------------------------------------------------------------------

    def leave(self, fans: list[Fan]) -> None:
        leaving = [fan for fan in fans if fan.token and not fan.inside and not fan.ended]
        for fan in leaving:
            fan.done = True
        self.doors.leave(leaving)

    def join(self, fans: list[Fan]) -> None:
        for fan, answer in self.doors.join([fan for fan in fans if not fan.done]):
            if isinstance(answer, QueuePosition) and (fan.token is None or fan.ended):
                fan.take(answer)
            self.hear(fan, answer)

    def ask(self, fans: list[Fan]) -> None:
        self.polls += len(fans)
        for fan, answer in self.doors.ask([fan for fan in fans if not fan.done]):
            self.hear(fan, answer)

    def hear(self, fan: Fan, answer: Answer) -> None:
        if answer is None:
            self.hear_gone(fan)
        elif isinstance(answer, int):
            self.ask_again(fan, self.clock.seconds + answer)
        else:
            self.hear_place(fan, answer)

    def hear_gone(self, fan: Fan) -> None:
        self.witness.see_gone(fan)
        if fan.comes_again:
            self.joining[int(self.clock.seconds) + 1].append(fan)

    def hear_place(self, fan: Fan, place: QueuePosition) -> None:
        self.witness.see_place(fan, place)
        if place.is_admitted:
            if not fan.inside:
                fan.inside = True
                self.finishing[math.ceil(self.clock.seconds + fan.inside_for)].append(fan)
            return
        self.note_guess(fan, place)
        fan.due = self.clock.seconds + place.poll_after_seconds
        self.ask_again(fan, fan.due)

    def note_guess(self, fan: Fan, place: QueuePosition) -> None:
        """What each of some people is told first in every minute."""
        minute = int(self.clock.seconds // MINUTE)
        if fan.number % max(1, self.plan.people // SAMPLE) == 0 and fan.told_in != minute:
            fan.told_in = minute
            self.witness.note_guess(place)

    def ask_again(self, fan: Fan, when: float) -> None:
        when = fan.asks_at(when, self.rng)
        if when > self.plan.at_most:
            return
        woke_up = when == fan.wakes_at
        # Who wakes up finds the page as it was, or loads it anew.
        agenda = self.joining if woke_up and fan.number % 2 else self.asking
        agenda[math.ceil(when)].append(fan)
