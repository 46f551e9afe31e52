"""manage.py rehearse: buyers over HTTP against a live server, and reversed in the books after."""

import signal
import subprocess
import sys
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from threading import Event, Thread
from typing import ClassVar

import pytest
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Sum

from accounts.models import Balance, BalanceHistory, Charge, User, UserSession
from concerts.models import ConcertSchedule
from concerts.services.seat_generation import Block
from operations.load import api_requests, fixtures, guarantees
from operations.load.client import Account, Client, ConnectionLost, RunEnded
from operations.load.fixtures import TERMS, Sale, create_sale
from operations.load.recorder import Operation, Recorder, percentile
from operations.management.commands import rehearse as command
from operations.rehearsal import ending
from operations.rehearsal.buyers import Population
from operations.rehearsal.report import Report
from operations.services.audit import Finding, full_audit, run_audit
from operations.services.audit_checks import CHECKS
from payments.models import Refund, Reservation, Ticket
from queueing.models import QueueToken, WaitingRoom
from queueing.services.admission import admit_waiting
from queueing.services.join_and_leave import join
from tests.factories import ScheduleFactory, UserFactory, admitted, balance_of, bought, held

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def beat():
    """Lets the waiting in meanwhile, as beat does."""
    ended = Event()

    def tick():
        try:
            while not ended.wait(0.05):
                admit_waiting()
        finally:
            connection.close()

    thread = Thread(target=tick)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def rehearse(live_server, *options):
    out = StringIO()
    with beat():
        call_command("rehearse", *options, "--url", live_server.url, "--seed", "7", stdout=out)
    return out.getvalue()


def violations():
    return {finding.check.name for finding in run_audit() if finding.violations}


def assert_ended(name):
    """Closed, cancelled, refunded and out of the books, and every row of it still there."""
    room = WaitingRoom.objects.get(rehearsal=name)
    buyers = User.objects.filter(rehearsal=name)
    schedule = ConcertSchedule.objects.get(concert__waiting_room=room)
    assert room.state == WaitingRoom.State.CLOSED
    assert not QueueToken.objects.live().filter(room=room).exists()
    assert schedule.cancelled_by in buyers
    assert not Reservation.objects.live().filter(schedule=schedule).exists()
    assert not schedule.seats.exclude(status="AVAILABLE").exists()
    assert not buyers.filter(is_active=True).exists()
    assert not UserSession.objects.filter(user__in=buyers).exists()
    assert not Balance.objects.filter(user__in=buyers).exclude(amount=0).exists()
    lines = BalanceHistory.objects.filter(balance__user__in=buyers)
    assert lines.aggregate(sum=Sum("delta", default=0))["sum"] == 0
    assert violations() == set()


def test_it_sells_every_seat_and_ends_in_the_books_by_reversing_entries(live_server):
    buyer = UserFactory(won=10_000)
    bought(buyer, ScheduleFactory(price=10_000))
    before = full_audit().totals

    printed = rehearse(live_server, "--buyers=20", "--seats=5", "--capacity=8")

    facts = dict(line.split(None, 2)[1:] for line in printed.splitlines() if "seats sold" in line)
    assert facts == {"sold": "5 of 5"}
    assert "answers of 5xx     0" in printed
    assert "went well" in printed
    room = WaitingRoom.objects.exclude(rehearsal="").get()
    assert_ended(room.slug)
    refunds = Refund.objects.filter(payment__user__rehearsal=room.slug)
    assert refunds.aggregate(sum=Sum("amount"))["sum"] == 5 * fixtures.TERMS.price
    assert not Charge.objects.filter(user__rehearsal=room.slug).exists()
    assert not Session.objects.exists()
    assert full_audit().totals == before


@pytest.mark.parametrize("option", ["--finish", "--remove"])
def test_it_can_be_kept_and_ended_later(live_server, option):
    rehearse(live_server, "--buyers=6", "--seats=2", "--keep")

    assert Ticket.objects.count() == 2
    assert User.objects.filter(email__endswith="@rehearsal.invalid").count() == 6
    assert violations() == set()
    for ended in (1, 0):
        out = StringIO()
        call_command("rehearse", option, stdout=out)
        assert out.getvalue() == f"{ended} rehearsals ended\n"
    assert_ended(WaitingRoom.objects.get().slug)


STEPS = [
    "close_room",
    "end_all_tokens",
    "cancel_schedule",
    "refund_cancelled_schedules",
    "_take_the_money_of_some",
]


class Killed(BaseException):
    pass


@pytest.mark.parametrize("step", STEPS)
def test_an_ending_killed_after_any_step_is_finished_by_the_next(step, monkeypatch):
    played = create_sale(buyers=3, seats=4, capacity=5)
    schedule = ConcertSchedule.objects.get(pk=played.schedule_id)
    first, second, third = User.objects.order_by("email")
    bought(first, schedule, 1, 2)
    held(second, schedule, 3)
    join(user=third, slug=played.slug)
    done = getattr(ending, step)

    def do_and_die(*args, **options):
        done(*args, **options)
        raise Killed

    monkeypatch.setattr(ending, "BUYERS_AT_ONCE", 2)
    with monkeypatch.context() as patch:
        patch.setattr(ending, step, do_and_die)
        with pytest.raises(Killed):
            ending.end_rehearsals()
    assert violations() == set()

    assert ending.end_rehearsals() == 1
    assert_ended(played.slug)
    assert ending.end_rehearsals() == 0


def test_a_process_killed_in_mid_ending_leaves_the_audit_clean():
    """kill -9 in the last transaction, the ledger's lines written and not committed."""
    played = create_sale(buyers=3, seats=2, capacity=5)
    bought(User.objects.first(), ConcertSchedule.objects.get(pk=played.schedule_id), 1)

    assert killed_while_taking_the_money() == -signal.SIGKILL
    assert violations() == set()
    assert User.objects.filter(is_active=True).count() == 3
    assert Balance.objects.exclude(amount=0).count() == 3

    assert ending.end_rehearsals() == 1
    assert_ended(played.slug)


def killed_while_taking_the_money():
    """End all rehearsals in a process that kills itself in mid-transaction; how it ended."""
    database = connection.settings_dict["NAME"]
    program = f"""
import os, signal, sys
import django
from django.conf import settings
settings.DATABASES["default"]["NAME"] = {database!r}
django.setup()
from django.db import connection
from operations.rehearsal import ending

def die(execute, sql, params, many, context):
    answer = execute(sql, params, many, context)
    if "INSERT INTO accounts_balancehistory" in sql and "rehearsal" in str(params):
        os.kill(os.getpid(), signal.SIGKILL)
    return answer

with connection.execute_wrapper(die):
    ending.end_rehearsals()
"""
    return subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode


def test_a_setup_killed_before_the_first_buyer_is_ended_all_the_same():
    seats = [Block(section="", rows=1, seats_per_row=2, grade="R", price=TERMS.price)]
    fixtures._announce("rehearsal-0a1b2c3d", seats, 5, TERMS)

    assert ending.end_rehearsals() == 1
    assert_ended("rehearsal-0a1b2c3d")


def test_refunds_that_cannot_be_made_are_told_and_leave_the_rest_for_later(monkeypatch):
    played = create_sale(buyers=1, seats=2, capacity=5)
    bought(User.objects.get(), ConcertSchedule.objects.get(pk=played.schedule_id), 1)
    monkeypatch.setattr(ending, "PATIENCE_SECONDS", 0)
    monkeypatch.setattr(ending, "refund_cancelled_schedules", lambda: 0)

    with pytest.raises(CommandError, match=r"1 reservations of schedule .* are not refunded"):
        call_command("rehearse", "--finish", stdout=StringIO())
    assert violations() == set()


def test_a_stranger_with_an_address_like_a_rehearsals_changes_nothing():
    played = create_sale(buyers=1, seats=2, capacity=5)
    stranger = UserFactory(email=f"{played.slug}-2@rehearsal.invalid", won=10_000)

    assert ending.end_rehearsals() == 1

    stranger.refresh_from_db()
    assert stranger.is_active
    assert balance_of(stranger) == 10_000
    assert_ended(played.slug)


def test_it_fails_when_the_audit_finds_something(live_server):
    bought(UserFactory(won=10_000), ScheduleFactory(price=10_000))
    Ticket.objects.all().delete()

    with pytest.raises(CommandError, match="the audit found 1 x confirmed_without_payment"):
        rehearse(live_server, "--buyers=4", "--seats=1")
    room = WaitingRoom.objects.exclude(rehearsal="").get()
    assert room.state == WaitingRoom.State.CLOSED


def test_it_fails_when_seats_are_unsold(live_server):
    """No buyer is let in: the room is shut as soon as it stands."""
    announce = fixtures._announce

    def announce_and_pause(*args):
        schedule = announce(*args)
        WaitingRoom.objects.update(state=WaitingRoom.State.PAUSED)
        return schedule

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fixtures, "_announce", announce_and_pause)
        with pytest.raises(CommandError, match=r"0 seats sold instead of 2.*not over after 1 s"):
            rehearse(live_server, "--buyers=6", "--seats=2", "--deadline=1")


def test_it_says_so_when_no_server_answers():
    with pytest.raises(CommandError, match="No server answers"):
        call_command("rehearse", "--url", "http://127.0.0.1:1", stdout=StringIO())
    assert not User.objects.exists()


def test_most_inside_counts_overlapping_admissions():
    played = create_sale(buyers=3, seats=3, capacity=2)
    schedule = ConcertSchedule.objects.get(pk=played.schedule_id)
    first, second, third = User.objects.order_by("pk")
    bought(first, schedule, 1)
    bought(second, schedule, 2)
    assert guarantees.most_inside(played.slug) == 1

    join(user=third, slug=played.slug)
    admitted(first, schedule)
    assert guarantees.most_inside(played.slug) == 2


def test_buyers_arrive_within_the_time_given_or_all_at_once():
    played = sale(buyers=50)

    population = Population("http://localhost", played, seed=1, within=60)
    arrivals = [buyer.arrives for buyer in population.buyers]

    assert 0 <= min(arrivals) < 10
    assert 50 < max(arrivals) <= 60
    assert {buyer.arrives for buyer in Population("http://localhost", played, seed=1).buyers} == {0}


def sale(*, buyers):
    accounts = [Account(str(number), "access") for number in range(buyers)]
    return Sale("rehearsal-x", schedule_id=None, seats=2, capacity=5, accounts=accounts)


def report(**facts):
    """A good report of 3 buyers and 2 seats, but for these facts."""
    population = Population("http://127.0.0.1:1", sale(buyers=3), seed=1)
    population.buyers[0].bought = 2
    good = {"seconds": 2.0, "sold": 2, "tickets": 2, "most_inside": 3, "findings": []}
    return Report(population=population, **good | facts)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({}, []),
        ({"sold": 3, "tickets": 3}, ["3 seats sold instead of 2", "told of 2"]),
        ({"tickets": 1}, ["1 tickets"]),
        ({"most_inside": 6}, ["6 people inside, 5 allowed"]),
        ({"findings": [Finding(CHECKS[0], 4, [])]}, ["the audit found 4 x seat_sold_twice"]),
        ({"findings": [Finding(CHECKS[0], 0, [])]}, []),
    ],
)
def test_the_report_names_what_is_wrong(facts, words):
    wrongs = report(**facts).wrongs()

    assert len(wrongs) == len(words)
    assert all(word in wrong for word, wrong in zip(words, wrongs, strict=True))


def test_an_answer_of_5xx_is_wrong_and_refusals_are_counted_by_code():
    bad = report()
    bad.population.recorder.operations += [
        Operation("hold", "ann", 0.0, 0.1, status=409, code="seat_taken"),
        Operation("hold", "bob", 0.0, 0.2, status=409, code="seat_taken"),
        Operation("pay", "ann", 0.0, 0.3, status=500, code="internal_error"),
    ]

    assert bad.wrongs() == ["1 answers of 5xx"]
    assert "2  hold: 409 seat_taken" in bad.text()
    assert "requests           3 in 2.0 s" in bad.text()


def test_a_percentile_is_a_value_that_was_measured():
    assert percentile([1.0], 99) == 1.0
    assert [percentile([float(n) for n in range(1, 101)], p) for p in (50, 95, 99)] == [50, 95, 99]


def test_a_terminal_sees_one_line_that_changes():
    class Terminal(StringIO):
        def isatty(self):
            return True

    population = report().population
    screen = Terminal()
    progress = command.Progress(command.OutputWrapper(screen))
    progress.show(population)
    progress.show(population)
    progress.end()

    assert screen.getvalue().count("\r") == 2
    assert screen.getvalue().count("\n") == 1
    assert "3 joining · 0 waiting" in screen.getvalue()
    assert "2/2 sold" in screen.getvalue()


class Scripted(ThreadingHTTPServer):
    """Answers with what ``script`` says, a status each, and hangs up where it says None."""

    script: ClassVar[list] = []
    asked: ClassVar[list] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.server.asked.append(self.headers["Idempotency-Key"])
            status = self.server.script.pop(0)
            if status is None:
                return
            self.send_response(status)
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *args):
            pass


@pytest.fixture
def scripted():
    with Scripted(("127.0.0.1", 0), Scripted.Handler) as server:
        server.script, server.asked = [], []
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def client(scripted):
    url = f"http://127.0.0.1:{scripted.server_port}"
    client = Client(url=url, account=Account("ann", "token"), recorder=Recorder(), over=Event())
    yield client
    client.close()


def test_a_buyer_retries_with_the_same_key_when_the_server_says_so(scripted, client):
    scripted.script = [503, 429, 201]

    answer = client.ask(api_requests.pay(["r1"]).under("k"))

    assert answer.status == 201
    assert scripted.asked == ["k", "k", "k"]
    assert [each.status for each in client.recorder.answers] == [503, 429, 201]


def test_a_buyer_calls_again_when_the_line_breaks(scripted, client):
    scripted.script = [None, 201]

    assert client.ask(api_requests.pay(["r1"])).status == 201
    assert len(client.recorder.connection_errors) == 1


def test_a_buyer_does_not_repeat_a_request_that_may_have_had_an_effect(scripted, client):
    scripted.script = [None]

    with pytest.raises(ConnectionLost):
        client.ask(api_requests.pay(["r1"]), may_repeat=False)
    assert len(scripted.asked) == 1


def test_no_buyer_waits_for_a_server_once_the_run_is_over(scripted, client):
    scripted.script = [503]
    client.over.set()

    with pytest.raises(RunEnded):
        client.ask(api_requests.join("room"))
