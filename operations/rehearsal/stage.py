"""What a rehearsal is played on: a concert with its room and seats, and buyers with money."""

import datetime as dt
import secrets
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.contrib.auth.hashers import make_password
from django.db import connection, transaction

from accounts import app_tokens
from accounts.models import Balance, BalanceHistory, User
from accounts.services import LedgerEntry, lock_balances, write_lines_of_many
from concertbook.db.clock import database_now
from concerts.models import Concert, ConcertSchedule
from concerts.services.seating import Block, generate_seats
from queueing.models import WaitingRoom

# For people to read: what is of a rehearsal is known by its mark (WaitingRoom.rehearsal).
PREFIX = "rehearsal-"
DOMAIN = "@rehearsal.invalid"
PRICE = 50_000
PURCHASE_LIMIT = 2
# Short: a rehearsal should not wait long for seats that somebody let go of.
REST_SECONDS = 2
# The reason in the ledger of the money that a rehearsal's buyers are given, and taken again.
REASON = "rehearsal"
BUYERS_AT_ONCE = 500


@dataclass(frozen=True)
class Stage:
    """``access`` has an access token of the mobile API for each buyer."""

    slug: str
    schedule_id: uuid.UUID
    seats: int
    capacity: int
    access: list[str]


def set_stage(*, buyers: int, seats: int, capacity: int) -> Stage:
    """A rehearsal of its own, on sale from now on, every buyer able to pay for their limit.

    The room is committed first: whatever of a rehearsal there is, ending.py finds it by its room.
    """
    slug = PREFIX + secrets.token_hex(4)
    schedule = _announce(slug, seats, capacity)
    return Stage(
        slug=slug,
        schedule_id=schedule.pk,
        seats=seats,
        capacity=capacity,
        access=[app_tokens.issue_tokens(buyer).access for buyer in _invite(slug, buyers)],
    )


@transaction.atomic(durable=True)
def _announce(slug: str, seats: int, capacity: int) -> ConcertSchedule:
    now = database_now()
    day = dt.timedelta(days=1)
    room = WaitingRoom.objects.create(
        title=slug, slug=slug, rehearsal=slug, state=WaitingRoom.State.OPEN, capacity=capacity
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


def _invite(slug: str, buyers: int) -> Iterator[User]:
    emails = [f"{slug}-{number}{DOMAIN}" for number in range(1, buyers + 1)]
    for start in range(0, buyers, BUYERS_AT_ONCE):
        yield from _invite_some(slug, emails[start : start + BUYERS_AT_ONCE])


@transaction.atomic(durable=True)
def _invite_some(slug: str, emails: Sequence[str]) -> list[User]:
    """Buyers with money from the ledger, not from the gateway: no real card is charged."""
    buyers: list[User] = User.objects.bulk_create(new_member(slug, email) for email in emails)
    Balance.objects.bulk_create(Balance(user=buyer) for buyer in buyers)
    move_money({buyer.pk: PRICE * PURCHASE_LIMIT for buyer in buyers})
    return buyers


def new_member(slug: str, email: str) -> User:
    """A user of this rehearsal, not saved. No password: what is rehearsed is not the log-in."""
    return User(email=email, name="리허설", password=make_password(None), rehearsal=slug)


def move_money(amounts: dict[uuid.UUID, int]) -> None:
    """Add these amounts, in won, to the balances of these users, by a line of type OTHER each.

    The users must be of a rehearsal and have balances. Inside a transaction.
    """
    balances = lock_balances(user_ids=amounts)
    now = database_now()
    write_lines_of_many(
        entries=[(balances[user_id], _entry(amount, now)) for user_id, amount in amounts.items()]
    )


def _entry(amount: int, now: dt.datetime) -> LedgerEntry:
    return LedgerEntry(
        type=BalanceHistory.Type.OTHER,
        amount=amount,
        source=uuid.uuid4(),
        at=now,
        reason=REASON,
    )


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
