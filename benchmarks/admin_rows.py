"""A year of sales for the staff's lists: a million rows in each large table, written by SQL.

A row is a number, from which its id follows (``md5('payment 17')``), so that the tables refer to
each other without being read. Triggers and foreign keys are off meanwhile: a million holds and
payments by the services would take hours. The rows are plausible, not consistent: the audit would
complain.
"""

from django.db import connection

BATCH = 100_000
SALES = 200
PER_SALE = 10_000
TABLES = [
    "accounts_user",
    "accounts_balance",
    "accounts_balancehistory",
    "accounts_charge",
    "accounts_outgoingmessage",
    "accounts_idempotencykey",
    "accounts_consent",
    "concerts_concert",
    "concerts_concertschedule",
    "concerts_seat",
    "concerts_seatstatushistory",
    "queueing_waitingroom",
    "queueing_queuetoken",
    "queueing_queueentryhistory",
    "payments_reservation",
    "payments_payment",
    "payments_ticket",
    "payments_refund",
    "payments_checkin",
    "payments_ticketoffer",
]
# When row n was written: newer with each number, a year in all.
AT = "now() - interval '1 year' * (1 - n / %(rows)s::float)"

SALES_ROWS = [
    """
    INSERT INTO queueing_waitingroom (id, title, slug, state, opens_at, capacity, admit_per_minute,
        active_seconds, idle_seconds, shuffle)
    SELECT n, 'Room ' || n, 'benchmark-' || n, 'OPEN', now(), 100, 6000, 600, 300, false
    FROM generate_series(1, %(sales)s) n
    """,
    """
    INSERT INTO concerts_concert (id, title, description, venue, start_time, end_time,
        refund_policy, created_at, updated_at, waiting_room_id, artist, colour, minimum_age, notice,
        notice_en, title_en, venue_address, venue_en, venue_map, refund_policy_reason,
        refund_policy_reason_en)
    SELECT md5('concert ' || n)::uuid, '공연 ' || n, '', '홀', now() + interval '1 day' * n,
        now() + interval '1 day' * (n + 1), '0:0', now(), now(), n, '', 'indigo', 0, '', '', '',
        '', '', '', '', ''
    FROM generate_series(1, %(sales)s) n
    """,
    """
    INSERT INTO concerts_concertschedule (id, price, seat_quantity, purchase_limit,
        cooldown_seconds, reserve_from, reserve_until, start_at, end_at, doors_open_minutes,
        cancel_reason, created_at, updated_at, concert_id, seat_plan, cancel_cause)
    SELECT md5('schedule ' || n)::uuid, 10000, 10000, 4, 0, now(), now() + interval '1 day' * n,
        now() + interval '1 day' * n, now() + interval '1 day' * n + interval '2 hours', 60, '',
        now(), now(), md5('concert ' || n)::uuid, 0, ''
    FROM generate_series(1, %(sales)s) n
    """,
]

SURNAMES = "김이박최정강조윤장임"
NAME = (
    f"substr('{SURNAMES}', n %% 10 + 1, 1) || chr(44032 + n %% 5000) || chr(44032 + n * 7 %% 5000)"
)
NUMBERS = "generate_series(%(first)s, %(last)s) n"
SALE = "1 + (n / %(per_sale)s)"
ROWS = [
    f"""
    INSERT INTO accounts_user (id, email, name, password, is_superuser, is_active, is_staff,
        created_at, updated_at)
    SELECT md5('user ' || n)::uuid, 'buyer' || n || '@benchmark.invalid', {NAME}, '!', false,
        n %% 1000 <> 0, n %% 20000 = 0, {AT}, {AT}
    FROM {NUMBERS}
    """,
    f"""
    INSERT INTO accounts_balance (id, amount, last_seq, created_at, updated_at, user_id)
    SELECT n, 0, 2, {AT}, {AT}, md5('user ' || n)::uuid FROM {NUMBERS}
    """,
    f"""
    INSERT INTO accounts_balancehistory (seq, type, status, amount, balance_after, reason, source,
        created_at, balance_id)
    SELECT seq, CASE WHEN seq = 1 THEN 'CHARGE' WHEN n %% 5000 = 0 THEN 'OTHER'
                     WHEN n %% 10 = 9 THEN 'CANCELLATION' ELSE 'RESERVATION' END,
        CASE WHEN seq = 2 AND n %% 500 = 1 THEN 'FAILED' ELSE 'SUCCESS' END, 10000, 0, '',
        gen_random_uuid(), {AT}, n
    FROM {NUMBERS}, generate_series(1, 2) seq ORDER BY n, seq
    """,
    f"""
    INSERT INTO accounts_charge (id, amount, status, reason, created_at, charged_at, user_id)
    SELECT md5('charge ' || n)::uuid, 10000, CASE WHEN n %% 500 = 0 THEN 'FAILED' ELSE 'SUCCESS'
        END, '', {AT}, {AT}, md5('user ' || n)::uuid
    FROM {NUMBERS}
    """,
    f"""
    INSERT INTO accounts_outgoingmessage (kind, recipient, data, message_id, status, attempts,
        last_error, created_at, due_at, sent_at, user_id, channel)
    SELECT CASE WHEN n %% 10000 = 0 THEN 'ticket_offered' WHEN n %% 100 = 0 THEN 'ticket_cancelled'
                WHEN n %% 3 = 0 THEN 'verify' ELSE 'tickets' END,
        'buyer' || n || '@benchmark.invalid', '{{}}', gen_random_uuid(),
        CASE WHEN n %% 2000 = 0 THEN 'FAILED' ELSE 'SENT' END, 1, '', {AT}, {AT},
        CASE WHEN n %% 2000 = 0 THEN NULL ELSE {AT} END, md5('user ' || n)::uuid,
        CASE WHEN n %% 1000 = 7 THEN 'PUSH' ELSE 'MAIL' END
    FROM {NUMBERS}
    """,
    f"""
    INSERT INTO accounts_idempotencykey (key, request_hash, answer, created_at, user_id)
    SELECT 'key ' || n, '', '', {AT}, md5('user ' || n)::uuid FROM {NUMBERS}
    """,
    f"""
    INSERT INTO accounts_consent (document, version, agreed_at, user_id)
    SELECT CASE WHEN n %% 2 = 0 THEN 'terms' ELSE 'privacy' END, 1, {AT},
        md5('user ' || n)::uuid
    FROM {NUMBERS}
    """,
    f"""
    INSERT INTO queueing_queuetoken (token, position, status, issued_at, available_at, expires_at,
        last_request_at, room_id, user_id)
    SELECT md5('token ' || n)::uuid, n, status, {AT}, CASE WHEN status = 'WAITING' THEN NULL ELSE
        {AT} END, CASE WHEN status = 'WAITING' THEN NULL ELSE {AT} END, {AT}, {SALE},
        md5('user ' || n)::uuid
    FROM (SELECT n, CASE WHEN n %% 50 = 0 THEN 'WAITING' WHEN n %% 1000 = 1 THEN 'ACTIVE'
                         ELSE 'EXPIRED' END AS status FROM {NUMBERS}) tokens
    """,
    f"""
    INSERT INTO queueing_queueentryhistory (entered_at, admitted_at, exited_at, outcome, user_id,
        token_id)
    SELECT {AT}, CASE WHEN n %% 20 = 0 THEN NULL ELSE {AT} END, {AT},
        CASE WHEN n %% 20 = 0 THEN 'IDLE' WHEN n %% 20 = 1 THEN 'LEFT'
             WHEN n %% 10000 = 3 THEN 'CLOSED' WHEN n %% 10 = 4 THEN 'TIMED_OUT' ELSE 'PAID' END,
        md5('user ' || n)::uuid, md5('token ' || n)::uuid
    FROM {NUMBERS}
    """,
    f"""
    INSERT INTO concerts_seat (id, number, section, row, seat_in_row, label, grade, price, status,
        version, schedule_id, kind, held_by_id, hold_expires_at)
    SELECT md5('seat ' || n)::uuid, 1 + n %% %(per_sale)s, '', '', 1 + n %% %(per_sale)s,
        'R-' || 1 + n %% %(per_sale)s, 'R', 10000,
        CASE WHEN n %% 100 = 0 THEN 'HELD' WHEN n %% 10 = 9 THEN 'AVAILABLE' ELSE 'RESERVED' END,
        1, md5('schedule ' || {SALE})::uuid,
        CASE WHEN n %% 2000 = 1 THEN 'wheelchair' WHEN n %% 2000 = 2 THEN 'companion'
             ELSE 'standard' END,
        CASE WHEN n %% 100 = 0 THEN md5('user ' || n)::uuid END,
        CASE WHEN n %% 100 = 0 THEN now() END
    FROM {NUMBERS}
    """,
    f"""
    INSERT INTO concerts_seatstatushistory (seq, from_status, to_status, reason, changed_at,
        changed_by_id, seat_id)
    SELECT seq, CASE WHEN seq = 1 THEN 'AVAILABLE' ELSE 'HELD' END,
        CASE WHEN seq = 1 THEN 'HELD' WHEN n %% 10 = 9 THEN 'AVAILABLE' ELSE 'RESERVED' END,
        CASE WHEN seq = 1 THEN 'held' ELSE 'paid' END, {AT}, md5('user ' || n)::uuid,
        md5('seat ' || n)::uuid
    FROM {NUMBERS}, generate_series(1, 2) seq WHERE n %% 2 = 0 OR seq = 1 ORDER BY n, seq
    """,
    f"""
    INSERT INTO payments_reservation (id, slot, status, price, created_at, expires_at, confirmed_at,
        schedule_id, seat_id, user_id)
    SELECT md5('reservation ' || n)::uuid, 1, status, 10000, {AT}, {AT} + interval '5 minutes',
        CASE WHEN status = 'CONFIRMED' THEN {AT} END, md5('schedule ' || {SALE})::uuid,
        md5('seat ' || n)::uuid, md5('user ' || n)::uuid
    FROM (SELECT n, CASE WHEN n %% 100 = 0 THEN 'HOLD' WHEN n %% 20 = 9 THEN 'CANCELLED'
                         WHEN n %% 20 = 19 THEN 'EXPIRED' ELSE 'CONFIRMED' END AS status
          FROM {NUMBERS}) reservations
    """,
    f"""
    INSERT INTO payments_payment (id, amount, status, reason, paid_at, user_id, reservation_id)
    SELECT md5('payment ' || n)::uuid, 10000, CASE WHEN n %% 500 = 0 THEN 'FAILED' ELSE 'SUCCESS'
        END, CASE WHEN n %% 500 = 0 THEN 'insufficient_balance' ELSE '' END, {AT},
        md5('user ' || n)::uuid, md5('reservation ' || n)::uuid
    FROM {NUMBERS}
    """,
    f"""
    INSERT INTO payments_ticket (id, status, price, seat_number, start_at, end_at, refund_policy,
        code, used_at, created_at, updated_at, reservation_id, seat_id, user_id)
    SELECT md5('ticket ' || n)::uuid, CASE WHEN n %% 20 = 9 THEN 'CANCELLED' WHEN n %% 3 = 0 THEN
        'USED' ELSE 'ISSUED' END, 10000, 1 + n %% %(per_sale)s, now(), now(), '0:0',
        'code-' || n, CASE WHEN n %% 3 = 0 THEN now() END, {AT}, {AT},
        md5('reservation ' || n)::uuid, md5('seat ' || n)::uuid, md5('user ' || n)::uuid
    FROM {NUMBERS}
    """,
    f"""
    INSERT INTO payments_refund (id, amount, fee, reason, created_at, payment_id, refunded_by_id)
    SELECT md5('refund ' || n)::uuid, 10000, 0, 'cancelled', {AT}, md5('payment ' || n)::uuid,
        md5('user ' || n)::uuid
    FROM {NUMBERS}
    """,
    f"""
    INSERT INTO payments_checkin (id, gate, checked_in_at, undo_reason, schedule_id, ticket_id,
        checked_in_by_id, undone_at, undone_by_id)
    SELECT md5('check-in ' || n)::uuid, 'A', {AT}, CASE WHEN n %% 1000 = 0 THEN 'x' ELSE '' END,
        md5('schedule ' || {SALE})::uuid, md5('ticket ' || n)::uuid,
        md5('user ' || (n %% 50 * 20000))::uuid, CASE WHEN n %% 1000 = 0 THEN {AT} END,
        CASE WHEN n %% 1000 = 0 THEN md5('user 0')::uuid END
    FROM {NUMBERS}
    """,
    f"""
    INSERT INTO payments_ticketoffer (id, email, status, number, old_code, offered_at, ended_at,
        giver_id, receiver_id, ticket_id)
    SELECT md5('offer ' || n)::uuid, 'friend' || n || '@benchmark.invalid', status,
        CASE WHEN status = 'ACCEPTED' THEN 1 END,
        CASE WHEN status = 'ACCEPTED' THEN 'old-' || n ELSE '' END, {AT},
        CASE WHEN status <> 'OPEN' THEN {AT} END, md5('user ' || n)::uuid,
        CASE WHEN status = 'ACCEPTED' THEN md5('user ' || n + 1)::uuid END,
        md5('ticket ' || n)::uuid
    FROM (SELECT n, CASE WHEN n %% 1000 = 0 THEN 'OPEN' WHEN n %% 3 = 0 THEN 'DECLINED'
                         ELSE 'ACCEPTED' END AS status FROM {NUMBERS}) offers
    """,
]


def write(rows: int) -> None:
    """Write so many rows into each large table, and tell the planner."""
    values = {"rows": rows, "sales": SALES, "per_sale": PER_SALE}
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("SET statement_timeout = 0")
        for statement in SALES_ROWS:
            cursor.execute(statement % values)
        for statement in ROWS:
            for first in range(0, rows, BATCH):
                numbers = {"first": first, "last": min(first + BATCH, rows) - 1}
                cursor.execute(statement % {**values, **numbers})
        cursor.execute("RESET session_replication_role")
        for table in TABLES:
            cursor.execute(f"VACUUM ANALYZE {table}")
