"""A small simulation is played through the real line, and every guarantee is kept."""

from dataclasses import asdict

import pytest

from benchmarks.simulation.simulation import Plan, Simulation

pytestmark = pytest.mark.django_db(transaction=True)


def play(plan):
    with Simulation(plan) as simulation:
        list(simulation.run())
        recorder = simulation.recorder
        # A buyer who watches the front of the line learns of the admission within two seconds.
        assert not plan.watch_front or max(recorder.learned) <= 2
        return recorder.outcomes, asdict(recorder.broken_guarantees())


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(
            Plan(people=200, within=50, one_by_one=True), id="one by one", marks=pytest.mark.long
        ),
        pytest.param(Plan(people=1000, within=50), id="in batches"),
        pytest.param(
            Plan(people=1000, within=50, watch_front=True),
            id="watching the front",
            marks=pytest.mark.long,
        ),
    ],
)
def test_in_a_rush_no_buyer_is_overtaken_lost_or_dropped(plan):
    outcomes, broken = play(plan)

    assert not any(broken.values()), broken
    # Not for want of anything to go wrong: people left, fell silent, and were dropped for it.
    assert outcomes.keys() >= {"PAID", "LEFT", "IDLE", "TIMED_OUT"}
