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
from heapq import heappop, heappush
from random import Random
from typing import Self
from unittest.mock import patch

from django.test import override_settings

from benchmarks import bulk_users
from benchmarks.rows import Fact, in_ms
from benchmarks.simulation.buyers import Buyer, create_buyers
from benchmarks.simulation.clock import Clock
from benchmarks.simulation.gate_load import Answer, GateLoad, InBatches, OneByOne
from benchmarks.simulation.recorder import Recorder, by_minute, quality
from loadkit.environment import UNLIMITED
from queueing.line import polls
from queueing.models import QueueToken, WaitingRoom
from queueing.services import admission, index_build, last_requests, rooms
from queueing.services.front import get_front
from queueing.services.queue_position import QueuePosition

START = dt.datetime(2026, 6, 1, 11, 0, tzinfo=dt.UTC)  # eight in the evening in Seoul
MINUTE = 60
WRITE_BACK_EVERY = 30
# All ask from one address, and time passes faster for them than for the counters of the limits.
NO_LIMITS = {
    name: int(UNLIMITED)
    for name in ("JOINS_PER_USER", "JOINS_PER_ADDRESS", "POLLS_PER_USER", "POLLS_PER_ADDRESS")
}
SAMPLE = 2_000
# The oldest copy of the front that a cache serves, in seconds.
FRONT_IS_OLD = 1

Agenda = defaultdict[int, list[Buyer]]


@dataclass(frozen=True)
class Plan:
    """How many come and what the operator does; the room and all times are shares of it.

    ``within`` is in seconds: all people come within it, and what else happens is a share of it.
    """

    people: int
    seed: int = 1
    one_by_one: bool = False
    watch_front: bool = False
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
            # The column's default would be of PostgreSQL's own clock.
            published_at=START,
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
        """Whether the operator did something in between that no estimate could know of."""
        moments = (*self.paused, *self.slowed)
        return any(told_at < moment < told_at + wait for moment in moments)


def report(options: Namespace) -> Iterator[Fact | str]:
    plan = Plan(
        people=options.people,
        seed=options.seed,
        one_by_one=options.one_by_one,
        watch_front=options.watch_front,
    )
    started = time.perf_counter()
    with Simulation(plan) as simulation:
        yield from simulation.run()
        yield Fact("simulated", f"{simulation.clock.seconds / MINUTE:.0f} minutes")
        yield from facts(simulation)
        yield Fact("in real time", f"{(time.perf_counter() - started) / MINUTE:.1f} minutes")


def facts(simulation: "Simulation") -> Iterator[Fact | str]:
    recorder, plan = simulation.recorder, simulation.plan
    yield Fact("ticks", in_ms(simulation.ticks))
    for outcome, count in sorted(recorder.outcomes.items()):
        yield Fact(f"ended as {outcome}", f"{count:,}")
    for guarantee, broken in asdict(recorder.broken_guarantees()).items():
        yield Fact(guarantee.replace("_", " "), f"{broken:,}", "0")
    if plan.watch_front:
        yield from recorder.turns_learned()
    estimates = recorder.checked_estimates()
    calm = [each for each in estimates if not plan.is_disturbed(each.told_at, each.wait)]
    yield from quality("waits told", estimates)
    yield from quality("of them undisturbed", calm)
    yield from by_minute(estimates)


class Simulation:
    """Second by second: the beat, then the buyers who do something in it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.rng = Random(plan.seed)
        self.clock = Clock(START)
        self.room = plan.room
        self.joining: Agenda = defaultdict(list)
        self.asking: Agenda = defaultdict(list)
        self.leaving: Agenda = defaultdict(list)
        self.finishing: Agenda = defaultdict(list)
        # Who watches the front of the line, by position.
        self.watching: list[tuple[int, int]] = []
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
        bulk_users.enroll(range(self.plan.people))
        buyers = create_buyers(self.plan.people, within=self.plan.within, rng=self.rng)
        for buyer in buyers:
            self.joining[math.ceil(buyer.arrives)].append(buyer)
            if buyer.leaves < self.plan.at_most:
                self.leaving[math.ceil(buyer.leaves)].append(buyer)
        self.recorder = Recorder(self.clock, self.room, {buyer.user_id: buyer for buyer in buyers})
        self.buyers = buyers
        watch_front = self.plan.watch_front
        self.gate_load: GateLoad = (
            OneByOne(self.room, watch_front=watch_front)
            if self.plan.one_by_one
            else InBatches(self.room, self.rng, watch_front=watch_front)
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
        self.recorder.see_endings()
        self.see_front()
        self.gate_load.finish([each for each in self.finishing.pop(second, []) if not each.ended])
        self.leave(self.leaving.pop(second, []))
        self.join(self.joining.pop(second, []))
        self.ask([each for each in self.asking.pop(second, []) if each.asks_next == second])

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
        index_build.build_missing()
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

    # --- What the buyers do ----------------------------------------------------------------------

    def see_front(self) -> None:
        """Those whom the front has passed ask, once they have seen it: within a second or two."""
        if not self.watching:
            return
        front = get_front(slug=self.room.slug).front or 0
        while self.watching and self.watching[0][0] < front:
            position, number = heappop(self.watching)
            buyer = self.buyers[number]
            if buyer.position == position and not (buyer.inside or buyer.ended or buyer.done):
                buyer.saw_front = True
                self.ask_again(buyer, self.clock.seconds + self.rng.random() * FRONT_IS_OLD)

    def leave(self, buyers: list[Buyer]) -> None:
        leaving = [each for each in buyers if each.token and not each.inside and not each.ended]
        for buyer in leaving:
            buyer.done = True
        self.gate_load.leave(leaving)

    def join(self, buyers: list[Buyer]) -> None:
        for buyer, answer in self.gate_load.join([buyer for buyer in buyers if not buyer.done]):
            if isinstance(answer, QueuePosition) and (buyer.token is None or buyer.ended):
                buyer.take(answer)
                if self.plan.watch_front and not answer.is_admitted:
                    heappush(self.watching, (buyer.position, buyer.number))
            self.hear(buyer, answer)

    def ask(self, buyers: list[Buyer]) -> None:
        self.polls += len(buyers)
        for buyer, answer in self.gate_load.ask([buyer for buyer in buyers if not buyer.done]):
            self.hear(buyer, answer)

    def hear(self, buyer: Buyer, answer: Answer) -> None:
        if answer is None:
            self.hear_gone(buyer)
        elif isinstance(answer, int):
            self.ask_again(buyer, self.clock.seconds + answer)
        else:
            self.hear_position(buyer, answer)

    def hear_gone(self, buyer: Buyer) -> None:
        self.recorder.see_gone(buyer)
        if buyer.comes_again:
            self.joining[int(self.clock.seconds) + 1].append(buyer)

    def hear_position(self, buyer: Buyer, place: QueuePosition) -> None:
        self.recorder.see_position(buyer, place)
        if place.is_admitted:
            if not buyer.inside:
                buyer.inside = True
                self.recorder.see_turn(buyer, place)
                self.finishing[math.ceil(self.clock.seconds + buyer.inside_for)].append(buyer)
            return
        self.note_estimate(buyer, place)
        buyer.due = self.clock.seconds + place.poll_after_seconds
        self.ask_again(buyer, buyer.due)

    def note_estimate(self, buyer: Buyer, place: QueuePosition) -> None:
        """What each buyer of a sample is told first in every minute."""
        minute = int(self.clock.seconds // MINUTE)
        if buyer.number % max(1, self.plan.people // SAMPLE) == 0 and buyer.told_in != minute:
            buyer.told_in = minute
            self.recorder.note_estimate(place)

    def ask_again(self, buyer: Buyer, when: float) -> None:
        when = buyer.asks_at(when, self.rng)
        if when > self.plan.at_most:
            return
        woke_up = when == buyer.wakes_at
        # A buyer who wakes up finds the page as it was, or loads it anew.
        agenda = self.joining if woke_up and buyer.number % 2 else self.asking
        buyer.asks_next = math.ceil(when)
        agenda[buyer.asks_next].append(buyer)
