"""Threads that execute one statement at a time, in an order decided by a seed.

Every part runs one call, in a thread and on a connection of its own, and stops before each of its
statements and before its COMMIT or ROLLBACK. One of the stopped parts is picked and goes one step,
while the others wait. A part that waits for a lock is not picked until the lock is free, as
PostgreSQL reports it; there are no sleeps. The same seed gives the same order, the same waits and
the same result, as long as no two parts wait at once: which of them gets the lock first is decided
by PostgreSQL.

The clock is controlled as well, and only a part moves it (see advance_clock): the connections find
the clock functions of the schema ``fixtures`` before PostgreSQL's own. So a hold can expire between
any two statements, also while its row is locked.
"""

import queue
import random
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, Self
from unittest import mock

from django.db import connection, connections
from django.db.models import Model

from accounts.models import (
    Balance,
    BalanceHistory,
    Charge,
    IdempotencyKey,
    KeptIdentity,
    OutgoingMessage,
    User,
)
from concerts.models import ConcertSchedule, Seat, SeatStatusHistory
from loadkit.clock import create_clock, enter
from operations.services.audit_checks import CHECKS
from payments.models import CheckIn, Payment, Refund, Reservation, Ticket, TicketMove, TicketOffer
from queueing.models import QueueEntryHistory, QueueToken
from tests.concurrency.threads import DEADLINE, Call

MOST_PARTS = 5
# Seconds until PostgreSQL is asked whether a running statement waits for a lock.
SOON = 0.003
# The probability that the last part continues, and the weight of each part: drawn for each play,
# from a uniform choice at every statement to a part that all others overtake once.
PERSEVERANCE = (0.0, 0.5, 0.8, 0.95)
PACE = (1, 5, 25)

COMMIT = "COMMIT"
WAITS = "waits"

# The tables that a sale writes to; they are restored between two plays.
SALE_MODELS: tuple[type[Model], ...] = (
    *(User, KeptIdentity),
    *(Balance, BalanceHistory, Charge, IdempotencyKey, OutgoingMessage),
    *(QueueToken, QueueEntryHistory),
    *(ConcertSchedule, Seat, SeatStatusHistory),
    *(Reservation, Payment, Ticket, TicketOffer, TicketMove, Refund, CheckIn),
)


@dataclass(frozen=True)
class Played:
    """The result of a play: each part's outcome, the final state of the database, the audit's
    findings, and the order of the steps."""

    outcomes: dict[str, Any]
    ending: str
    findings: list[str]
    trace: list["Step"]


class Step(NamedTuple):
    """A part's statement, its COMMIT or ROLLBACK, or WAITS when it waits for a lock."""

    part: str
    statement: str


class Part:
    """One call of a play, and the statement before which its thread has stopped."""

    def __init__(self, name: str, call: Call, arrivals: "queue.SimpleQueue[Part]") -> None:
        self.name = name
        self.call = call
        self.arrivals = arrivals
        self.go = threading.Semaphore(0)
        self.left_alone = False
        self.pid = 0
        # These are the director's, who looks at them only between two moves.
        self.is_moving = True
        self.waits = False
        self.is_done = False
        self.next = ""
        self.outcome: Any = None

    def run(self, connect: Callable[[], int]) -> None:
        """In a thread of its own."""
        try:
            self.pid = connect()
            with _stopping_before_each_statement(self._stop):
                self.outcome = self.call()
        except Exception as exc:
            self.outcome = exc
        self.is_done = True
        self.arrivals.put(self)

    def _stop(self, statement: str) -> None:
        if not self.left_alone:
            self.next = _in_short(statement)
            self.arrivals.put(self)
            self.go.acquire()

    def move(self) -> None:
        """Let it run its next statement."""
        self.is_moving = True
        self.go.release()

    def leave_alone(self) -> None:
        """Let it run to its end, without another stop."""
        self.left_alone = True
        self.go.release()

    @property
    def is_ready(self) -> bool:
        return not (self.is_moving or self.is_done)


def _in_short(statement: str) -> str:
    return re.sub("^SELECT .*? FROM ", "SELECT … FROM ", " ".join(statement.split()))[:200]


@contextmanager
def _stopping_before_each_statement(stop: Callable[[str], None]) -> Iterator[None]:
    database = connections["default"]
    commit, rollback = database._commit, database._rollback

    def stop_before(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        stop(sql)
        return execute(sql, *args)

    def stop_before_commit() -> None:
        stop(COMMIT)
        commit()

    def stop_before_rollback() -> None:
        stop("ROLLBACK")
        rollback()

    # Django sends the two past its wrappers. BEGIN does nothing that others could see.
    with (
        mock.patch.object(database, "_commit", stop_before_commit),
        mock.patch.object(database, "_rollback", stop_before_rollback),
        database.execute_wrapper(stop_before),
    ):
        yield


class Whim:
    """Who goes next, as chance wants it."""

    def __init__(self, chance: random.Random, names: Iterable[str]) -> None:
        self.chance = chance
        self.perseverance = chance.choice(PERSEVERANCE)
        self.pace = {name: chance.choice(PACE) for name in names}
        self.last: Part | None = None

    def pick(self, ready: Sequence[Part]) -> Part:
        part = self.last
        if part is None or part not in ready or not self._goes_on(part):
            (part,) = self.chance.choices(ready, [self.pace[each.name] for each in ready])
        self.last = part
        return part

    def _goes_on(self, part: Part) -> bool:
        # A commit always needs a new pick: most races need an uncommitted write.
        return part.next != COMMIT and self.chance.random() < self.perseverance


Pick = Callable[[Sequence[Part]], Part]


class Interleaver:
    """Plays the sale that is in the database now, any number of times.

    Needs a superuser's connection: between two plays the rows are restored without triggers.
    """

    def __init__(self) -> None:
        self.arrivals: queue.SimpleQueue[Part] = queue.SimpleQueue()
        self.threads = ThreadPoolExecutor(MOST_PARTS)
        self.connected: list[Any] = []
        self.director = connection.copy()

    def __enter__(self) -> Self:
        self.director.ensure_connection()
        self._ask(_fixtures_sql())
        self._ask(ENTER)
        return self

    def __exit__(self, *_exc: object) -> None:
        self.threads.shutdown()
        for each in self.connected:
            each.close()
        # The last play may have left invalid rows. Every table refers to one of these two.
        self._ask("TRUNCATE accounts_user, queueing_waitingroom CASCADE")
        self._ask("DROP SCHEMA fixtures CASCADE")
        self.director.close()

    def play(self, calls: Mapping[str, Call], chance: random.Random) -> Played:
        """Play the calls once, in a random order, from the initial state of the sale."""
        return self._play(calls, Whim(chance, calls).pick)

    def play_in_turn(self, calls: Mapping[str, Call], order: Sequence[str]) -> Played:
        """Play the calls one after the other, each of them to its end."""
        return self._play(calls, lambda ready: min(ready, key=lambda part: order.index(part.name)))

    def _play(self, calls: Mapping[str, Call], pick: Pick) -> Played:
        self._ask("SELECT fixtures.set()")
        parts = [Part(name, call, self.arrivals) for name, call in calls.items()]
        with self._running(parts):
            trace = self._direct(parts, pick)
        return Played(
            outcomes={part.name: part.outcome for part in parts},
            ending=self._ask(ENDING)[0][0],
            findings=[name for (name,) in self._ask(AUDIT)],
            trace=trace,
        )

    @contextmanager
    def _running(self, parts: Sequence[Part]) -> Iterator[None]:
        futures: list[Future[None]] = []
        with ExitStack() as ends:
            for part in parts:
                futures.append(self.threads.submit(part.run, self._connect))
                ends.callback(part.leave_alone)
            yield
        for future in futures:
            future.result(DEADLINE)

    def _connect(self) -> int:
        """Open this thread's connection, which it keeps from play to play; its process id."""
        database = connections["default"]
        if database.connection is None:
            database.ensure_connection()
            database.inc_thread_sharing()
            database.connection.execute(ENTER)
            self.connected.append(database)
        pid: int = database.connection.info.backend_pid
        return pid

    def _direct(self, parts: Sequence[Part], pick: Pick) -> list[Step]:
        trace: list[Step] = []
        self._wait_until_all_stop(parts, trace)
        while ready := [part for part in parts if part.is_ready]:
            part = pick(ready)
            trace.append(Step(part.name, part.next))
            part.move()
            self._wait_until_all_stop(parts, trace)
        return trace

    def _wait_until_all_stop(self, parts: Sequence[Part], trace: list[Step]) -> None:
        """Wait until every part has stopped, has ended, or waits for a stopped part's lock."""
        waited = {part for part in parts if part.waits}
        deadline = time.monotonic() + DEADLINE
        while moving := [part for part in parts if part.is_moving]:
            assert time.monotonic() < deadline, "a part neither stops nor waits for a lock"
            one_is_ready = any(part.is_ready for part in parts)
            may_arrive = not all(part.waits for part in moving) or not one_is_ready
            if self._has_arrived(within=SOON if may_arrive else 0):
                continue
            blocked = self._blocked(parts)
            for part in moving:
                part.waits = part.pid in blocked
            # With no part stopped it is a deadlock, which PostgreSQL will end.
            if one_is_ready and all(part.waits for part in moving):
                break
        trace += [Step(part.name, WAITS) for part in parts if part.waits and part not in waited]

    def _has_arrived(self, *, within: float) -> bool:
        try:
            part = self.arrivals.get(timeout=within) if within else self.arrivals.get_nowait()
        except queue.Empty:
            return False
        part.is_moving = part.waits = False
        return True

    def _blocked(self, parts: Sequence[Part]) -> set[int]:
        """The parts that wait for a lock which another part has, or waits for before them."""
        rows = self._ask(BLOCKED, {"parts": [part.pid for part in parts]})
        return {pid for (pid,) in rows}

    def _ask(self, sql: str, values: Mapping[str, Any] | None = None) -> list[Any]:
        """Run SQL on the director's connection, without Django, in a transaction of its own."""
        cursor = self.director.connection.execute(sql, values)
        return cursor.fetchall() if cursor.description else []


def advance_clock(*, seconds: int) -> None:
    """For a part of a play: set the clock forward."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE fixtures.clock SET at = at + make_interval(secs => %s)", [seconds])


# --- The schema of the fixtures ------------------------------------------------------------------

# No timeouts: on a busy machine the other parts may take long while one waits for a lock.
ENTER = f"""
    {enter("fixtures")};
    SET lock_timeout = 0;
    SET statement_timeout = 0
"""

CLOCK = f"""
CREATE SCHEMA fixtures;
CREATE TABLE fixtures.clock AS SELECT clock_timestamp() AS at, clock_timestamp() AS began;
{create_clock("fixtures", "at FROM fixtures.clock")}
"""


def _fixtures_sql() -> str:
    """The clock, a copy of the sale's rows, and the function that brings both back."""
    copies, returns = [], ["UPDATE fixtures.clock SET at = began;"]
    for model in SALE_MODELS:
        table = model._meta.db_table
        fields = [field for field in model._meta.concrete_fields if not field.generated]
        columns = ", ".join(str(field.column) for field in fields)
        copies.append(f"CREATE TABLE fixtures.first_{table} AS TABLE public.{table};")
        returns.append(f"DELETE FROM public.{table};")
        returns.append(
            f"INSERT INTO public.{table} ({columns}) SELECT {columns} FROM fixtures.first_{table};"
        )
    return f"""
        {CLOCK} {" ".join(copies)}
        CREATE FUNCTION fixtures.set() RETURNS void LANGUAGE plpgsql
            -- No triggers, no checks of foreign keys.
            SET session_replication_role = replica
            AS $$ BEGIN {" ".join(returns)} END $$;
    """


BLOCKED = """
    SELECT pid FROM unnest(%(parts)s::int[]) AS part (pid)
    WHERE pg_blocking_pids(pid) && %(parts)s::int[]
"""

# In one statement without values, so that it is planned once.
AUDIT = " UNION ALL ".join(
    f"SELECT '{check.name}' WHERE EXISTS ({check.violations})" for check in CHECKS
)

# The holder of each seat, the status of the tickets and whom they were handed to, all balances.
ENDING = """
    SELECT concat_ws(' | ',
        (SELECT string_agg(
             CASE reservation.status WHEN 'HOLD' THEN person.name || ' holds'
                                     WHEN 'CONFIRMED' THEN person.name || ' owns'
                                     ELSE 'free' END,
             ', ' ORDER BY seat.number)
         FROM concerts_seat seat
         LEFT JOIN payments_reservation reservation
             ON reservation.seat_id = seat.id AND reservation.status IN ('HOLD', 'CONFIRMED')
         LEFT JOIN accounts_user person ON person.id = reservation.user_id),
        (SELECT string_agg(
             concat(lower(ticket.status),
                    CASE WHEN ticket.user_id <> reservation.user_id
                         THEN ' to ' || person.name END),
             ', ' ORDER BY ticket.seat_number, ticket.status)
         FROM payments_ticket ticket
         JOIN payments_reservation reservation ON reservation.id = ticket.reservation_id
         JOIN accounts_user person ON person.id = ticket.user_id),
        (SELECT string_agg(amount::text, ', ' ORDER BY id) FROM accounts_balance))
"""
