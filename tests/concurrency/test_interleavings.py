"""Every use case that touches a seat or a won against the others, in thousands of orders.

By default a few orders each; `make interleave` plays 10,000. After a violation the same play again:
pytest -n0 tests/concurrency/test_interleavings.py -k SCENARIO --seed SEED
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial

import pytest

from accounts.models import Balance, Charge
from concerts.models import Seat
from payments.models import Reservation, Ticket
from queueing.models import QueueToken
from tests.concurrency import scenarios
from tests.concurrency.guards import Guard, constraint, row_locks
from tests.concurrency.interleaver import Played, Stage
from tests.concurrency.scenarios import SCENARIOS, Scenario, ending_of

pytestmark = pytest.mark.django_db(transaction=True)

Make = Callable[[], Scenario]

OF_EACH = 20


@dataclass
class Season:
    """What many plays of one scenario came to."""

    endings: Counter[str] = field(default_factory=Counter)
    traces: set[tuple[str, ...]] = field(default_factory=set)
    violations: list[str] = field(default_factory=list)

    @property
    def plays(self) -> int:
        return self.endings.total()


def play_all(make: Make, seeds: Iterable[int], *, until_violated: bool = False) -> Season:
    scenario, season = make(), Season()
    with Stage() as stage:
        for seed in seeds:
            played = stage.play(scenario.calls, random.Random(seed))
            season.endings[ending_of(played)] += 1
            season.traces.add(tuple(played.trace))
            if not is_allowed(scenario, played):
                season.violations.append(told(make, seed, played))
                if until_violated:
                    break
    return season


def is_allowed(scenario: Scenario, played: Played) -> bool:
    return not played.findings and ending_of(played) in scenario.endings


def told(make: Make, seed: int, played: Played) -> str:
    """All that somebody needs to understand a violation, and to see it again."""
    errors = [repr(each) for each in played.outcomes.values() if isinstance(each, Exception)]
    return "\n".join(
        [
            f"{make.__name__}, seed {seed}: {ending_of(played)}",
            f"the audit finds: {', '.join(played.findings) or 'nothing'}",
            *errors,
            *played.trace,
        ]
    )


@pytest.mark.parametrize("make", SCENARIOS, ids=lambda make: make.__name__)
def test_in_every_order_it_ends_as_it_may(make, request):
    seed = request.config.getoption("--seed", None)
    schedules = request.config.getoption("--schedules", OF_EACH)

    season = play_all(make, range(schedules) if seed is None else [seed])

    request.node.user_properties.append(("interleavings", row_of(make, season)))
    assert not season.violations, season.violations[0]


def row_of(make: Make, season: Season) -> list[str]:
    endings = [f"{times} x {ending}" for ending, times in season.endings.most_common()]
    return [
        make.__name__,
        *map(str, (season.plays, len(season.traces), len(season.violations))),
        *endings,
    ]


@pytest.mark.parametrize("make", SCENARIOS, ids=lambda make: make.__name__)
def test_a_seed_gives_the_same_order_and_the_same_end_again(make):
    once, again = ([(*_played_in_full(make, seed),) for seed in range(3)] for _ in range(2))

    assert once == again


def _played_in_full(make: Make, seed: int) -> tuple[str, list[str]]:
    scenario = make()
    with Stage() as stage:
        played = stage.play(scenario.calls, random.Random(seed))
    return ending_of(played), played.trace


# --- Without the guards --------------------------------------------------------------------------

ALL_OF_CHECKOUT = (QueueToken, Seat, Reservation, Balance)

CONTROLS: list[tuple[Make, list[Callable[[], Guard]]]] = [
    (scenarios.hold_and_hold, [partial(row_locks, Seat)]),
    (
        scenarios.hold_and_hold,
        [
            partial(row_locks, Seat),
            partial(constraint, "payments_reservation_one_live_per_seat"),
            partial(constraint, "payments_seat_agrees_with_reservation"),
        ],
    ),
    (scenarios.hold_and_hold_of_one_person, [partial(row_locks, QueueToken)]),
    (scenarios.hold_and_expire, [partial(row_locks, Seat)]),
    (scenarios.pay_and_expire, [partial(row_locks, Seat)]),
    (scenarios.pay_and_cancel, [partial(row_locks, Balance)]),
    (scenarios.pay_and_let_go, [partial(row_locks, Seat, Reservation)]),
    (scenarios.cancel_and_check_in, [partial(row_locks, Ticket)]),
    (scenarios.charge_and_pay, [partial(row_locks, Balance)]),
    (scenarios.hold_and_hold_and_expire, [partial(row_locks, Seat)]),
    (scenarios.pay_and_expire_and_let_go, [partial(row_locks, Seat)]),
    (scenarios.pay_and_expire_and_begin_to_pay, [partial(row_locks, *ALL_OF_CHECKOUT)]),
    (scenarios.charge_and_pay_and_pay, [partial(row_locks, Balance)]),
    (scenarios.pay_and_pay_and_expire_and_expire, [partial(row_locks, *ALL_OF_CHECKOUT)]),
    (scenarios.two_cancel_and_two_check_in, [partial(row_locks, Ticket)]),
    (scenarios.schedule_cancelled_and_hold_and_pay, [partial(row_locks, Seat)]),
    (scenarios.schedule_cancelled_and_cancel_and_check_in, [partial(row_locks, Ticket)]),
]


@pytest.mark.negative_control
@pytest.mark.parametrize(("make", "guards"), CONTROLS)
def test_without_its_lock_some_order_ends_as_it_must_not(make, guards):
    with ExitStack() as removed:
        for guard in guards:
            removed.enter_context(guard())
        season = play_all(make, range(200), until_violated=True)

    print(season.plays, season.violations and season.violations[0][:900])
    assert season.violations, season.endings
