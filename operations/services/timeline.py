"""All that happened to one person, to the second, newest first.

One statement reads the sources, each by an index on the user and with the page's limit, and two
more the names of seats and shows. What a person did in a year is a few pages.
"""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from accounts.models import User
from concertbook.db.statements import fetch_all
from concerts.models import ConcertSchedule, Seat

ON_A_PAGE = 60


@dataclass(frozen=True)
class Event:
    """``what`` is a code of the sources below; ``key`` the id of the row that tells it.

    ``amount`` in won, ``detail`` a code, name or status, ``other`` the e-mail address or the name
    of another person, where there are such.
    """

    at: dt.datetime
    what: str
    key: str
    seat: Seat | None = None
    schedule: ConcertSchedule | None = None
    amount: int | None = None
    detail: str = ""
    other: str = ""


@dataclass(frozen=True)
class Timeline:
    """``older`` is the time before which the next page begins; None on the last page."""

    events: Sequence[Event]
    older: dt.datetime | None


# Each: time, what, key, seat, schedule, amount, detail, another person.
_SOURCES = [
    # Account.
    """SELECT created_at, 'account.created', id::text, NULL::uuid, NULL::uuid, NULL::bigint, '', ''
       FROM accounts_user WHERE id = %(user)s""",
    """SELECT logged_in_at, 'account.logged_in', public_id::text, NULL, NULL, NULL,
              concat_ws(' · ', nullif(client, ''), nullif(system, ''), nullif(network, '')), ''
       FROM accounts_usersession WHERE user_id = %(user)s""",
    # The line.
    """SELECT t.issued_at, 'line.joined', t.token::text, NULL, NULL, t.position, r.title, ''
       FROM queueing_queuetoken t JOIN queueing_waitingroom r ON r.id = t.room_id
       WHERE t.user_id = %(user)s""",
    """SELECT t.available_at, 'line.admitted', t.token::text, NULL, NULL, NULL, r.title, ''
       FROM queueing_queuetoken t JOIN queueing_waitingroom r ON r.id = t.room_id
       WHERE t.user_id = %(user)s AND t.available_at IS NOT NULL""",
    """SELECT e.exited_at, 'line.' || lower(e.outcome), e.token_id::text, NULL, NULL, NULL, r.title,
              ''
       FROM queueing_queueentryhistory e
       JOIN queueing_queuetoken t ON t.token = e.token_id
       JOIN queueing_waitingroom r ON r.id = t.room_id
       WHERE e.user_id = %(user)s""",
    # The purchase.
    """SELECT created_at, 'hold.began', id::text, seat_id, schedule_id, price, '', ''
       FROM payments_reservation WHERE user_id = %(user)s""",
    """SELECT extended_at, 'hold.extended', id::text, seat_id, schedule_id, NULL, '', ''
       FROM payments_reservation WHERE user_id = %(user)s AND extended_at IS NOT NULL""",
    """SELECT expires_at, 'hold.expired', id::text, seat_id, schedule_id, NULL, '', ''
       FROM payments_reservation WHERE user_id = %(user)s AND status = 'EXPIRED'""",
    """SELECT h.changed_at, 'hold.' || h.reason, r.id::text, r.seat_id, r.schedule_id, NULL, '',
              CASE WHEN h.changed_by_id <> r.user_id THEN coalesce(by.email, by.name, '') ELSE ''
              END
       FROM payments_reservation r
       JOIN concerts_seatstatushistory h ON h.seat_id = r.seat_id
           AND h.reason IN ('let_go', 'let_go_by_staff')
           AND h.changed_at BETWEEN r.created_at AND r.expires_at
       LEFT JOIN accounts_user by ON by.id = h.changed_by_id
       WHERE r.user_id = %(user)s AND r.status = 'CANCELLED' AND r.confirmed_at IS NULL""",
    """SELECT p.paid_at, CASE p.status WHEN 'SUCCESS' THEN 'payment.made' ELSE 'payment.failed' END,
              p.id::text, r.seat_id, r.schedule_id, p.amount, p.reason, ''
       FROM payments_payment p JOIN payments_reservation r ON r.id = p.reservation_id
       WHERE p.user_id = %(user)s""",
    """SELECT f.created_at, 'refund.made', f.id::text, r.seat_id, r.schedule_id, f.amount, f.reason,
              CASE WHEN f.refunded_by_id <> p.user_id THEN coalesce(by.email, by.name, '') ELSE ''
              END
       FROM payments_payment p JOIN payments_refund f ON f.payment_id = p.id
       JOIN payments_reservation r ON r.id = p.reservation_id
       LEFT JOIN accounts_user by ON by.id = f.refunded_by_id
       WHERE p.user_id = %(user)s""",
    # Tickets that the person has, or had: the buyer's, and those handed on.
    """SELECT t.created_at, 'ticket.issued', t.id::text, r.seat_id, r.schedule_id, NULL, '', ''
       FROM payments_reservation r JOIN payments_ticket t ON t.reservation_id = r.id
       WHERE r.user_id = %(user)s""",
    """SELECT o.offered_at, 'offer.made', o.ticket_id::text, r.seat_id, r.schedule_id, NULL, '',
              o.email
       FROM payments_ticketoffer o JOIN payments_ticket t ON t.id = o.ticket_id
       JOIN payments_reservation r ON r.id = t.reservation_id
       WHERE o.giver_id = %(user)s""",
    """SELECT o.ended_at, 'offer.' || lower(o.status), o.ticket_id::text, r.seat_id, r.schedule_id,
              NULL, '', coalesce(u.email, u.name, o.email)
       FROM payments_ticketoffer o JOIN payments_ticket t ON t.id = o.ticket_id
       JOIN payments_reservation r ON r.id = t.reservation_id
       LEFT JOIN accounts_user u ON u.id = o.receiver_id
       WHERE o.giver_id = %(user)s AND o.ended_at IS NOT NULL""",
    """SELECT o.ended_at, 'offer.received', o.ticket_id::text, r.seat_id, r.schedule_id, NULL, '',
              coalesce(u.email, u.name, '')
       FROM payments_ticketoffer o JOIN payments_ticket t ON t.id = o.ticket_id
       JOIN payments_reservation r ON r.id = t.reservation_id
       JOIN accounts_user u ON u.id = o.giver_id
       WHERE o.receiver_id = %(user)s""",
    """SELECT c.checked_in_at, 'check_in.made', c.ticket_id::text, t.seat_id, c.schedule_id, NULL,
              c.gate, coalesce(by.email, by.name, '')
       FROM payments_ticket t JOIN payments_checkin c ON c.ticket_id = t.id
       LEFT JOIN accounts_user by ON by.id = c.checked_in_by_id
       WHERE t.user_id = %(user)s""",
    """SELECT c.undone_at, 'check_in.undone', c.ticket_id::text, t.seat_id, c.schedule_id, NULL,
              c.undo_reason, coalesce(by.email, by.name, '')
       FROM payments_ticket t JOIN payments_checkin c ON c.ticket_id = t.id
       LEFT JOIN accounts_user by ON by.id = c.undone_by_id
       WHERE t.user_id = %(user)s AND c.undone_at IS NOT NULL""",
    # Money that no purchase moved.
    """SELECT created_at, 'charge.asked', id::text, NULL, NULL, amount, '', ''
       FROM accounts_charge WHERE user_id = %(user)s""",
    """SELECT charged_at, CASE status WHEN 'SUCCESS' THEN 'charge.made' ELSE 'charge.failed' END,
              id::text, NULL, NULL, amount, reason, ''
       FROM accounts_charge WHERE user_id = %(user)s AND charged_at IS NOT NULL""",
    """SELECT l.created_at, 'money.' || lower(l.type), l.source::text, NULL, NULL, l.delta,
              l.reason,
              ''
       FROM accounts_balance b JOIN accounts_balancehistory l ON l.balance_id = b.id
       WHERE b.user_id = %(user)s AND l.type NOT IN ('CHARGE', 'RESERVATION', 'CANCELLATION')""",
    # What the staff did to the account, its seats and tickets.
    """SELECT a.at, 'staff', a.act, NULL, NULL, NULL, a.reason, a.actor_email
       FROM accounts_activity a
       WHERE a.target_key IN (
           SELECT %(user)s::text
           UNION ALL SELECT id::text FROM payments_reservation WHERE user_id = %(user)s
           UNION ALL SELECT id::text FROM payments_ticket WHERE user_id = %(user)s)""",
    # Messages, by when they were sent, or else queued.
    """SELECT coalesce(sent_at, created_at), 'message.' || lower(status), id::text, NULL, NULL,
              NULL, kind, recipient
       FROM accounts_outgoingmessage WHERE user_id = %(user)s""",
]


def read_timeline(*, user: User, before: dt.datetime | None = None) -> Timeline:
    """A page of the person's events: the newest before this time. Three statements."""
    values = {"user": user.pk, "before": before or dt.datetime.max.replace(tzinfo=dt.UTC)}
    parts = " UNION ALL ".join(f"({source})" for source in _SOURCES)
    rows = fetch_all(
        f"""
        SELECT * FROM ({parts})
            AS event (at, what, key, seat, schedule, amount, detail, other)
        WHERE at < %(before)s ORDER BY at DESC, what DESC LIMIT {ON_A_PAGE + 1}
        """,
        values,
    )
    events = _with_names(rows[:ON_A_PAGE])
    return Timeline(events, events[-1].at if len(rows) > ON_A_PAGE else None)


def _with_names(rows: Sequence[Any]) -> list[Event]:
    seats: Mapping[uuid.UUID, Seat] = Seat.objects.in_bulk({row[3] for row in rows if row[3]})
    shows = ConcertSchedule.objects.select_related("concert").in_bulk(
        {row[4] for row in rows if row[4]}
    )
    return [
        Event(
            at, what, key, seats.get(seat), shows.get(schedule), amount, detail or "", other or ""
        )
        for at, what, key, seat, schedule, amount, detail, other in rows
    ]
