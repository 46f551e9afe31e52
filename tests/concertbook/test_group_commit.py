"""Requests that arrive at the same moment are served by one group commit."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from concertbook.db.group_commit import GroupCommit, Retry
from concertbook.errors import NotFound
from tests.concurrency.threads import DEADLINE, until


class Work:
    """Blocks its first call until released, so that further requests are collected."""

    def __init__(self, fails_with=None, refuses=()):
        self.calls = []
        self.threads = set()
        self.fails_with = fails_with
        self.refuses = dict(refuses)
        self.begun = threading.Event()
        self.goes_on = threading.Event()

    def __call__(self, requests):
        self.calls.append(list(requests))
        self.threads.add(threading.get_ident())
        self.begun.set()
        assert self.goes_on.wait(DEADLINE)
        if self.fails_with in requests:
            raise ArithmeticError
        return [self.refuses.get(number, 10 * number) for number in requests]


@pytest.fixture
def group_commit():
    made = []

    def make(*given, **named):
        made.append(GroupCommit(*given, **named))
        return made[-1]

    yield make
    for each in made:
        each.stop()


def gathered(meeting, work, numbers):
    """Send the first number alone, and collect the others one after the other."""
    with ThreadPoolExecutor(len(numbers)) as pool:
        asked = [pool.submit(meeting.do, numbers[0])]
        assert work.begun.wait(DEADLINE)
        for count, number in enumerate(numbers[1:], start=1):
            asked.append(pool.submit(meeting.do, number))
            until(lambda count=count: meeting._asked.qsize() == count)
        work.goes_on.set()
        return [each.exception(DEADLINE) or each.result() for each in asked]


def test_requests_that_arrive_during_a_commit_form_the_next_group_in_their_order(
    group_commit,
):
    work = Work()

    answers = gathered(group_commit(work), work, [1, 2, 3, 4])

    assert answers == [10, 20, 30, 40]
    assert work.calls == [[1], [2, 3, 4]]


def test_it_is_always_the_same_thread_which_has_the_database_prepared(group_commit):
    work = Work()

    gathered(group_commit(work, most=2), work, [1, 2, 3, 4])

    assert len(work.threads) == 1
    assert threading.get_ident() not in work.threads


def test_no_more_are_served_in_one_group_than_is_allowed(group_commit):
    work = Work()

    answers = gathered(group_commit(work, most=2), work, [1, 2, 3, 4, 5, 6])

    assert answers == [10, 20, 30, 40, 50, 60]
    assert work.calls == [[1], [2, 3], [4, 5], [6]]


def test_an_exception_is_raised_for_the_request_that_it_is_the_outcome_of(group_commit):
    refusal = NotFound()
    work = Work(refuses={2: refusal})

    assert gathered(group_commit(work), work, [1, 2, 3]) == [10, refusal, 30]


@pytest.mark.parametrize("fails_with", [1, 3])
def test_a_failure_affects_the_requests_of_its_group_only(group_commit, fails_with, caplog):
    work = Work(fails_with)
    meeting = group_commit(work, most=2)

    answers = gathered(meeting, work, [1, 2, 3, 4])

    done = [type(answer) if isinstance(answer, Exception) else answer for answer in answers]
    assert done == ([Retry, 20, 30, 40] if fails_with == 1 else [10, Retry, Retry, 40])
    assert meeting.do(5) == 50
    assert "done alone" in caplog.text


def test_a_refusal_of_a_whole_group_retries_each_and_logs_nothing(group_commit, caplog):
    def refuse(_requests):
        raise NotFound

    with pytest.raises(Retry):
        group_commit(refuse).do(1)
    assert caplog.text == ""


def test_an_ending_thread_leaves_no_request_waiting(group_commit):
    def end(_requests):
        raise SystemExit

    meeting = group_commit(end)
    with pytest.raises(Retry):
        meeting.do(1)

    meeting.do_all = Work()
    meeting.do_all.goes_on.set()
    assert meeting.do(2) == 20


def test_a_request_after_a_stop_is_served(group_commit):
    work = Work()
    work.goes_on.set()
    meeting = group_commit(work)
    assert meeting.do(1) == 10

    meeting.stop()
    meeting.stop()

    assert meeting.do(2) == 20
    assert len(work.threads) <= 2


def test_a_thread_that_cannot_be_started_leaves_no_request_waiting(group_commit, monkeypatch):
    meeting = group_commit(lambda requests: requests)

    def fail(_thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", fail)
        with pytest.raises(RuntimeError):
            meeting.do(1)

    assert meeting.do(2) == 2
