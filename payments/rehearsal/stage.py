"""What a rehearsal is played on: a concert with its room and seats, and buyers with money."""

import datetime as dt
import secrets
import uuid
from dataclasses import dataclass

from django.contrib.auth.hashers import make_password
from django.db import connection, transaction

from accounts import app_tokens
from accounts.models import Balance, BalanceHistory, Charge, User
from accounts.services import charge
from concertbook.clock import database_now
from concerts.models import Concert, ConcertSchedule, Seat, SeatStatusHistory
from concerts.services.seating import Block, generate_seats
from payments.models import Payment, Refund, Reservation, Ticket
from queueing.models import QueueEntryHistory, QueueToken, WaitingRoom

# Every rehearsal's room begins so, and its buyers' addresses with the room's slug.
PREFIX = "rehearsal-"
DOMAIN = "@rehearsal.invalid"
PRICE = 50_000
PURCHASE_LIMIT = 2
# Short: a rehearsal should not wait long for seats that somebody let go of.
REST_SECONDS = 2
LEDGER_GUARD = "ALTER TABLE accounts_balancehistory {} TRIGGER accounts_ledger_is_append_only"


@dataclass(frozen=True)
class Stage:
    """``access`` has an access token of the mobile API for each buyer."""

    slug: str
    schedule_id: uuid.UUID
    seats: int
    capacity: int
    access: list[str]


def set_stage(*, buyers: int, seats: int, capacity: int) -> Stage:
    """A rehearsal of its own, on sale from now on, every buyer able to pay for their limit."""
    slug = PREFIX + secrets.token_hex(4)
    schedule = _announce(slug, seats, capacity)
    return Stage(
        slug=slug,
        schedule_id=schedule.pk,
        seats=seats,
        capacity=capacity,
        access=[_invite(f"{slug}-{number}{DOMAIN}") for number in range(1, buyers + 1)],
    )


def _announce(slug: str, seats: int, capacity: int) -> ConcertSchedule:
    now = database_now()
    day = dt.timedelta(days=1)
    room = WaitingRoom.objects.create(
        title=slug, slug=slug, state=WaitingRoom.State.OPEN, capacity=capacity
    )
    concert = Concert.objects.create(
        title=slug, waiting_room=room, start_time=now + day, end_time=now + 2 * day
    )
    schedule = ConcertSchedule.objects.create(
        concert=concert,
        price=PRICE,
        purchase_limit=PURCHASE_LIMIT,
        rest_seconds=REST_SECONDS,
        reserve_from=now,
        reserve_until=now + day,
        start_at=now + day,
        end_at=now + 2 * day,
    )
    block = Block(section="", rows=1, seats_per_row=seats, grade="R", price=PRICE)
    generate_seats(schedule_id=schedule.pk, blocks=[block])
    return schedule


def _invite(email: str) -> str:
    # Nobody can log in with this password; what is rehearsed is the sale, not the log-in.
    buyer = User.objects.create(email=email, name="리허설", password=make_password(None))
    charge(user=buyer, amount=PRICE * PURCHASE_LIMIT)
    return app_tokens.issue_tokens(buyer).access


def end_sessions(stage: Stage) -> None:
    for access in stage.access:
        app_tokens.revoke_tokens(access)


def most_inside(slug: str) -> int:
    """The most people that were inside the room at once, at any time of its whole life."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT coalesce(max(inside), 0) FROM (
                -- Who leaves at the very moment when another comes in leaves first.
                SELECT sum(change) OVER (ORDER BY at, change ROWS UNBOUNDED PRECEDING) AS inside
                FROM queueing_queuetoken token
                JOIN queueing_waitingroom room ON room.id = token.room_id,
                LATERAL (VALUES (available_at, 1), (expires_at, -1)) event (at, change)
                WHERE room.slug = %s AND available_at IS NOT NULL
            ) moments
            """,
            [slug],
        )
        (most,) = cursor.fetchone()
    return int(most)


def clear_stage(prefix: str = PREFIX) -> int:
    """Delete every row of the rehearsals whose slug begins so; returns how many rehearsals.

    All or nothing. Raises ProtectedError when somebody who is no rehearsal's buyer has bought
    or held seats there: their money is real, and the rehearsal has to stay.
    """
    with transaction.atomic(durable=True):
        rooms = WaitingRoom.objects.filter(slug__startswith=prefix)
        buyers = User.objects.filter(email__startswith=prefix, email__endswith=DOMAIN)
        tokens = QueueToken.objects.filter(room__in=rooms)
        seats = Seat.objects.filter(schedule__concert__waiting_room__in=rooms)
        # In the order of the house, so that a straggler's request ends first or finds nothing.
        for rows in (rooms, tokens, seats):
            list(rows.select_for_update(of=("self",)).order_by("pk").values_list("pk"))
        found = rooms.count()
        QueueEntryHistory.objects.filter(token__in=tokens).delete()
        tokens.delete()
        Refund.objects.filter(payment__user__in=buyers).delete()
        Ticket.objects.filter(user__in=buyers).delete()
        Payment.objects.filter(user__in=buyers).delete()
        Reservation.objects.filter(user__in=buyers).delete()
        SeatStatusHistory.objects.filter(seat__in=seats).delete()
        seats.delete()
        ConcertSchedule.objects.filter(concert__waiting_room__in=rooms).delete()
        Concert.objects.filter(waiting_room__in=rooms).delete()
        rooms.delete()
        _forget_money(prefix)
        buyers.delete()
    return found


def _forget_money(prefix: str) -> None:
    """The one place where lines of the ledger are ever deleted: those of rehearsals' buyers.

    From here to the commit, which is near, nobody else can write to the ledger either: that is
    what lifting its guard costs, and why this comes last.
    """
    whose = {"user__email__startswith": prefix, "user__email__endswith": DOMAIN}
    balances = Balance.objects.filter(**whose)
    with connection.cursor() as cursor:
        cursor.execute(LEDGER_GUARD.format("DISABLE"))
        BalanceHistory.objects.filter(balance__in=balances).delete()
        cursor.execute(LEDGER_GUARD.format("ENABLE"))
    Charge.objects.filter(**whose).delete()
    balances.delete()
