"""One round: a fresh sale, its buyers, one fault, and the judgement."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connections

from faults.buyers import Population
from faults.checker import Violation, check
from faults.nemesis import Fault
from faults.scene import GuaranteeBroken, Scene
from faults.system import System
from faults.truth import read_opening, read_truth
from operations.load.fixtures import Sale, create_sale, end_sessions
from operations.load.recorder import Operation
from operations.services.audit import run_audit
from queueing.models import QueueToken, WaitingRoom
from queueing.services.join_and_leave import leave
from queueing.services.rooms import close_room

SECONDS_BEFORE = 0.5
SECONDS_AFTER = 0.7
SECONDS_TO_FINISH = 40.0


@dataclass(frozen=True)
class Round:
    """``recovery`` in seconds, None where nothing was down."""

    fault: str
    seed: int
    seconds: float
    operations: Sequence[Operation]
    recovery: float | None
    violations: Sequence[Violation]


def play(system: System, fault: Fault, seed: int) -> Round:
    began = time.monotonic()
    # The last round may have taken the database away from under us.
    connections.close_all()
    manners = fault.manners
    sale = create_sale(buyers=manners.buyers + 1, seats=manners.seats, capacity=manners.capacity)
    opening = read_opening(sale)
    population = Population(sale, manners, [system.port], seed=seed)
    scene = Scene(system, sale, population, quiet_room())
    recovery, violations = _strike(scene, fault)
    connections.close_all()
    violations += [Violation(each) for each in population.wrong]
    violations += check(population.recorder, read_truth(sale, opening))
    violations += _audit()
    _clear(sale)
    return Round(
        fault=fault.name,
        seed=seed,
        seconds=time.monotonic() - began,
        operations=population.recorder.operations,
        recovery=recovery,
        violations=violations,
    )


def _strike(scene: Scene, fault: Fault) -> tuple[float | None, list[Violation]]:
    recovery = None
    violations = []
    scene.population.start()
    scene.go_on(SECONDS_BEFORE)
    try:
        fault.strike(scene)
        recovery = scene.wait_until_well(fault.recovers_within)
    except GuaranteeBroken as exc:
        violations.append(Violation(f"{type(exc).__name__}: {exc}"))
    scene.go_on(SECONDS_AFTER)
    scene.population.finish(SECONDS_TO_FINISH)
    return recovery if scene.broken_at else None, violations


def quiet_room() -> int:
    """A room that is open, with no line."""
    facts = {"title": "Quiet", "state": WaitingRoom.State.OPEN}
    room, _created = WaitingRoom.objects.get_or_create(slug="quiet", defaults=facts)
    return room.pk


def _clear(sale: Sale) -> None:
    """Leave nothing to do for the ticks of the rounds to come."""
    room = WaitingRoom.objects.get(slug=sale.slug)
    close_room(room_id=room.pk)
    for token in QueueToken.objects.live().filter(room=room).select_related("user"):
        leave(user=token.user, token=token.pk)
    end_sessions(sale)


def _audit() -> list[Violation]:
    return [
        Violation(f"the audit found {each.violations} x {each.check.name}: {each.examples}")
        for each in run_audit()
        if each.violations
    ]
