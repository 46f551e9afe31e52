"""The fixtures of a load: a concert with its room and seats, and accounts with money.

They are a rehearsal's wherever they are made: apart from every real sale (WaitingRoom.rehearsal).
The bulk users of the benchmarks are not from here: a million of them are made by a few statements,
without money and without a sale.
"""

import datetime as dt
import secrets
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.contrib.auth.hashers import make_password
from django.db import transaction

from accounts import app_tokens
from accounts.models import Balance, BalanceHistory, User
from accounts.services.ledger import LedgerEntry, lock_balances, write_lines
from concertbook.db.clock import database_now
from concerts.models import Concert, ConcertSchedule
from concerts.services.seat_generation import Block, generate_seats
from operations.load.client import Account
from queueing.models import WaitingRoom

# For people to read; the product recognizes a rehearsal by the column ``rehearsal``.
PREFIX = "rehearsal-"
DOMAIN = "@rehearsal.invalid"
# The reason in the ledger of the money that a rehearsal's buyers are given, and taken again.
REASON = "rehearsal"
BUYERS_AT_ONCE = 500


@dataclass(frozen=True)
class Terms:
    """What a sale allows; ``price`` in won."""

    price: int = 50_000
    purchase_limit: int = 2
    # Short: a rehearsal should not wait long for seats that a buyer released.
    cooldown_seconds: int = 2
    admit_per_minute: int = 6_000
    active_seconds: int = 600


TERMS = Terms()


@dataclass(frozen=True)
class Sale:
    """One schedule on sale behind its own room, named ``slug``."""

    slug: str
    schedule_id: uuid.UUID
    seats: int
    capacity: int
    accounts: Sequence[Account]


def create_sale(
    *,
    buyers: int,
    seats: int,
    capacity: int,
    terms: Terms = TERMS,
    blocks: Sequence[Block] = (),
) -> Sale:
    """A sale of its own, open from now on; every account is able to pay for its limit.

    The seats are one row, or those of ``blocks``, which must be as many and cost ``terms.price`` at
    most.
    The room is committed first: whatever of a rehearsal there is, ending.py finds it by its room.
    """
    slug = PREFIX + secrets.token_hex(4)
    row = Block(section="", rows=1, seats_per_row=seats, grade="R", price=terms.price)
    schedule = _announce(slug, blocks or [row], capacity, terms)
    return Sale(
        slug=slug,
        schedule_id=schedule.pk,
        seats=seats,
        capacity=capacity,
        accounts=list(_enroll(slug, buyers, terms.price * terms.purchase_limit)),
    )


@transaction.atomic(durable=True)
def _announce(slug: str, blocks: Sequence[Block], capacity: int, terms: Terms) -> ConcertSchedule:
    now = database_now()
    day = dt.timedelta(days=1)
    room = WaitingRoom.objects.create(
        title=slug,
        slug=slug,
        rehearsal=slug,
        state=WaitingRoom.State.OPEN,
        capacity=capacity,
        admit_per_minute=terms.admit_per_minute,
        active_seconds=terms.active_seconds,
    )
    concert = Concert.objects.create(
        title=slug, waiting_room=room, start_time=now + day, end_time=now + 2 * day
    )
    schedule = ConcertSchedule.objects.create(
        concert=concert,
        price=terms.price,
        purchase_limit=terms.purchase_limit,
        cooldown_seconds=terms.cooldown_seconds,
        reserve_from=now,
        reserve_until=now + day,
        start_at=now + day,
        end_at=now + 2 * day,
    )
    generate_seats(schedule_id=schedule.pk, blocks=blocks)
    return schedule


def _enroll(slug: str, buyers: int, won: int) -> Iterator[Account]:
    emails = [email_of(slug, number) for number in range(buyers)]
    for start in range(0, buyers, BUYERS_AT_ONCE):
        for user in _enroll_some(slug, emails[start : start + BUYERS_AT_ONCE], won):
            yield Account(str(user.pk), app_tokens.issue_tokens(user).access)


def email_of(slug: str, number: int) -> str:
    """The address of the sale's account of that index."""
    return f"{slug}-{number + 1}{DOMAIN}"


@transaction.atomic(durable=True)
def _enroll_some(slug: str, emails: Sequence[str], won: int) -> list[User]:
    """Buyers with money from the ledger, not from the gateway: no real card is charged."""
    buyers: list[User] = User.objects.bulk_create(new_member(slug, email) for email in emails)
    Balance.objects.bulk_create(Balance(user=buyer) for buyer in buyers)
    move_money({buyer.pk: won for buyer in buyers})
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
    write_lines(
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


def open_browser_sessions(sale: Sale) -> dict[str, str]:
    """The session key of a logged-in browser for each account, by the user's id."""
    keys = {}
    for user in User.objects.filter(rehearsal=sale.slug):
        session = app_tokens.new_session_of(user)
        session.save()
        keys[str(user.pk)] = session.session_key
    return keys


def end_sessions(sale: Sale) -> None:
    for account in sale.accounts:
        app_tokens.revoke_tokens(account.access)
