"""The checks of the audit: a query for each kind of violation."""

from dataclasses import dataclass

from operations.services.ledger_proof import REAL, REHEARSED, totals_of


@dataclass(frozen=True)
class Check:
    """``violations`` is a query with one column: the ids of wrong rows. ``meaning`` explains a
    violation to the operator."""

    name: str
    meaning: str
    violations: str


# The rows that must have a ledger line. A refund of 0 won has none.
MONEY_MOVED = """
    SELECT id, user_id, 'CHARGE' AS type, amount, status
    FROM accounts_charge WHERE status <> 'PENDING'
    UNION ALL
    SELECT id, user_id, 'RESERVATION', amount, status FROM payments_payment
    UNION ALL
    SELECT r.id, p.user_id, 'CANCELLATION', r.amount, 'SUCCESS'
    FROM payments_refund r JOIN payments_payment p ON p.id = r.payment_id
    WHERE r.amount > 0
    UNION ALL
    SELECT r.compensation_source, p.user_id, 'COMPENSATION', r.compensation, 'SUCCESS'
    FROM payments_refund r JOIN payments_payment p ON p.id = r.payment_id
    WHERE r.compensation_source IS NOT NULL
    UNION ALL
    SELECT id, user_id, 'CREDIT', amount, 'SUCCESS' FROM accounts_credit WHERE state = 'GIVEN'
"""

CHECKS = [
    Check(
        "seat_sold_twice",
        "Two live reservations on one seat.",
        """
        SELECT seat_id FROM payments_reservation
        WHERE status IN ('HOLD', 'CONFIRMED')
        GROUP BY seat_id HAVING count(*) > 1
        """,
    ),
    Check(
        "seat_differs_from_reservation",
        "A seat whose status, holder or time is not that of its live reservation.",
        """
        SELECT DISTINCT s.id FROM concerts_seat s
        LEFT JOIN payments_reservation r
            ON r.seat_id = s.id AND r.status IN ('HOLD', 'CONFIRMED')
        WHERE (s.status, s.held_by_id, s.hold_expires_at) IS DISTINCT FROM (
            CASE WHEN r.status = 'HOLD' THEN 'HELD' WHEN r.status = 'CONFIRMED' THEN 'RESERVED'
                 WHEN s.status = 'BLOCKED' THEN 'BLOCKED' ELSE 'AVAILABLE' END,
            CASE WHEN r.status = 'HOLD' THEN r.user_id END,
            CASE WHEN r.status = 'HOLD' THEN r.expires_at END)
        """,
    ),
    Check(
        "confirmed_without_payment_and_ticket",
        "A confirmed reservation without exactly one successful payment of its price by its user,"
        " and exactly one live ticket for its seat.",
        """
        SELECT r.id FROM payments_reservation r
        WHERE r.status = 'CONFIRMED' AND (
            ARRAY(SELECT (p.user_id, p.amount) FROM payments_payment p
                  WHERE p.reservation_id = r.id AND p.status = 'SUCCESS')
                <> ARRAY[(r.user_id, r.price)]
            OR ARRAY(SELECT t.seat_id FROM payments_ticket t
                     WHERE t.reservation_id = r.id AND t.status <> 'CANCELLED')
                <> ARRAY[r.seat_id])
        """,
    ),
    Check(
        "ticket_not_its_last_receivers",
        "A ticket whose holder is not the last receiver of its accepted offers (without one, its"
        " buyer), or whose offers are no unbroken chain from the buyer on.",
        """
        SELECT t.id FROM payments_ticket t
        JOIN payments_reservation r ON r.id = t.reservation_id
        LEFT JOIN (
            SELECT ticket_id,
                   bool_and(number = expected_number
                            AND giver_id = coalesce(receiver_before, giver_id)) AS unbroken,
                   (array_agg(giver_id ORDER BY number))[1] AS first_giver,
                   (array_agg(receiver_id ORDER BY number DESC))[1] AS last_receiver
            FROM (
                SELECT ticket_id, number, giver_id, receiver_id,
                       row_number() OVER chain AS expected_number,
                       lag(receiver_id) OVER chain AS receiver_before
                FROM payments_ticketoffer WHERE status = 'ACCEPTED'
                WINDOW chain AS (PARTITION BY ticket_id ORDER BY number)
            ) accepted
            GROUP BY ticket_id
        ) chain ON chain.ticket_id = t.id
        WHERE (t.user_id, r.user_id, true) IS DISTINCT FROM (
            coalesce(chain.last_receiver, r.user_id), coalesce(chain.first_giver, r.user_id),
            coalesce(chain.unbroken, true))
        """,
    ),
    Check(
        "ended_code_admits",
        "A ticket with a code that ended when a ticket was handed on or moved.",
        """
        SELECT t.id FROM payments_ticket t JOIN payments_ticketoffer o ON o.old_code = t.code
        UNION ALL
        SELECT t.id FROM payments_ticket t JOIN payments_ticketmove m ON m.old_code = t.code
        """,
    ),
    Check(
        "offer_without_its_ticket",
        "An open offer of a ticket that was used or cancelled, or that is not its giver's.",
        """
        SELECT o.id FROM payments_ticketoffer o JOIN payments_ticket t ON t.id = o.ticket_id
        WHERE o.status = 'OPEN' AND (t.status <> 'ISSUED' OR t.user_id <> o.giver_id)
        """,
    ),
    Check(
        "ticket_without_confirmed_reservation",
        "A live ticket whose reservation is not confirmed.",
        """
        SELECT t.id FROM payments_ticket t
        JOIN payments_reservation r ON r.id = t.reservation_id
        WHERE t.status <> 'CANCELLED' AND r.status <> 'CONFIRMED'
        """,
    ),
    Check(
        "ticket_differs_from_check_in",
        "A ticket that says otherwise than its live check-in whether, when, where and by whom it"
        " was used, or whose check-in is of another schedule.",
        """
        SELECT t.id FROM payments_ticket t
        JOIN payments_reservation r ON r.id = t.reservation_id
        LEFT JOIN payments_checkin c ON c.ticket_id = t.id AND c.undone_at IS NULL
        GROUP BY t.id
        HAVING count(c.id) > 1 OR bool_or(
            (t.used_at, t.used_by_id, t.gate) IS DISTINCT FROM
            (c.checked_in_at, c.checked_in_by_id, coalesce(c.gate, ''))
            OR t.status = 'USED' AND c.id IS NULL OR t.status = 'ISSUED' AND c.id IS NOT NULL
            OR c.schedule_id <> r.schedule_id)
        """,
    ),
    Check(
        "paid_for_nothing",
        "A successful payment whose reservation is neither confirmed nor cancelled and refunded.",
        """
        SELECT p.id FROM payments_payment p
        JOIN payments_reservation r ON r.id = p.reservation_id
        LEFT JOIN payments_refund f ON f.payment_id = p.id
        WHERE p.status = 'SUCCESS'
          AND NOT (r.status = 'CONFIRMED' AND f.id IS NULL)
          AND NOT (r.status = 'CANCELLED' AND f.id IS NOT NULL)
        """,
    ),
    Check(
        "refund_differs_from_payment",
        "A payment with more than one refund, or a refund that is not its payment, a fee taken off"
        " (none where the schedule was cancelled).",
        """
        SELECT p.id FROM payments_payment p
        JOIN payments_refund f ON f.payment_id = p.id
        GROUP BY p.id
        HAVING count(*) > 1 OR bool_or(
            f.amount + f.fee <> p.amount OR f.reason = 'schedule_cancelled' AND f.fee <> 0)
        """,
    ),
    Check(
        "compensation_not_as_owed",
        "A refund for a cancelled schedule whose compensation is not a tenth of the price, rounded"
        " up, if the organiser was at fault, and nothing otherwise.",
        """
        SELECT f.id FROM payments_refund f
        JOIN payments_payment p ON p.id = f.payment_id
        JOIN payments_reservation r ON r.id = p.reservation_id
        JOIN concerts_concertschedule s ON s.id = r.schedule_id
        WHERE f.compensation <> CASE
            WHEN f.reason = 'schedule_cancelled' AND s.cancel_cause = 'organiser'
            THEN (p.amount + 9) / 10 ELSE 0 END
        """,
    ),
    Check(
        "money_without_ledger_line",
        "A settled charge, a payment, a refund, a compensation or a given credit without exactly"
        " one line of its owner, type, amount and status in the ledger.",
        f"""
        SELECT moved.id FROM ({MONEY_MOVED}) moved
        LEFT JOIN accounts_balancehistory line ON line.source = moved.id
        LEFT JOIN accounts_balance b ON b.id = line.balance_id
        GROUP BY moved.id
        HAVING count(line.id) <> 1 OR NOT bool_and(
            (b.user_id, line.type, line.amount, line.status)
            = (moved.user_id, moved.type, moved.amount, moved.status))
        """,
    ),
    Check(
        "ledger_line_without_source",
        "A line of the ledger that no charge, payment, refund, compensation or credit accounts"
        " for.",
        f"""
        SELECT line.id FROM accounts_balancehistory line
        LEFT JOIN ({MONEY_MOVED}) moved ON moved.id = line.source
        WHERE line.type <> 'OTHER' AND moved.id IS NULL
        """,
    ),
    Check(
        "ledger_broken",
        "A line of the ledger that does not continue the one before: a gap in seq, or a balance"
        " that does not follow.",
        """
        SELECT id FROM (
            SELECT id, seq, balance_after, delta,
                   row_number() OVER chain AS expected_seq,
                   lag(balance_after, 1, 0::bigint) OVER chain AS balance_before
            FROM accounts_balancehistory
            WINDOW chain AS (PARTITION BY balance_id ORDER BY seq)
        ) line
        WHERE seq <> expected_seq OR balance_after <> balance_before + delta
        """,
    ),
    Check(
        "balance_differs_from_ledger",
        "A balance that is not its ledger's last line, or not the sum of its lines.",
        """
        SELECT b.id FROM accounts_balance b
        LEFT JOIN (
            SELECT balance_id, sum(delta) AS total, max(seq) AS last_seq,
                   (array_agg(balance_after ORDER BY seq DESC))[1] AS last_balance
            FROM accounts_balancehistory GROUP BY balance_id
        ) ledger ON ledger.balance_id = b.id
        WHERE (b.amount, b.amount, b.last_seq) IS DISTINCT FROM (
            coalesce(ledger.total, 0), coalesce(ledger.last_balance, 0),
            coalesce(ledger.last_seq, 0))
        """,
    ),
    Check(
        "money_does_not_add_up",
        "Over all real users, or over all buyers of rehearsals: what was charged (and granted by"
        " OTHER lines, paid as compensation, and given as credit) is not what people have plus"
        " what they paid and did not get back.",
        f"""
        SELECT concat_ws(', ', charged || ' charged', granted || ' granted',
                         compensated || ' compensated', credited || ' credited',
                         balances || ' in balances', paid || ' paid', refunded || ' refunded')
        FROM ({totals_of(REAL)} UNION ALL {totals_of(REHEARSED)}) total
        WHERE charged + granted + compensated + credited <> balances + paid - refunded
        """,
    ),
    Check(
        "deleted_account_has_something",
        "Money, a hold, a live ticket of a show to come, or a name, of an account that its user had"
        " deleted. Money that came back later, and whose former user is kept apart, is none; nor is"
        " a hold that was over by then and waits for its sweep.",
        """
        SELECT u.id FROM accounts_user u
        LEFT JOIN accounts_balance b ON b.user_id = u.id
        WHERE u.deleted_at IS NOT NULL AND (
            u.is_active OR u.name <> '' OR u.email IS NOT NULL
            OR b.amount <> 0 AND NOT EXISTS (
                SELECT FROM accounts_keptidentity k WHERE k.user_id = u.id)
            OR (SELECT line.balance_after FROM accounts_balancehistory line
                WHERE line.balance_id = b.id AND line.created_at <= u.deleted_at
                ORDER BY line.seq DESC LIMIT 1) <> 0
            OR EXISTS (SELECT FROM payments_reservation r
                       WHERE r.user_id = u.id AND r.status = 'HOLD'
                         AND r.expires_at > u.deleted_at)
            OR EXISTS (SELECT FROM payments_ticket t
                       JOIN payments_reservation r ON r.id = t.reservation_id
                       JOIN concerts_concertschedule s ON s.id = r.schedule_id
                       WHERE t.user_id = u.id AND t.status = 'ISSUED'
                         AND s.end_at > u.deleted_at))
        """,
    ),
    Check(
        "rehearsal_mixed_with_sale",
        "A place in line or a reservation of a user whose rehearsal (or lack of one) is not the"
        " waiting room's.",
        """
        SELECT t.token FROM queueing_queuetoken t
        JOIN queueing_waitingroom room ON room.id = t.room_id
        JOIN accounts_user u ON u.id = t.user_id
        WHERE u.rehearsal <> room.rehearsal
        UNION ALL
        SELECT r.id FROM payments_reservation r
        JOIN concerts_concertschedule s ON s.id = r.schedule_id
        JOIN concerts_concert c ON c.id = s.concert_id
        JOIN queueing_waitingroom room ON room.id = c.waiting_room_id
        JOIN accounts_user u ON u.id = r.user_id
        WHERE u.rehearsal <> room.rehearsal
        """,
    ),
    Check(
        "over_purchase_limit",
        "A user with more live reservations in a schedule than one person may have.",
        """
        SELECT r.user_id FROM payments_reservation r
        JOIN concerts_concertschedule c ON c.id = r.schedule_id
        WHERE r.status IN ('HOLD', 'CONFIRMED')
        GROUP BY r.user_id, c.id HAVING count(*) > c.purchase_limit
        """,
    ),
    Check(
        "too_many_tickets",
        "A user with more live tickets and holds in a schedule, received ones included, than one"
        " person may have.",
        """
        SELECT had.user_id FROM (
            SELECT t.user_id, r.schedule_id
            FROM payments_ticket t JOIN payments_reservation r ON r.id = t.reservation_id
            WHERE t.status <> 'CANCELLED'
            UNION ALL
            SELECT user_id, schedule_id FROM payments_reservation
            WHERE status = 'HOLD' AND expires_at > now()
        ) had
        JOIN concerts_concertschedule c ON c.id = had.schedule_id
        GROUP BY had.user_id, c.id HAVING count(*) > c.purchase_limit
        """,
    ),
    Check(
        "held_outside_the_sale",
        "A hold taken before its sale opened or after it closed.",
        """
        SELECT r.id FROM payments_reservation r
        JOIN concerts_concertschedule c ON c.id = r.schedule_id
        -- A free ticket is given at any time.
        WHERE r.price > 0 AND (r.created_at < c.reserve_from OR r.created_at >= c.reserve_until)
        """,
    ),
    Check(
        "held_without_admission",
        "A hold by a user who was not admitted to the concert's waiting room at that time.",
        """
        SELECT r.id FROM payments_reservation r
        JOIN concerts_concertschedule s ON s.id = r.schedule_id
        JOIN concerts_concert c ON c.id = s.concert_id
        WHERE r.price > 0 AND NOT EXISTS (
            SELECT FROM queueing_queuetoken t
            WHERE t.user_id = r.user_id AND t.room_id = c.waiting_room_id
              AND r.created_at BETWEEN t.available_at AND t.expires_at)
        """,
    ),
    Check(
        "paid_too_late",
        "A reservation that was confirmed after its hold had expired.",
        "SELECT id FROM payments_reservation WHERE confirmed_at >= expires_at",
    ),
    Check(
        "hold_overdue",
        "A hold that expired more than a minute ago and was not released.",
        """
        SELECT id FROM payments_reservation
        WHERE status = 'HOLD' AND expires_at < now() - interval '60 seconds'
        """,
    ),
    Check(
        "cancelled_schedule_unfinished",
        "A live reservation of a schedule that was cancelled more than an hour ago, and was not"
        " refunded.",
        """
        SELECT r.id FROM payments_reservation r
        JOIN concerts_concertschedule s ON s.id = r.schedule_id
        WHERE s.cancelled_at < now() - interval '1 hour'
          AND r.status IN ('HOLD', 'CONFIRMED')
        """,
    ),
    Check(
        "seat_history_broken",
        "A seat whose history has a gap, or does not lead from AVAILABLE to what the seat is.",
        """
        SELECT s.id FROM concerts_seat s
        LEFT JOIN (
            SELECT seat_id, count(*) AS lines,
                   bool_and(seq = expected_seq AND from_status = status_before) AS unbroken,
                   (array_agg(to_status ORDER BY seq DESC))[1] AS last_status
            FROM (
                SELECT seat_id, seq, from_status, to_status,
                       row_number() OVER chain AS expected_seq,
                       lag(to_status, 1, 'AVAILABLE') OVER chain AS status_before
                FROM concerts_seatstatushistory
                WINDOW chain AS (PARTITION BY seat_id ORDER BY seq)
            ) line
            GROUP BY seat_id
        ) history ON history.seat_id = s.id
        WHERE (s.version, s.status, true) IS DISTINCT FROM (
            coalesce(history.lines, 0), coalesce(history.last_status, 'AVAILABLE'),
            coalesce(history.unbroken, true))
        """,
    ),
    Check(
        "room_over_capacity",
        "A waiting room that admitted a buyer when it was full, by its capacity at that moment.",
        """
        SELECT DISTINCT room_id FROM (
            SELECT token.room_id, at, change,
                   -- Who leaves at the very moment when another comes in leaves first.
                   sum(change) OVER (
                       PARTITION BY token.room_id ORDER BY at, change ROWS UNBOUNDED PRECEDING
                   ) AS inside
            FROM queueing_queuetoken token,
            LATERAL (VALUES (available_at, 1), (expires_at, -1)) event (at, change)
            WHERE token.available_at IS NOT NULL
        ) step
        WHERE change = 1 AND inside > coalesce(
            (SELECT capacity FROM queueing_roomcapacity past
             WHERE past.room_id = step.room_id AND past.since <= step.at
             ORDER BY since DESC LIMIT 1),
            (SELECT capacity FROM queueing_roomcapacity past
             WHERE past.room_id = step.room_id ORDER BY since LIMIT 1),
            (SELECT capacity FROM queueing_waitingroom room WHERE room.id = step.room_id))
        """,
    ),
    Check(
        "overtaken_in_line",
        "A buyer still waits in a room that has admitted a buyer who joined later.",
        """
        SELECT waiting.token FROM queueing_queuetoken waiting
        JOIN (
            SELECT room_id, max(position) AS position FROM queueing_queuetoken
            WHERE available_at IS NOT NULL GROUP BY room_id
        ) admitted ON admitted.room_id = waiting.room_id
        WHERE waiting.status = 'WAITING' AND waiting.position < admitted.position
        """,
    ),
]
