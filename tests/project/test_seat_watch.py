"""The judge of `make seats` can say no, and a few seconds of the real run find nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

from faults.own_seats import PATIENCE, OwnSeats
from operations.load.seat_picture import differing

ROOT = Path(__file__).resolve().parents[2]


def wrongs(own, mine, states, at=1.0):
    return list(own.wrongs(mine, states, started=at, ended=at + 0.1))


@pytest.fixture
def own():
    """Of a buyer who holds seat 1 until 20 s, and has bought seat 2."""
    own = OwnSeats()
    own.hold([1, 2], until=20.0)
    own.buy({"ticket": 2})
    return own


def test_what_was_committed_is_shown(own):
    assert wrongs(own, [1], {1: "1", 2: "2", 3: "0"}) == []


@pytest.mark.parametrize(
    ("mine", "states"),
    [
        pytest.param([], {1: "1", 2: "2"}, id="a held seat is not the buyer's"),
        pytest.param([1], {1: "0", 2: "2"}, id="a held seat is free"),
        pytest.param([1], {2: "2"}, id="a held seat is not there"),
        pytest.param([1], {1: "1", 2: "1"}, id="a bought seat is held"),
        pytest.param([1, 3], {1: "1", 2: "2", 3: "1"}, id="another seat is the buyer's"),
    ],
)
def test_each_error_is_found(own, mine, states):
    assert len(wrongs(own, mine, states)) == 1


def test_a_released_hold_must_not_be_shown(own):
    own.give_back([1])

    assert wrongs(own, [], {1: "0", 2: "2"}) == []
    assert len(wrongs(own, [1], {1: "1", 2: "2"})) == 1


def test_a_hold_that_ends_during_the_request_may_be_shown_or_not(own):
    for mine, state in ([1], "1"), ([], "0"):
        assert wrongs(own, mine, {1: state, 2: "2"}, at=19.95) == []


def test_an_ended_hold_may_be_shown_until_it_is_swept(own):
    assert wrongs(own, [1], {1: "1", 2: "2"}, at=21.0) == []
    assert len(wrongs(own, [1], {1: "1", 2: "2"}, at=21.0 + PATIENCE)) == 1


def test_a_request_without_an_answer_may_have_been_done_or_not(own):
    own.doubt([1], now=1.0)

    for mine, state in ([1], "1"), ([], "2"):
        assert wrongs(own, mine, {1: state, 2: "2"}) == []


def test_pictures_differ_where_a_seat_is_another_missing_or_too_many():
    assert differing({1: "0", 2: "1", 3: "0"}, {1: "0", 2: "2", 4: "1"}) == [
        "seat 2: 1 instead of 2",
        "seat 3: 0 instead of 3",
        "seat 4: None instead of 1",
    ]


@pytest.mark.long
def test_pictures_and_table_are_the_same_while_redis_is_flushed():
    options = {"--seconds": 12, "--work": 3, "--buyers": 8, "--seats": 40}
    command = [sys.executable, "-m", "faults.seats"]
    command += [str(word) for option in options.items() for word in option]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "redis_flushed" in ran.stdout
