"""The reports' statements. All take the same parameters: ``start`` and ``end``; ``concert`` and
``schedule`` or NULL; ``mine``, the concerts of a limited member of the staff, or NULL; and
``most``, the number of rows.
"""

from collections.abc import Sequence
from typing import Any

from django.conf import settings

from operations.services.board import WAITS_FROM

ZONE = settings.TIME_ZONE

# The dates in question; never a rehearsal's.
DATES = """
    dates AS (
        SELECT schedule.id, schedule.start_at, concert.id AS concert_id, concert.title,
            concert.waiting_room_id
        FROM concerts_concertschedule schedule
        JOIN concerts_concert concert ON concert.id = schedule.concert_id
        JOIN queueing_waitingroom room ON room.id = concert.waiting_room_id
        WHERE room.rehearsal = ''
            AND (%(concert)s::uuid IS NULL OR concert.id = %(concert)s::uuid)
            AND (%(schedule)s::uuid IS NULL OR schedule.id = %(schedule)s::uuid)
            AND (%(mine)s::uuid[] IS NULL OR concert.id = ANY(%(mine)s::uuid[]))
    )"""
OF_SHOWS = "dates.start_at >= %(start)s AND dates.start_at < %(end)s"

# A line for each payment and each refund of the period.
MONEY = """
    money AS (
        SELECT payment.paid_at AS at, reservation.schedule_id, reservation.seat_id,
            -- A free ticket is a payment of 0 won, and not sold.
            CASE WHEN payment.amount > 0 THEN 1 ELSE 0 END AS sold, payment.amount AS sales,
            0 AS refunded, 0::bigint AS refunds, 0::bigint AS fees, 0::bigint AS compensations
        FROM payments_payment payment
        JOIN payments_reservation reservation ON reservation.id = payment.reservation_id
        WHERE payment.status = 'SUCCESS'
            AND payment.paid_at >= %(start)s AND payment.paid_at < %(end)s
        UNION ALL
        SELECT refund.created_at, reservation.schedule_id, reservation.seat_id,
            0, 0, 1, refund.amount, refund.fee, refund.compensation
        FROM payments_refund refund
        JOIN payments_payment payment ON payment.id = refund.payment_id
        JOIN payments_reservation reservation ON reservation.id = payment.reservation_id
        WHERE refund.created_at >= %(start)s AND refund.created_at < %(end)s
    )"""
KEYS = {
    "hour": f"date_trunc('hour', money.at, '{ZONE}')",
    "day": f"(money.at AT TIME ZONE '{ZONE}')::date",
    "concert": "dates.title",
    "starts": "dates.start_at",
    "grade": "seat.grade",
    "section": "seat.section",
}
SUMS = {
    "net": "(sum(money.sales) - sum(money.refunds))::bigint",
}


def money(keys: Sequence[str], columns: Sequence[Any]) -> str:
    """The sums of ``columns`` by ``keys``, in their order."""
    by = [KEYS[key] for key in keys]
    # Two concerts may have one title.
    apart = ["dates.concert_id"] if "concert" in keys else []
    sums = [SUMS.get(each.name, f"sum(money.{each.name})::bigint") for each in columns]
    seats = {"grade", "section"} & set(keys)
    return f"""
        WITH {DATES}, {MONEY}
        SELECT {", ".join([*by, *sums])}
        FROM money JOIN dates ON dates.id = money.schedule_id
        {"JOIN concerts_seat seat ON seat.id = money.seat_id" if seats else ""}
        GROUP BY {", ".join([*by, *apart])}
        ORDER BY {", ".join([*by, *apart])}
        LIMIT %(most)s
        """


REFUNDS_BY_REASON = f"""
    WITH {DATES}
    SELECT refund.reason, count(*), sum(refund.amount)::bigint, sum(refund.fee)::bigint,
        sum(refund.compensation)::bigint
    FROM payments_refund refund
    JOIN payments_payment payment ON payment.id = refund.payment_id
    JOIN payments_reservation reservation ON reservation.id = payment.reservation_id
    JOIN dates ON dates.id = reservation.schedule_id
    WHERE refund.created_at >= %(start)s AND refund.created_at < %(end)s
    GROUP BY refund.reason ORDER BY count(*) DESC, refund.reason
    LIMIT %(most)s
    """

SEATS = f"""
    WITH {DATES}
    SELECT dates.title, dates.start_at, seat.grade, seat.section, count(*),
        count(*) FILTER (WHERE seat.status = 'RESERVED' AND reservation.price > 0),
        count(*) FILTER (WHERE seat.status = 'RESERVED' AND reservation.price = 0),
        count(*) FILTER (WHERE seat.status = 'HELD'),
        count(*) FILTER (WHERE seat.status = 'BLOCKED' AND seat.blocked_for = ''),
        count(*) FILTER (WHERE seat.status = 'BLOCKED' AND seat.blocked_for <> ''),
        count(*) FILTER (WHERE seat.status = 'AVAILABLE')
    FROM dates
    JOIN concerts_seat seat ON seat.schedule_id = dates.id
    LEFT JOIN payments_reservation reservation
        ON reservation.seat_id = seat.id AND reservation.is_live
    WHERE {OF_SHOWS}
    GROUP BY dates.title, dates.start_at, dates.id, seat.grade, seat.section
    ORDER BY dates.start_at, dates.title, dates.id, seat.grade, seat.section
    LIMIT %(most)s
    """

HOUR_JOINED = f"date_trunc('hour', token.issued_at, '{ZONE}')"
DAY_JOINED = f"(token.issued_at AT TIME ZONE '{ZONE}')::date"


def line(key: str) -> str:
    """Of those who joined, by room and by ``key``: how many, their waits, how it ended."""
    return f"""
        WITH {DATES}, joined AS (
            SELECT {key} AS at, room.id, room.title,
                count(*) AS joined,
                count(token.available_at) AS admitted,
                percentile_cont(ARRAY[0.5, 0.9, 0.95, 0.99]) WITHIN GROUP (
                    ORDER BY extract(epoch FROM token.available_at - {WAITS_FROM})::float8
                )::int[] AS waits,
                count(*) FILTER (
                    WHERE entry.outcome IS NOT NULL AND entry.admitted_at IS NULL
                ) AS left_waiting,
                count(*) FILTER (
                    WHERE entry.outcome <> 'PAID' AND entry.admitted_at IS NOT NULL
                ) AS left_inside,
                count(*) FILTER (WHERE entry.outcome = 'PAID') AS paid
            FROM queueing_queuetoken token
            JOIN queueing_waitingroom room ON room.id = token.room_id
            LEFT JOIN queueing_queueentryhistory entry ON entry.token_id = token.token
            WHERE token.room_id IN (SELECT waiting_room_id FROM dates)
                AND token.issued_at >= %(start)s AND token.issued_at < %(end)s
            GROUP BY 1, room.id
        )
        SELECT at, title, joined, admitted, waits[1], waits[2], waits[3], waits[4],
            left_waiting, left_inside, paid, round(100.0 * paid / nullif(admitted, 0), 1)
        FROM joined ORDER BY at, title, id
        LIMIT %(most)s
        """


# A ticket of a schedule that was cancelled is not live.
TICKETS = """
    FROM dates
    JOIN payments_reservation reservation
        ON reservation.schedule_id = dates.id AND reservation.is_live
    JOIN payments_ticket ticket ON ticket.reservation_id = reservation.id AND ticket.is_live
    """
ATTENDANCE = f"""
    WITH {DATES}
    SELECT title, start_at, tickets, inside, tickets - inside,
        round(100.0 * inside / tickets, 1), by_hand, first_at, last_at
    FROM (
        SELECT dates.id, dates.title, dates.start_at, count(*) AS tickets,
            count(check_in.id) AS inside,
            count(*) FILTER (WHERE check_in.by_hand_reason <> '') AS by_hand,
            min(check_in.checked_in_at) AS first_at, max(check_in.checked_in_at) AS last_at
        {TICKETS}
        LEFT JOIN payments_checkin check_in
            ON check_in.ticket_id = ticket.id AND check_in.undone_at IS NULL
        WHERE {OF_SHOWS}
        GROUP BY dates.id, dates.title, dates.start_at
    ) shows
    ORDER BY start_at, title, id
    LIMIT %(most)s
    """
GUESTS = f"""
    WITH {DATES}
    SELECT dates.title, dates.start_at, seat.section, seat.row, seat.label, seat.grade,
        holder.name, coalesce(holder.email, ''), ticket.status, ticket.gate, ticket.used_at
    {TICKETS}
    JOIN concerts_seat seat ON seat.id = ticket.seat_id
    JOIN accounts_user holder ON holder.id = ticket.user_id
    WHERE {OF_SHOWS}
    ORDER BY dates.start_at, dates.title, dates.id, seat.section, seat.row, seat.seat_in_row,
        seat.number
    LIMIT %(most)s
    """
