"""The estimate of the wait: a range that contains the real wait, and is stable."""

import pytest

from queueing.services.forecast import pace, wait
from tests.factories import WaitingRoomFactory


@pytest.fixture
def room():
    return WaitingRoomFactory.build(capacity=100, admit_per_minute=600, active_seconds=600)


def test_with_free_places_the_limit_sets_the_pace(room):
    found = pace(room, full=False, freed_lately=0, freed_before=0, measured_for=0)

    assert found.fast == 10
    assert found.slow < 10


def test_in_a_full_room_the_leaving_buyers_set_the_pace(room):
    found = pace(room, full=True, freed_lately=2, freed_before=1, measured_for=300)

    assert found.slow < 1 < 2 < found.fast < 3


def test_before_any_measurement_the_range_spans_the_limit_and_the_longest_admission(room):
    found = pace(room, full=True, freed_lately=2, freed_before=1, measured_for=5)

    assert found.fast == 10
    assert 100 / 1100 < found.slow < 0.2


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("measured_for", [0, 300])
@pytest.mark.parametrize("freed", [(0, 0), (0, 50), (50, 0), (50, 50), (3, 4)])
def test_the_range_is_never_upside_down(room, full, freed, measured_for):
    lately, before = freed
    found = pace(
        room, full=full, freed_lately=lately, freed_before=before, measured_for=measured_for
    )

    assert 0 < found.slow <= found.fast <= 10
    told = wait(ahead=99, fast=found.fast, slow=found.slow, opens_in=0)
    assert told.fastest <= told.likely <= told.slowest


def test_a_room_that_has_yet_to_open_adds_the_time_until_then():
    told = wait(ahead=3, fast=1, slow=1, opens_in=3600)

    assert (told.fastest, told.likely, told.slowest) == (3602, 3604, 3604)


def test_the_first_in_line_may_be_let_in_at_any_moment():
    assert wait(ahead=0, fast=0.001, slow=0.001, opens_in=0).fastest == 0


def test_of_a_long_line_the_earliest_end_is_hardly_earlier():
    told = wait(ahead=9_999, fast=10, slow=10, opens_in=0)

    assert (told.fastest, told.slowest) == (990, 1000)
