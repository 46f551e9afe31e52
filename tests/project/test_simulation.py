"""A small crowd is played through the real line, and every promise is kept."""

from dataclasses import asdict

import pytest

from benchmarks.simulation import Plan, Simulation

pytestmark = pytest.mark.django_db(transaction=True)


def play(plan):
    with Simulation(plan) as simulation:
        list(simulation.run())
        return simulation.witness.outcomes, asdict(simulation.witness.promises())


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(Plan(people=200, within=50, one_by_one=True), id="one by one"),
        pytest.param(Plan(people=1000, within=50), id="in batches"),
    ],
)
def test_in_a_rush_no_buyer_is_overtaken_lost_or_dropped(plan):
    outcomes, broken_promises = play(plan)

    assert not any(broken_promises.values()), broken_promises
    # Not for want of anything to go wrong: people left, fell silent, and were dropped for it.
    assert outcomes.keys() >= {"PAID", "LEFT", "IDLE", "TIMED_OUT"}
