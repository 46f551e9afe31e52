"""Plans of prepared statements read few rows by an index, however many rows have ended."""

import datetime as dt
import itertools
import re
from collections import Counter
from contextlib import contextmanager

import pytest
from django.db import connection, transaction
from django.db.models import F

from accounts.services.charges import settle_pending_charges
from accounts.services.idempotency import IdempotentRequest
from concertbook.db.rows import Update
from payments.services.buyer_holdings import RECEIVED
from payments.services.carts import PaymentRequest
from payments.services.checkout import Receipt, begin_payment, pay, pay_reservations
from payments.services.holds import hold, hold_seats
from payments.services.locked_sale import HoldRequest
from payments.services.releases import release_expired_holds, release_reservation
from payments.services.reservations import my_holds
from payments.services.schedule_cancellation import cancel_schedule, refund_cancelled_schedules
from payments.services.seat_quota import seat_quota
from payments.services.ticket_cancellation import cancel_ticket
from queueing.models import QueueToken
from queueing.services import index_build
from queueing.services.admission import admit
from queueing.services.join_and_leave import join
from queueing.services.polling import find_position
from tests.factories import (
    ScheduleFactory,
    UserFactory,
    WaitingRoomFactory,
    admitted,
    bought,
    held,
    overdue,
)

pytestmark = pytest.mark.django_db(transaction=True)

GONE = 20_000
# The indexes of a room's waiting, active and recently admitted tokens.
LINE = {"queueing_token_waiting", "queueing_token_active", "queueing_token_admitted"}

# The indexes of live reservations.
LIVE = {"payments_reservation_one_live_per_slot", "payments_reservation_one_live_per_seat"}


@pytest.fixture(autouse=True)
def no_statistics():
    """Forget what the planner knows of the rows of other tests: TRUNCATE does not."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM pg_statistic")


@contextmanager
def statements():
    """The statements sent to the database meanwhile."""
    seen = []

    def see(execute, sql, *args):
        seen.append(sql)
        return execute(sql, *args)

    with connection.execute_wrapper(see):
        yield seen


def plan(sql):
    """The generic plan of a prepared statement, made without the parameters."""
    numbers = itertools.count(1)
    numbered = re.sub("%s", lambda _slot: f"${next(numbers)}", sql)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (GENERIC_PLAN, COSTS OFF) {numbered}")
        return "\n".join(line for (line,) in cursor.fetchall())


@pytest.fixture
def room():
    """A room with 20,000 ended tokens."""
    room = WaitingRoomFactory(capacity=3)
    user = UserFactory()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO queueing_queuetoken
                (token, user_id, room_id, position, status, issued_at, available_at, expires_at,
                 last_request_at)
            SELECT gen_random_uuid(), %s, %s, n, 'EXPIRED', now() - interval '1 hour',
                   now() - interval '1 hour', now() - interval '50 minutes', now()
            FROM generate_series(1, %s) AS n
            """,
            [user.pk, room.pk, GONE],
        )
        cursor.execute("SELECT setval('queueing_position_' || %s, %s)", [room.pk, GONE])
        cursor.execute("ANALYZE queueing_queuetoken")
    return room


def test_a_tick_does_not_read_ended_tokens(room):
    schedule = ScheduleFactory(concert__waiting_room=room)
    for _guest in range(3):
        admitted(UserFactory(), schedule)
    QueueToken.objects.active().update(
        available_at=F("available_at") - dt.timedelta(hours=1),
        expires_at=F("expires_at") - dt.timedelta(hours=1),
    )
    index_build.build_missing()

    with statements() as seen:
        admit(room_id=room.pk)

    assert QueueToken.objects.active().count() == 0
    looked = [sql for sql in seen if re.search('FROM "?queueing_queuetoken', sql)]
    assert len(looked) > 4
    for sql in looked:
        used = re.findall(r"Index(?: Only)? Scan(?: Backward)? (?:using|on) (\w+)", plan(sql))
        assert used, sql
        assert set(used) <= LINE, sql


def test_a_sweep_does_not_look_through_holds_that_have_ended():
    overdue(*held(UserFactory(), ScheduleFactory()))

    with statements() as seen:
        assert release_expired_holds() == 1

    (sql, *_more) = [sql for sql in seen if '"payments_reservation"."expires_at"' in sql]
    assert "payments_reservation_due" in plan(sql)


def test_refunds_of_a_cancelled_schedule_do_not_read_ended_reservations():
    schedule = ScheduleFactory()
    (ticket,) = bought(UserFactory(won=100_000), schedule).tickets
    add_ended_reservations(ticket.reservation)
    cancel_schedule(schedule_id=schedule.pk, by=UserFactory())

    with statements() as seen:
        assert refund_cancelled_schedules() == 1

    looked = [sql for sql in seen if "FROM " in sql and re.search('"is_live"( AND|[)])', sql)]
    assert len(looked) > 2
    for sql in looked:
        used = set(re.findall(r"payments_reservation_\w+", plan(sql)))
        assert used, sql
        assert used <= LIVE, sql


@pytest.mark.parametrize("rows", [3, 30, 100])
def test_an_update_finds_each_of_its_rows_by_the_key_though_the_table_was_small(rows):
    (reservation,) = held(UserFactory(), ScheduleFactory())
    add_ended_reservations(reservation, rows)

    (part,) = Update([reservation], ("status",)).parts()

    assert "Index Cond: (id = given" in plan(part.sql)


def add_ended_reservations(reservation, count=1000):
    """So many reservations like this one, but expired. And ANALYZE."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO payments_reservation
                (id, user_id, seat_id, slot, price, schedule_id, status, created_at, expires_at)
            SELECT gen_random_uuid(), user_id, seat_id, slot, price, schedule_id, 'EXPIRED',
                   created_at - interval '1 hour', expires_at - interval '1 hour'
            FROM payments_reservation, generate_series(1, %s)
            WHERE id = %s
            """,
            [count, reservation.pk],
        )
    analyze()


def test_a_sweep_does_not_look_through_charges_that_are_settled():
    with statements() as seen:
        settle_pending_charges()

    (sql,) = [sql for sql in seen if 'FROM "accounts_charge"' in sql]
    assert "accounts_charge_pending" in plan(sql)


# Pages and rows, as ANALYZE notes them of an empty table and of fuller ones, and before the first.
BELIEVED = [(0, 0), (1, 30), (80, 4000), (0, -1)]


@pytest.mark.parametrize("tickets", BELIEVED)
@pytest.mark.parametrize("reservations", BELIEVED)
def test_handed_on_tickets_are_counted_from_the_users_offers(tickets, reservations):
    with transaction.atomic(), connection.cursor() as cursor:
        for table, rows in {
            "payments_ticket": tickets,
            "payments_reservation": reservations,
        }.items():
            cursor.execute(
                "UPDATE pg_class SET relpages = %s, reltuples = %s WHERE relname = %s",
                [*rows, table],
            )
        looked = plan(RECEIVED % {"users": "%s", "schedule": "%s"})
        transaction.set_rollback(True)

    assert "payments_ticketoffer_receiver" in looked
    assert "using payments_ticket_pkey" in looked
    assert "using payments_reservation_pkey" in looked
    assert looked.count("Index Cond") == 3


def rows_read():
    """Rows read so far by all connections: by index, and by table for sequential scans."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute(
            "SELECT indexrelname, idx_tup_read FROM pg_stat_user_indexes"
            " UNION ALL SELECT relname, seq_tup_read FROM pg_stat_user_tables"
        )
        return Counter({name: read or 0 for name, read in cursor.fetchall()})


def analyze():
    """ANALYZE, as autovacuum does at any time."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def test_a_sale_that_begins_on_empty_tables_does_not_read_all_of_them_once_they_have_filled():
    schedule = ScheduleFactory(seats=20)
    buyers = UserFactory.create_batch(10, won=1_000_000)
    analyze()
    before = rows_read()

    # Often enough for generic plans, in triggers and foreign keys as well.
    for number, buyer in enumerate(buyers, start=1):
        bought(buyer, schedule, number)

    tables = set(connection.introspection.table_names())
    assert tables.isdisjoint(rows_read() - before)


POPULATION = 2000
# The most rows that one buyer may have; a room and a sale have many more.
FEW = 100


@transaction.atomic
def populate(schedule, *, token, reservation):
    """2,000 users with a token and a seat of the schedule each, with these statuses; no seat for
    None."""
    with connection.cursor() as cursor:
        names = {
            "people": POPULATION,
            "schedule": schedule.pk,
            "room": schedule.concert.waiting_room_id,
            "token": token,
            "reservation": reservation,
        }
        cursor.execute(
            """
            WITH people AS (
                INSERT INTO accounts_user
                    (password, is_superuser, id, email, name, is_staff, is_active, created_at,
                     updated_at)
                SELECT '!', false, id, id || '@example.com', 'Buyer', false, true, now(), now()
                FROM (SELECT gen_random_uuid() FROM generate_series(1, %(people)s)) AS new (id)
                RETURNING id
            ), numbered AS (
                SELECT id, row_number() OVER () AS number FROM people
            ), tokens AS (
                INSERT INTO queueing_queuetoken
                    (token, user_id, room_id, position, status, issued_at, available_at,
                     expires_at, last_request_at)
                SELECT gen_random_uuid(), id, %(room)s,
                       nextval(('queueing_position_' || %(room)s)::regclass), %(token)s,
                       now() - interval '1 hour', now() - interval '1 hour',
                       now() + interval '1 hour', now()
                FROM numbered
            )
            INSERT INTO payments_reservation
                (id, user_id, seat_id, slot, price, schedule_id, status, created_at, expires_at)
            SELECT gen_random_uuid(), numbered.id, seat.id, 1, seat.price, %(schedule)s,
                   %(reservation)s, now() - interval '10 minutes',
                   now() + (number %% 2 - 0.5) * interval '10 minutes'
            FROM numbered JOIN concerts_seat AS seat USING (number)
            WHERE seat.schedule_id = %(schedule)s AND %(reservation)s::varchar IS NOT NULL
            """,
            names,
        )
        cursor.execute(
            """
            UPDATE concerts_seat AS seat
            SET status = 'HELD', held_by_id = held.user_id, hold_expires_at = held.expires_at
            FROM payments_reservation AS held
            WHERE held.seat_id = seat.id AND held.status = 'HOLD'
            """
        )


def what_one_does(buyer, schedule, number):
    """All steps of a buyer in a sale."""
    room = schedule.concert.waiting_room
    first = POPULATION + 3 * number
    sold, given_up, grouped = first, first + 1, first + 2
    place, _joined = join(user=buyer, slug=room.slug)
    assert place == find_position(user=buyer, room=room)
    yield "joined again"
    held_seats = {
        seat: hold_seats(user=buyer, schedule_id=schedule.pk, numbers=[seat])[0].pk
        for seat in (sold, given_up)
    }
    yield "held"
    assert isinstance(hold([HoldRequest(buyer, schedule.pk, [grouped], place.token)])[0], list)
    yield "held in a group"
    release_reservation(user=buyer, reservation_id=held_seats[given_up])
    yield "let go"
    assert len(my_holds(user=buyer)) == 2
    assert seat_quota(user=buyer, schedule=schedule).allowance == 2
    yield "looked at the cart"
    begin_payment(user=buyer, reservation_ids=[held_seats[sold]])
    yield "began to pay"
    (ticket,) = pay_reservations(user=buyer, reservation_ids=[held_seats[sold]]).tickets
    yield "paid"
    once = IdempotentRequest(
        user=buyer, key=str(number), request_hash="", render=lambda _receipt: b"paid"
    )
    request = PaymentRequest(buyer, [my_holds(user=buyer)[0].pk], once)
    assert isinstance(pay([request])[0], Receipt)
    yield "paid in a group"
    cancel_ticket(user=buyer, ticket_id=ticket.pk)
    yield "cancelled"


@pytest.mark.parametrize("reservation", ["EXPIRED", None], ids=["a later sale", "the first sale"])
def test_a_purchase_reads_few_rows_while_thousands_are_inside_and_hold_seats(reservation):
    room = WaitingRoomFactory(capacity=1_000_000)
    schedule = ScheduleFactory(seats=POPULATION + 100, concert__waiting_room=room)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")  # an empty table has no pages, as in a new installation
    populate(schedule, token="EXPIRED", reservation=reservation)
    # Before the sale no row is live, and all statements are planned for that.
    analyze()
    buyers = UserFactory.create_batch(30, won=1_000_000)
    for buyer in buyers:
        admitted(buyer, schedule)
    for number, buyer in enumerate(buyers[:15], start=1):
        list(what_one_does(buyer, schedule, number))

    populate(schedule, token="ACTIVE", reservation="HOLD")
    too_much = set()
    for number, buyer in enumerate(buyers[15:], start=16):
        before = rows_read()
        for step in what_one_does(buyer, schedule, number):
            read = rows_read()
            too_much |= {(step, name) for name, rows in (read - before).items() if rows > FEW}
            before = read

    assert too_much == set()
