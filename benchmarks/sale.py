"""The sale under load: holds and payments beside PostgreSQL alone, and the sweep."""

import os
import time
from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from django.db import connection, transaction

from benchmarks.fixtures import TERMS, PreparedSale
from benchmarks.rows import Fact, Row, answered
from benchmarks.yardstick import Yardstick
from loadkit.servers import web
from payments.services.releases import release_expired_holds

# As the yardstick asks to be run.
CLIENTS = 16
WARM_UP = 200
OVERDUE = 10_000
# Of each buyer, of the overdue holds.
EACH = TERMS.purchase_limit
# How many buyers want one seat, and how many seats its hall has.
LOSERS = 64
HALL = 2_000


def measure(options: Namespace) -> Iterator[Row | Fact]:
    yardstick = Yardstick(os.environ["DATABASE_URL"], clients=CLIENTS, seconds=options.seconds)
    with web("concertbook.wsgi:application") as port:
        warm_up(port, options)
        for seats_each in (1, 4):
            yield from hold_and_pay(options, port, yardstick, seats_each=seats_each)
        yield refusals(options, port, yardstick)
    yield sweep()


def warm_up(port: int, options: Namespace) -> None:
    """Let every thread open its connection, and prepare its statements, before it is measured."""
    sale = PreparedSale(buyers=20, seats=WARM_UP)
    numbers = range(1, WARM_UP + 1)
    answered(port, sale.holds(numbers, seats_each=1), 201, options)
    answered(port, sale.payments(seats_each=1), 201, options)


def hold_and_pay(
    options: Namespace, port: int, yardstick: Yardstick, *, seats_each: int
) -> list[Row]:
    """In seats per second, so that one and four at a time compare."""
    seats = options.operations * seats_each
    sale = PreparedSale(buyers=options.buyers, seats=seats * options.rounds)
    unit = "one seat" if seats_each == 1 else f"{seats_each} seats in one request"
    hold = Row(f"hold, {unit}", "pgbench hold")
    pay = Row(f"pay, {unit}", "pgbench pay")
    for turn in range(options.rounds):
        numbers = range(1 + turn * seats, 1 + (turn + 1) * seats)
        requests = sale.holds(numbers, seats_each=seats_each)
        hold.ours.append(seats_each * answered(port, requests, 201, options))
        hold.theirs.append(yardstick.per_second("hold"))
        requests = sale.payments(seats_each=seats_each)
        pay.ours.append(seats_each * answered(port, requests, 201, options))
        pay.theirs.append(yardstick.per_second("pay"))
        sale.reopen()
    return [hold, pay]


def refusals(options: Namespace, port: int, yardstick: Yardstick) -> Row:
    """Buyers who all ask for a seat in the middle of the hall that another buyer holds."""
    sale = PreparedSale(buyers=LOSERS + 1, seats=HALL)
    wanted = HALL // 2
    answered(port, sale.holds([wanted], seats_each=1), 201, options)
    del sale.buyers[0]
    row = Row(f"hold refused, {LOSERS} buyers on one seat", "pgbench hold")
    for _turn in range(options.rounds):
        requests = sale.holds([wanted] * options.operations, seats_each=1)
        row.ours.append(answered(port, requests, 409, options))
        row.theirs.append(yardstick.per_second("hold"))
    return row


def sweep() -> Fact:
    sale = PreparedSale(buyers=OVERDUE // EACH, seats=OVERDUE)
    _hold_long_ago(sale)
    started = time.perf_counter()
    released = release_expired_holds()
    seconds = time.perf_counter() - started
    if released != OVERDUE:
        raise SystemExit(f"the sweep released {released}, not {OVERDUE}")
    return Fact(f"sweep of {OVERDUE:,} holds", f"{seconds:.2f} s", "below 2 s")


def _hold_long_ago(sale: PreparedSale) -> None:
    """Every seat of the sale held by one of its buyers, until a minute ago."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE concerts_seat SET status = 'HELD', version = 1,
                   held_by_id = (%(users)s::uuid[])[1 + (number - 1) / %(each)s],
                   hold_expires_at = now() - interval '1 minute'
            WHERE schedule_id = %(schedule)s
            """,
            _names(sale),
        )
        cursor.execute(
            """
            INSERT INTO payments_reservation
                (id, user_id, seat_id, schedule_id, slot, status, price, created_at, expires_at)
            SELECT gen_random_uuid(), held_by_id, id, schedule_id, 1 + (number - 1) %% %(each)s,
                   'HOLD', price, now() - interval '6 minutes', hold_expires_at
            FROM concerts_seat WHERE schedule_id = %(schedule)s
            """,
            _names(sale),
        )
        cursor.execute(
            """
            INSERT INTO concerts_seatstatushistory
                (seat_id, seq, from_status, to_status, changed_by_id, reason, changed_at)
            SELECT id, 1, 'AVAILABLE', 'HELD', held_by_id, 'held', now() - interval '6 minutes'
            FROM concerts_seat WHERE schedule_id = %(schedule)s
            """,
            _names(sale),
        )


def _names(sale: PreparedSale) -> dict[str, Any]:
    users = [buyer.account.user_id for buyer in sale.buyers]
    return {"users": users, "schedule": sale.schedule_id, "each": EACH}
