"""Every use case that touches a seat or a won against the others, in thousands of orders.

By default a few orders of each scenario; `make interleave` plays 25,200. A violation names its
scenario and seed: make interleave ARGS="-k SCENARIO --seed SEED" plays it again.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations, permutations
from typing import Any
from unittest import mock

import pytest
from django.db import transaction
from django.db.models import Model

from accounts.models import Balance, User
from concerts.models import Seat
from payments.models import Reservation, Ticket, TicketOffer
from queueing.models import QueueToken
from tests.concurrency import scenarios
from tests.concurrency.guards import Guard, constraint, row_locks, ticket_versions
from tests.concurrency.interleaver import WAITS, Interleaver, Played, Step
from tests.concurrency.scenarios import SCENARIOS, SWEEPS, Scenario, ending_of
from tests.factories import ScheduleFactory

pytestmark = pytest.mark.django_db(transaction=True)

Make = Callable[[], Scenario]

SCHEDULES = 6
ORDERS_TO_SEARCH = 500


@dataclass
class Season:
    """The results of many orders of one scenario."""

    endings: Counter[str]
    traces: set[tuple[Step, ...]] = field(default_factory=set)
    violations: list[str] = field(default_factory=list)

    @property
    def plays(self) -> int:
        return self.endings.total()


def play_all(make: Make, seeds: Iterable[int], *, until_violated: bool = False) -> Season:
    scenario = make()
    # Allowed endings that were never reached are listed as well.
    season = Season(endings=Counter(dict.fromkeys(sorted(scenario.endings), 0)))
    with Interleaver() as interleaver:
        in_turn = InTurn(interleaver, scenario)
        for seed in seeds:
            played = interleaver.play(scenario.calls, random.Random(seed))
            season.endings[ending_of(played)] += 1
            season.traces.add(tuple(played.trace))
            if wrong := what_is_wrong(scenario, played, in_turn):
                season.violations.append(told(make, seed, played, wrong))
                if until_violated:
                    break
    return season


def what_is_wrong(scenario: Scenario, played: Played, in_turn: "InTurn") -> str:
    ending = ending_of(played)
    if played.findings:
        return f"the audit finds {', '.join(played.findings)}"
    if ending not in scenario.endings:
        return "it may not end like this"
    if ending not in scenario.in_between and not in_turn.explains(played):
        return "one after the other they cannot end like this"
    return ""


class InTurn:
    """The endings of a scenario's calls in every serial order."""

    def __init__(self, interleaver: Interleaver, scenario: Scenario) -> None:
        self.interleaver = interleaver
        self.scenario = scenario
        self.known: dict[tuple[str, ...], str] = {}

    def explains(self, played: Played) -> bool:
        """Whether a serial order that agrees with the played one has the same ending."""
        orders = list(orders_that_agree([step.part for step in played.trace]))
        orders.sort(key=lambda order: order not in self.known)
        return any(self._ending(order) == ending_of(played) for order in orders)

    def _ending(self, order: tuple[str, ...]) -> str:
        if order not in self.known:
            self.known[order] = ending_of(self.interleaver.play_in_turn(self.scenario.calls, order))
        return self.known[order]


def orders_that_agree(steps: list[str]) -> Iterator[tuple[str, ...]]:
    """Serial orders in which each call comes after the calls that had ended when it began."""
    first = {part: steps.index(part) for part in steps}
    last = {part: index for index, part in enumerate(steps)}
    # The order of the calls' ends comes first: it is the most likely one.
    for order in permutations(sorted(last, key=last.__getitem__)):
        pairs = combinations((part for part in order if part not in SWEEPS), 2)
        if all(first[earlier] < last[later] for earlier, later in pairs):
            yield order


def told(make: Make, seed: int, played: Played, wrong: str = "") -> str:
    """The report of a violation: enough to understand and to repeat it."""
    errors = [repr(each) for each in played.outcomes.values() if isinstance(each, Exception)]
    return "\n".join(
        [
            f"{make.__name__}, seed {seed}: {ending_of(played)}",
            wrong,
            *errors,
            *(f"{step.part}: {step.statement}" for step in played.trace),
        ]
    )


@pytest.mark.parametrize("make", SCENARIOS, ids=lambda make: make.__name__)
def test_every_order_has_an_allowed_ending(make, request):
    seed = request.config.getoption("--seed", None)
    schedules = request.config.getoption("--schedules", None) or SCHEDULES

    season = play_all(make, range(schedules) if seed is None else [seed])

    request.node.user_properties.append(("interleavings", summary_of(make, season)))
    assert not season.violations, season.violations[0]


def summary_of(make: Make, season: Season) -> str:
    figures = (season.plays, len(season.traces), len(season.violations))
    return "\n".join(
        [
            f"| {make.__name__} | {' | '.join(f'{each:,}' for each in figures)} |",
            *(f"    {times} x {ending}" for ending, times in season.endings.most_common()),
        ]
    )


# Scenarios of three and four calls, and those with group commits: on two fresh sales.
LARGER = SCENARIOS[SCENARIOS.index(scenarios.hold_group_and_hold) :]


# A refused hold names the nearest seats by a snapshot.
@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize("make", LARGER, ids=lambda make: make.__name__)
def test_a_seed_gives_the_same_order_and_the_same_end_again(make):
    assert told_of(make, range(2)) == told_of(make, range(2))


def told_of(make: Make, seeds: Iterable[int]) -> list[str | list[Step]]:
    """The plays of these seeds; of a play in which two parts wait at once, the steps up to there.

    When the lock comes free, PostgreSQL decides which of the two gets it: a waiter that has to go
    on to the new version of an updated row may be overtaken by the next one.
    """
    scenario = make()
    with Interleaver() as interleaver:
        plays = [(seed, interleaver.play(scenario.calls, random.Random(seed))) for seed in seeds]
    return [before_two_wait(played.trace) or told(make, seed, played) for seed, played in plays]


def before_two_wait(trace: Sequence[Step]) -> list[Step]:
    """The steps before two parts wait at the same time; none if that never happens."""
    waiting: set[str] = set()
    for at, step in enumerate(trace):
        if step.statement == WAITS:
            waiting.add(step.part)
        else:
            waiting.discard(step.part)
        if len(waiting) == 2:
            return list(trace[:at])
    return []


@pytest.mark.parametrize(
    ("steps", "orders"),
    [
        ("pay pay hold hold", ["pay hold"]),
        ("pay hold hold pay", ["hold pay", "pay hold"]),
        ("clock hold pay hold pay", ["clock hold pay", "clock pay hold"]),
        ("pay pay sweep sweep", ["pay sweep", "sweep pay"]),
    ],
)
def test_a_call_that_began_after_another_ended_comes_after_it_unless_it_sweeps(steps, orders):
    assert [" ".join(order) for order in orders_that_agree(steps.split())] == orders


def test_two_who_lock_in_opposite_order_deadlock_in_some_order_and_the_play_ends():
    ScheduleFactory(seats=2)
    one, other = (partial(_lock, *numbers) for numbers in ((1, 2), (2, 1)))

    with Interleaver() as interleaver:
        plays = [
            interleaver.play({"one": one, "other": other}, random.Random(n)) for n in range(20)
        ]

    outcomes = [outcome for played in plays for outcome in played.outcomes.values()]
    assert any("deadlock detected" in str(outcome) for outcome in outcomes)


def _lock(*numbers: int) -> None:
    with transaction.atomic():
        for number in numbers:
            Seat.objects.select_for_update().get(number=number)


# --- Without the guards --------------------------------------------------------------------------


def conflicts_of_first_balances() -> Guard:
    """Two calls that create a user's first balance both insert it."""

    def insert_plainly(balances: list[Balance], **_options: Any) -> None:
        for balance in balances:
            balance.save(force_insert=True)

    return mock.patch.object(Balance.objects, "bulk_create", insert_plainly)


def locks(*models: type[Model]) -> Callable[[], Guard]:
    return partial(row_locks, *models)


def without_constraint(name: str) -> Callable[[], Guard]:
    return partial(constraint, name)


WITHIN_LIMIT = without_constraint("payments_received_within_limit")
ALL_OF_CHECKOUT = (QueueToken, Seat, Reservation, Balance)

CONTROLS: list[tuple[Make, tuple[Callable[[], Guard], ...]]] = [
    (scenarios.hold_and_hold, (locks(Seat),)),
    (
        scenarios.hold_and_hold,
        (
            locks(Seat),
            without_constraint("payments_reservation_one_live_per_seat"),
            without_constraint("payments_seat_agrees_with_reservation"),
        ),
    ),
    (scenarios.hold_and_hold_of_one_person, (locks(QueueToken),)),
    (scenarios.hold_and_expire, (locks(Seat),)),
    (scenarios.pay_and_expire, (locks(Seat),)),
    (scenarios.pay_and_cancel, (locks(Balance),)),
    (scenarios.pay_and_let_go, (locks(Seat, Reservation),)),
    (scenarios.pay_and_leave, (locks(QueueToken, Seat, Reservation),)),
    (scenarios.hold_and_leave, (locks(QueueToken),)),
    (scenarios.cancel_and_check_in, (locks(Ticket),)),
    (scenarios.charge_and_pay, (locks(Balance),)),
    (scenarios.charge_and_pay_of_a_newcomer, (conflicts_of_first_balances,)),
    (scenarios.accept_and_accept, (WITHIN_LIMIT,)),
    (scenarios.accept_and_hold, (WITHIN_LIMIT,)),
    (scenarios.accept_and_join_and_hold, (WITHIN_LIMIT,)),
    (scenarios.accept_and_withdraw, (locks(Ticket, TicketOffer),)),
    (scenarios.accept_and_cancel, (locks(Ticket),)),
    (scenarios.move_and_hold, (locks(Seat),)),
    (scenarios.move_and_check_in, (locks(Ticket),)),
    (scenarios.move_and_cancel, (locks(Seat, Reservation, Ticket),)),
    (
        scenarios.delete_and_accept,
        (without_constraint("payments_no_ticket_for_closing_account"),),
    ),
    (
        scenarios.delete_and_charge,
        (without_constraint("accounts_no_charge_for_closing_account"),),
    ),
    (scenarios.delete_and_pay, (locks(Balance),)),
    (scenarios.erase_and_refund, (locks(Balance, User),)),
    (scenarios.hold_group_and_hold, (locks(Seat),)),
    (scenarios.hold_group_and_hold_group, (locks(QueueToken),)),
    (scenarios.pay_group_and_pay, (locks(*ALL_OF_CHECKOUT),)),
    (scenarios.pay_group_and_expire, (locks(Seat),)),
    (scenarios.hold_and_hold_and_expire, (locks(Seat),)),
    (scenarios.pay_and_expire_and_let_go, (locks(Seat),)),
    (scenarios.pay_and_expire_and_begin_to_pay, (locks(*ALL_OF_CHECKOUT),)),
    (scenarios.charge_and_pay_and_pay, (locks(Balance),)),
    (scenarios.pay_and_pay_and_expire_and_expire, (locks(*ALL_OF_CHECKOUT),)),
    (scenarios.two_cancel_and_two_check_in, (locks(Ticket),)),
    (scenarios.schedule_cancelled_and_hold_and_pay, (locks(Seat, Reservation),)),
    (scenarios.schedule_cancelled_and_cancel_and_check_in, (locks(Ticket),)),
    (scenarios.two_accept_and_withdraw_and_check_in, (locks(Ticket),)),
    (
        scenarios.schedule_cancelled_and_accept,
        (
            locks(Ticket, TicketOffer),
            ticket_versions,
            without_constraint("payments_ticketoffer_ends_with_its_ticket"),
        ),
    ),
]


def test_every_scenario_is_shown_to_fail():
    assert {make for make, _guards in CONTROLS} == set(SCENARIOS)


@pytest.mark.negative_control
@pytest.mark.parametrize(("make", "guards"), CONTROLS)
def test_without_its_guard_some_order_has_a_forbidden_ending(make, guards):
    with ExitStack() as removed:
        for guard in guards:
            removed.enter_context(guard())
        season = play_all(make, range(ORDERS_TO_SEARCH), until_violated=True)

    assert season.violations, season.endings
