"""What comes at one moment is done together."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from concertbook.together import Together
from tests.concurrency.threads import DEADLINE, until


class Work:
    """Stops the first of its calls until told to go on, so that others gather meanwhile."""

    def __init__(self, fails_with=None):
        self.calls = []
        self.threads = set()
        self.fails_with = fails_with
        self.begun = threading.Event()
        self.goes_on = threading.Event()

    def __call__(self, requests):
        self.calls.append(list(requests))
        self.threads.add(threading.get_ident())
        self.begun.set()
        assert self.goes_on.wait(DEADLINE)
        if self.fails_with in requests:
            raise ArithmeticError
        return [number and 10 * number for number in requests]


def gathered(together, work, numbers):
    """The first of these numbers leads, alone, and the others gather one after the other."""
    with ThreadPoolExecutor(len(numbers)) as pool:
        asked = [pool.submit(together.do, numbers[0])]
        assert work.begun.wait(DEADLINE)
        for count, number in enumerate(numbers[1:], start=1):
            asked.append(pool.submit(together.do, number))
            until(lambda count=count: len(together._gathered) == count)
        work.goes_on.set()
        return [each.result(DEADLINE) for each in asked]


def test_whoever_comes_while_one_is_served_is_served_together_in_the_order_of_coming():
    work = Work()

    answers = gathered(Together(work), work, [1, 2, 3, 4])

    assert answers == [10, 20, 30, 40]
    assert work.calls == [[1], [2, 3, 4]]
    assert len(work.threads) == 2


def test_no_more_are_served_together_than_is_allowed():
    work = Work()

    answers = gathered(Together(work, most=2), work, [1, 2, 3, 4, 5, 6])

    assert answers == [10, 20, 30, 40, 50, 60]
    assert work.calls == [[1], [2, 3], [4, 5], [6]]


def test_what_is_better_done_alone_is_said_to_be():
    work = Work()

    assert gathered(Together(work), work, [1, 0, 3])[1] == 0
    assert Together(lambda _requests: [None]).do(1) is None


@pytest.mark.parametrize("fails_with", [1, 3])
def test_a_failure_leaves_those_who_came_together_to_themselves_and_nobody_else(fails_with, caplog):
    work = Work(fails_with)
    together = Together(work, most=2)

    answers = gathered(together, work, [1, 2, 3, 4])

    assert answers == ([None, 20, 30, 40] if fails_with == 1 else [10, None, None, 40])
    assert together.do(5) == 50
    assert "done alone" in caplog.text


def test_a_thread_that_is_ended_leaves_nobody_behind():
    def end(_requests):
        raise SystemExit

    together = Together(end)
    with pytest.raises(SystemExit):
        together.do(1)

    together.do_all = Work()
    together.do_all.goes_on.set()
    assert together.do(2) == 20
