"""Random sales compared with a plain-Python oracle (tests/model/oracle.py).

Each step is one request. The product must give the oracle's answer, result or refusal; after each
step every seat, reservation, ticket, balance and place in line must equal the oracle's state, and
the audit must find what the oracle predicts. `make model` runs longer sales than the suite.
"""

import datetime as dt
import json
import os
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from math import ceil
from pathlib import Path
from random import Random
from typing import Any, TypeVar
from unittest import mock

import pytest
import redis
from django.apps import apps
from django.conf import settings as django_settings
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, note, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from accounts.gateway import GatewayAnswer, SandboxGateway
from accounts.models import User
from accounts.services import account_deletion, charges, idempotency
from accounts.services.charges import charge, settle_pending_charges
from accounts.services.idempotency import AnsweredBefore, IdempotentRequest, hash_request
from concertbook.db.clock import database_now
from concertbook.errors import DomainError
from concerts import business_days
from concerts.models import Concert, ConcertSchedule, Seat
from concerts.services import schedule_rules, seat_editing, seat_states
from operations.services.audit import run_audit
from payments.models import CheckIn, Reservation
from payments.services import (
    check_ins,
    checkout,
    holds,
    releases,
    reservations,
    schedule_cancellation,
    ticket_cancellation,
    ticket_offers,
)
from queueing.models import WaitingRoom
from queueing.services import admission, index_build, join_and_leave, polling, rooms
from tests.factories import (
    PASSWORD,
    ConcertFactory,
    ScheduleFactory,
    StaffFactory,
    UserFactory,
    WaitingRoomFactory,
)
from tests.model import oracle as books
from tests.model.clock import advance_clock, at_once
from tests.model.oracle import Oracle, Refused

EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "60"))
STEPS = int(os.environ.get("MODEL_STEPS", "30"))
# `make model` plays several rounds of so many examples, side by side.
ROUNDS = int(os.environ.get("MODEL_ROUNDS", "1"))
# From the eleventh example on Hypothesis mostly varies earlier ones; a new round starts afresh.
AT_ONCE = 10

PRICES = (10_000, 10_000, 7_001, 7_001, 30_000)
KINDS = ("standard", "companion", "standard", "wheelchair", "standard")
NUMBERS = range(1, len(PRICES) + 1)
BUYERS = range(4)
KEYS = (None, None, "a", "b", "c")
AMOUNTS = (5_000, 5_000, 30_000, 100_000, books.DECLINED, 0, books.MOST + 1)
LADDERS: tuple[books.Ladder, ...] = (
    ((10, 0), (7, 10), (3, 20), (1, 30), (0, 90)),
    ((5, 0), (2, 33), (0, 100)),
)
MOVES = (*[books.STEP] * 6, *[2 * books.STEP] * 2, books.HOUR, books.DAY, 3 * books.DAY)
# When an operator may have a sale close, from now.
CLOSINGS = (-books.STEP, 0, 2 * books.STEP, *[3 * books.DAY] * 4)
# Two performances of one run, behind one room: one on sale for four days, whose seats cool
# down when they come back, and one for ten, whose sale opens a little later.
SCHEDULES = (
    {"limit": 2, "opens": -books.HOUR, "starts": 4 * books.DAY, "cooldown": books.COOLDOWN},
    {"limit": 3, "opens": books.STEP, "starts": 10 * books.DAY, "cooldown": 0},
)

# Hypothesis is fond of the number 0: with this it is the first of these.
SALT = 31
# The steps, each as often as it should be likely.
LIKELY = {
    "tick": 2,
    "join": 3,
    "poll": 1,
    "leave": 1,
    "lose_index": 1,
    "build_index": 2,
    "hold": 6,
    "hold_strangely": 1,
    "release": 1,
    "look": 1,
    # Holds also end at the next hold of their seat, and when their buyer leaves.
    "sweep_holds": 3,
    "begin_payment": 2,
    "pay": 5,
    "pay_again": 1,
    "quote": 1,
    "cancel": 3,
    "check_in": 1,
    "undo_check_in": 1,
    "offer": 3,
    "accept": 3,
    "decline": 1,
    "withdraw": 1,
    "end_offers": 1,
    "ask_for_deletion": 1,
    "undo_deletion": 1,
    "erase": 1,
    "charge": 2,
    "settle_pending_charges": 1,
    "forget_old_answers": 1,
    "pause_or_open": 1,
    "set_pace": 1,
    "change_sale": 1,
    "change_price": 1,
    "change_policy": 1,
    "cancel_schedule": 1,
    "refund_cancelled": 1,
    "advance_clock": 4,
}

# An example must take less than a minute of real time, as the pace of admission counts real
# minutes. On a machine that is too busy the remaining steps are skipped.
LONGEST = 40
# In however short a run.
MUST_SUCCEED = (
    *("join", "tick", "hold", "begin_payment", "pay", "cancel", "check_in", "sweep_holds"),
    *("offer", "ask_for_deletion"),
)
PERFORMANCES = range(len(SCHEDULES))
Thing = TypeVar("Thing")

# How often each rule ended how, over all examples.
covered: Counter[str] = Counter()


# The state in the database, times as seconds from now.
BOOKS = {
    "seats": """
        SELECT schedule_id, number, status, price, version,
               extract(epoch FROM coalesce(hold_expires_at, available_from) - clock_timestamp())
        FROM concerts_seat
    """,
    "reservations": "SELECT id, user_id, status, price FROM payments_reservation",
    "failures": "SELECT reservation_id, reason FROM payments_payment WHERE status = 'FAILED'",
    "tickets": "SELECT id, user_id, code, status, version, refund_policy FROM payments_ticket",
    "offers": "SELECT id, status FROM payments_ticketoffer",
    "accounts": """
        SELECT id, extract(epoch FROM closes_at - clock_timestamp()), deleted_at IS NOT NULL
        FROM accounts_user
    """,
    "refunds": """
        SELECT ticket.id, refund.amount, refund.fee, refund.compensation
        FROM payments_refund refund
        JOIN payments_payment payment ON payment.id = refund.payment_id
        JOIN payments_ticket ticket USING (reservation_id)
    """,
    "ledger": """
        SELECT balance.user_id, line.type, line.status, line.amount
        FROM accounts_balancehistory line
        JOIN accounts_balance balance ON balance.id = line.balance_id
        ORDER BY balance.id, line.seq
    """,
    "balances": "SELECT user_id, amount FROM accounts_balance",
    "line": """
        SELECT token, status,
               CASE status WHEN 'ACTIVE' THEN extract(epoch FROM expires_at - clock_timestamp()) END
        FROM queueing_queuetoken ORDER BY position
    """,
    "ends": "SELECT token_id, outcome, was_admitted FROM queueing_queueentryhistory",
}
Books = dict[str, list[Any]]


class Gateway(SandboxGateway):
    """Can be out of reach."""

    reachable = True

    def charge(self, *, charge_id: uuid.UUID, amount: int) -> GatewayAnswer:
        if not self.reachable:
            raise TimeoutError
        return super().charge(charge_id=charge_id, amount=amount)


class Sale(RuleBasedStateMachine):
    people: Sequence[User]
    staff: Any
    room: Any
    schedules: Sequence[ConcertSchedule]

    @initialize(ladder=st.sampled_from(LADDERS), poor=st.sampled_from((None, *BUYERS)))
    def open_the_room(self, ladder: books.Ladder, poor: int | None) -> None:
        schedules = [books.Schedule(closes=each["starts"], **each) for each in SCHEDULES]
        self.oracle = Oracle(len(BUYERS), schedules, PRICES, KINDS)
        self.oracle.ladder = ladder
        self.steps, self.until = 0, time.monotonic() + LONGEST
        at_once(*forget_everything(), *map(as_new, self.people), *begin_again(self.oracle))
        redis.Redis.from_url(django_settings.REDIS_URL).flushdb()
        # Of the sale before, whose rows are gone without a line in their history.
        seat_states._copies.clear()
        for seat in Seat.objects.all():
            self.oracle.seats[self.which(str(seat.schedule_id)), seat.number].id = seat.pk
        starts = ConcertSchedule.objects.in_bulk([each.pk for each in self.schedules])
        self.starts = [starts[each.pk].start_at for each in self.schedules]
        for buyer in BUYERS:
            if buyer != poor:
                self._charge(buyer, 100_000, None)
        self.build_index()
        for buyer in BUYERS[:2]:
            self._join(buyer)

    @rule(number=st.integers(0, 2**32 - 1))
    def step(self, number: int) -> None:
        """One number decides all of a step, so that a step copied elsewhere is still one."""
        if time.monotonic() > self.until:
            return
        self.chance, oracle = Random(number + SALT), self.oracle
        there = {
            "poll": oracle.room.line,
            "leave": oracle.room.line,
            "release": oracle.reservations,
            "begin_payment": oracle.reservations,
            "pay": oracle.reservations,
            "pay_again": self.payments_under_keys(),
            "quote": oracle.tickets,
            "cancel": oracle.tickets,
            "check_in": oracle.tickets,
            "undo_check_in": self.tickets_let_in(),
            "offer": oracle.tickets,
            "accept": oracle.offers(),
            "decline": oracle.offers(),
            "withdraw": oracle.tickets,
            # The others are logged out, and at least two go on.
            "ask_for_deletion": self.buyers[2:],
            "undo_deletion": oracle.closing,
        }
        possible = [name for name in LIKELY if there.get(name, True)]
        (name,) = self.chance.choices(possible, [LIKELY[name] for name in possible])
        getattr(self, name)()

    @property
    def buyers(self) -> list[int]:
        """Those who can log in, and have not asked for the end of their account."""
        gone = self.oracle.closing.keys() | self.oracle.deleted
        return [buyer for buyer in BUYERS if buyer not in gone]

    def owner_mostly(self, owner: int) -> int:
        """Or another buyer; another one in any case when the owner has gone."""
        return self.mostly([buyer for buyer in self.buyers if buyer == owner], self.buyers)

    def pick(self, things: Sequence[Thing]) -> Thing:
        return self.chance.choice(things)

    def mostly(self, likely: Sequence[Thing], anything: Sequence[Thing]) -> Thing:
        """Usually one of the likely values, if there are any, and sometimes any value."""
        return self.pick(likely if likely and self.chance.random() < 0.9 else anything)

    def pick_some(self, things: Sequence[Thing], most: int) -> list[Thing]:
        return self.chance.sample(things, min(len(things), self.chance.randint(1, most)))

    # --- Asking both, and comparing --------------------------------------------------------------

    def ask(self, name: str, act: Callable[[], Any], foretell: Callable[[], Any]) -> Any:
        """Compare the answers of product and oracle; None when both refuse with the same code."""
        expected = outcome_of(foretell, Refused, books.AnsweredBefore)
        answer = outcome_of(act, DomainError, AnsweredBefore, ValidationError)
        said, foretold = name_of(answer), name_of(expected)
        covered[f"{name}: {said}"] += 1
        note(f"{name}: {said}")
        assert said == foretold, f"{name}: {said}, should be {foretold}"
        if isinstance(answer, AnsweredBefore):
            assert answer.answer == expected.answer
        return None if isinstance(answer, Exception) else (answer, expected)

    def once(self, user: int, key: str | None, *request: Any) -> IdempotentRequest | None:
        if key is None:
            return None
        return IdempotentRequest(
            user=self.people[user], key=key, request_hash=hash_request(request), render=render
        )

    def keep(self, user: int, key: str | None, once: IdempotentRequest | None) -> None:
        if key and once:
            self.oracle.saved[user, key].answer = once.answer

    # --- The line --------------------------------------------------------------------------------

    def join(self) -> None:
        outside = [buyer for buyer in self.buyers if not self.oracle.position_of(buyer)]
        self._join(self.mostly(outside, self.buyers))

    def _join(self, buyer: int) -> None:
        both = self.ask(
            "join",
            lambda: join_and_leave.join(user=self.people[buyer], slug=self.room.slug),
            lambda: self.oracle.join(buyer),
        )
        (place, is_new), (foretold, foretold_new) = both
        if foretold_new:
            foretold.id = place.token
        assert (place.token, is_new) == (foretold.id, foretold_new)
        assert (place.status, place.ahead) == self.oracle.poll(buyer, foretold)

    def poll(self) -> None:
        theirs = self.mostly(self.live_positions(), self.oracle.room.line)
        buyer = self.owner_mostly(theirs.user)
        both = self.ask(
            "poll",
            lambda: polling.get_position(user=self.people[buyer], token=theirs.id),
            lambda: self.oracle.poll(buyer, theirs),
        )
        if both:
            place, foretold = both
            assert (place.status, place.ahead) == foretold

    def live_positions(self) -> list[books.QueuePosition]:
        return [place for place in self.oracle.room.line if place.state != "EXPIRED"]

    def leave(self) -> None:
        theirs = self.mostly(self.live_positions(), self.oracle.room.line)
        buyer = self.owner_mostly(theirs.user)
        self.ask(
            "leave",
            lambda: join_and_leave.leave(user=self.people[buyer], token=theirs.id),
            lambda: self.oracle.leave(buyer, theirs),
        )

    def tick(self) -> None:
        let_in, foretold = self.ask(
            "tick", lambda: admission.admit(room_id=self.room.pk), self.oracle.tick
        )
        assert let_in == foretold

    def lose_index(self) -> None:
        redis.Redis.from_url(django_settings.REDIS_URL).flushdb()
        self.oracle.lose_index()

    def build_index(self) -> None:
        built, foretold = self.ask(
            "build_index", index_build.build_missing, self.oracle.build_index
        )
        assert built == foretold

    # --- Holding ---------------------------------------------------------------------------------

    def hold(self) -> None:
        which, numbers = self.pick(PERFORMANCES), self.pick_some(NUMBERS, 2)
        inside = {place.user for place in self.oracle.room.those("ACTIVE")}
        buyers = [buyer for buyer in self.buyers if buyer in inside]
        self._hold(self.mostly(buyers, self.buyers), which, numbers, None)

    def hold_strangely(self) -> None:
        """With a token, maybe another's, and seats that may be named twice or not there."""
        buyer, which, numbers = (
            self.pick(self.buyers),
            self.pick(PERFORMANCES),
            self.chance.choices((*NUMBERS, 99), k=2),
        )
        line = self.oracle.room.line
        self._hold(buyer, which, numbers, self.pick([None, *line]))

    def _hold(
        self, buyer: int, which: int, numbers: list[int], place: books.QueuePosition | None
    ) -> None:
        both = self.ask(
            "hold",
            lambda: self._hold_seats(buyer, which, numbers, place),
            lambda: self.oracle.hold(buyer, which, numbers, place),
        )
        if both:
            for reservation, foretold in zip(*both, strict=True):
                foretold.id = reservation.pk
                assert reservation.seat.number == foretold.seat.number

    def _hold_seats(
        self, buyer: int, which: int, numbers: list[int], place: books.QueuePosition | None
    ) -> list[Reservation]:
        try:
            return holds.hold_seats(
                user=self.people[buyer],
                schedule_id=self.schedules[which].pk,
                numbers=numbers,
                token=place.id if place else None,
            )
        except holds.SeatTaken as taken:
            # As many others as there are, up to as many as were wanted.
            nearest: Any = taken.extra["nearest"]
            assert len(nearest) == self.oracle.count_alike(which, numbers)
            assert all(self.oracle.is_free(self.oracle.seats[which, each]) for each in nearest)
            raise

    def release(self) -> None:
        theirs = self.mostly(self.holds(), self.oracle.reservations)
        buyer = self.owner_mostly(theirs.user)
        self.ask(
            "release",
            lambda: releases.release_reservation(user=self.people[buyer], reservation_id=theirs.id),
            lambda: self.oracle.release(buyer, theirs),
        )

    def holds(self) -> list[books.Reservation]:
        return [each for each in self.oracle.reservations if each.state == "HOLD"]

    def look(self) -> None:
        buyer = self.pick(self.buyers)
        mine, foretold = self.ask(
            "look",
            lambda: list(reservations.my_reservations(user=self.people[buyer])),
            lambda: self.oracle.look(buyer),
        )
        assert {each.pk: each.status for each in mine} == {each.id: each.state for each in foretold}

    def sweep_holds(self) -> None:
        swept, foretold = self.ask(
            "sweep_holds", releases.release_expired_holds, self.oracle.sweep_holds
        )
        assert swept == foretold

    # --- Paying ----------------------------------------------------------------------------------

    def begin_payment(self) -> None:
        buyer, cart = self.a_cart()
        both = self.ask(
            "begin_payment",
            lambda: checkout.begin_payment(
                user=self.people[buyer], reservation_ids=[each.id for each in cart]
            ),
            lambda: self.oracle.begin_payment(buyer, cart),
        )
        if both:
            ends, foretold = both
            assert in_steps((ends - database_now()).total_seconds()) == foretold

    def a_cart(self) -> tuple[int, list[books.Reservation]]:
        """A buyer, and usually all of their holds, sometimes any holds."""
        theirs = self.mostly(self.holds(), self.oracle.reservations)
        held = [each for each in self.holds() if each.user == theirs.user]
        # Of two ended holds of one seat either refusal may come.
        some = {each.seat: each for each in self.pick_some(self.oracle.reservations, 3)}
        anything = list(some.values())
        return self.owner_mostly(theirs.user), self.mostly([held or [theirs]], [anything])

    def pay(self) -> None:
        buyer, cart = self.a_cart()
        self._pay(buyer, cart, self.pick(KEYS))

    def _pay(self, buyer: int, cart: list[books.Reservation], key: str | None) -> None:
        ids = sorted(str(each.id) for each in cart)
        once = self.once(buyer, key, "pay", ids)
        both = self.ask(
            "pay",
            lambda: checkout.pay_reservations(
                user=self.people[buyer],
                reservation_ids=[uuid.UUID(each) for each in ids],
                once=once,
            ),
            lambda: self.oracle.pay(buyer, cart, key),
        )
        if both:
            receipt, tickets = both
            self.keep(buyer, key, once)
            for ticket, foretold in zip(receipt.tickets, tickets, strict=True):
                foretold.id, foretold.code = ticket.pk, ticket.code
                assert ticket.reservation_id == foretold.reservation.id
            assert receipt.balance == self.oracle.purses[buyer].balance

    def pay_again(self) -> None:
        """A client that did not hear the answer asks again."""
        (buyer, key), ids = self.pick(self.payments_under_keys())
        self._pay(buyer, [each for each in self.oracle.reservations if str(each.id) in ids], key)

    def payments_under_keys(self) -> list[Any]:
        saved = self.oracle.saved.items()
        return [
            (key, each.request[1])
            for key, each in saved
            if each.request[0] == "pay" and key[0] in self.buyers
        ]

    # --- Tickets ---------------------------------------------------------------------------------

    def quote(self) -> None:
        buyer, ticket = self.a_ticket()
        both = self.ask(
            "quote",
            lambda: ticket_cancellation.quote_refund(user=self.people[buyer], ticket_id=ticket.id),
            lambda: self.oracle.quote(buyer, ticket, self.days_left(ticket)),
        )
        if both:
            quote, foretold = both
            assert (quote.amount, quote.fee, quote.compensation) == foretold

    def a_ticket(self) -> tuple[int, books.Ticket]:
        """Mostly a live one and its holder."""
        live = [each for each in self.oracle.tickets if each.state == "ISSUED"]
        ticket = self.mostly(live, self.oracle.tickets)
        return self.owner_mostly(ticket.holder), ticket

    def days_left(self, ticket: books.Ticket) -> int:
        """Between the dates of today and of the show, where the venue is."""
        which = self.oracle.schedules.index(ticket.reservation.schedule)
        start = self.starts[which] - dt.timedelta(seconds=self.oracle.now)
        return (timezone.localdate(start) - timezone.localdate(database_now())).days

    def cancel(self) -> None:
        (buyer, ticket), key = self.a_ticket(), self.pick(KEYS)
        once = self.once(buyer, key, "cancel", str(ticket.id))
        both = self.ask(
            "cancel",
            lambda: ticket_cancellation.cancel_ticket(
                user=self.people[buyer], ticket_id=ticket.id, once=once
            ),
            lambda: self.oracle.cancel(buyer, ticket, self.days_left(ticket), key),
        )
        if both:
            refund, foretold = both
            self.keep(buyer, key, once)
            assert (refund.amount, refund.fee, refund.compensation) == foretold

    def check_in(self) -> None:
        ticket = self.pick(self.oracle.tickets)
        own = self.oracle.schedules.index(ticket.reservation.schedule)
        which = self.mostly([own], PERFORMANCES)
        code = self.mostly([ticket.code], [ticket.code, *ticket.old_codes])
        self.ask(
            "check_in",
            lambda: check_ins.check_in(
                code=code, schedule_id=self.schedules[which].pk, by=self.staff
            ),
            lambda: self.oracle.check_in(ticket, code, which),
        )

    def undo_check_in(self) -> None:
        ticket = self.pick(self.tickets_let_in())
        last = CheckIn.objects.filter(ticket=ticket.id).latest("checked_in_at")
        self.ask(
            "undo_check_in",
            lambda: check_ins.undo_check_in(check_in_id=last.pk, by=self.staff, reason="mistaken"),
            lambda: self.oracle.undo_check_in(ticket),
        )

    def tickets_let_in(self) -> list[books.Ticket]:
        return [ticket for ticket in self.oracle.tickets if ticket.used is not None]

    # --- Handing on ------------------------------------------------------------------------------

    def offer(self) -> None:
        (giver, ticket), receiver = self.a_ticket(), self.pick(self.buyers)
        both = self.ask(
            "offer",
            lambda: ticket_offers.offer_ticket(
                user=self.people[giver], ticket_id=ticket.id, email=str(self.people[receiver].email)
            ),
            lambda: self.oracle.offer(giver, ticket, receiver),
        )
        if both:
            offer, foretold = both
            foretold.id = foretold.id or offer.pk
            assert offer.pk == foretold.id

    def accept(self) -> None:
        user, offer = self.an_offer()
        both = self.ask(
            "accept",
            lambda: ticket_offers.accept_offer(user=self.people[user], offer_id=offer.id),
            lambda: self.oracle.accept(user, offer),
        )
        if both:
            ticket, foretold = both
            assert ticket.pk == foretold.id
            assert ticket.code not in foretold.old_codes
            foretold.code = ticket.code

    def decline(self) -> None:
        user, offer = self.an_offer()
        self.ask(
            "decline",
            lambda: ticket_offers.decline_offer(user=self.people[user], offer_id=offer.id),
            lambda: self.oracle.decline(user, offer),
        )

    def an_offer(self) -> tuple[int, books.Offer]:
        """Mostly an open one and its receiver."""
        offers = self.oracle.offers()
        offer = self.mostly([each for each in offers if each.state == "OPEN"], offers)
        return self.owner_mostly(offer.to), offer

    def withdraw(self) -> None:
        user, ticket = self.a_ticket()
        self.ask(
            "withdraw",
            lambda: ticket_offers.withdraw_offer(user=self.people[user], ticket_id=ticket.id),
            lambda: self.oracle.withdraw(user, ticket),
        )

    def end_offers(self) -> None:
        ended, foretold = self.ask("end_offers", ticket_offers.end_offers, self.oracle.end_offers)
        assert ended == foretold

    # --- The end of an account -------------------------------------------------------------------

    def ask_for_deletion(self) -> None:
        # Mostly one of whom it could be true.
        poor = [buyer for buyer in self.buyers if not self.oracle.purses[buyer].lines]
        buyer = self.pick([*poor, *self.buyers])
        give_up = self.mostly([self.oracle.purses[buyer].balance], [0])
        both = self.ask(
            "ask_for_deletion",
            lambda: account_deletion.request_deletion(
                user=self.people[buyer], password=PASSWORD, give_up=give_up
            ),
            lambda: self.oracle.ask_for_deletion(buyer, give_up),
        )
        if both:
            closes_at, foretold = both
            left = (closes_at - database_now()).total_seconds()
            assert in_steps(left) == foretold - self.oracle.now

    def undo_deletion(self) -> None:
        buyer = self.pick(sorted(self.oracle.closing))
        kept, foretold = self.ask(
            "undo_deletion",
            lambda: account_deletion.undo_deletion(user=self.people[buyer]),
            lambda: self.oracle.undo_deletion(buyer),
        )
        assert kept == foretold

    def erase(self) -> None:
        erased, foretold = self.ask("erase", account_deletion.erase_due_accounts, self.oracle.erase)
        assert erased == foretold

    # --- Money -----------------------------------------------------------------------------------

    def charge(self) -> None:
        buyer, amount, key = self.pick(self.buyers), self.pick(AMOUNTS), self.pick(KEYS)
        self._charge(buyer, amount, key, gateway=self.pick((True, True, False)))

    def _charge(self, buyer: int, amount: int, key: str | None, *, gateway: bool = True) -> None:
        once = self.once(buyer, key, "charge", amount)
        with mock.patch.object(Gateway, "reachable", gateway):
            both = self.ask(
                "charge",
                lambda: charge(user=self.people[buyer], amount=amount, once=once),
                lambda: self.oracle.charge(buyer, amount, key, gateway=gateway),
            )
        if both:
            line, balance_after = both
            self.keep(buyer, key, once)
            assert line.balance_after == balance_after

    def settle_pending_charges(self) -> None:
        settled, foretold = self.ask(
            "settle_pending_charges", settle_pending_charges, self.oracle.settle_pending_charges
        )
        assert settled == foretold

    def forget_old_answers(self) -> None:
        forgotten, foretold = self.ask(
            "forget_old_answers", idempotency.forget_old_answers, self.oracle.forget_old_answers
        )
        assert forgotten == foretold

    # --- The operator ----------------------------------------------------------------------------

    def pause_or_open(self) -> None:
        if self.oracle.room.open and self.chance.random() < 0.7:
            return
        name = "pause" if self.oracle.room.open else "open"
        act = rooms.pause_room if self.oracle.room.open else rooms.open_room
        self.ask(name, lambda: act(room_id=self.room.pk), getattr(self.oracle, name))

    def set_pace(self) -> None:
        pace = self.chance.randint(1, 4)
        # A lowered capacity ends no admission: the room is over its capacity for a while.
        capacity = max(2, len(self.oracle.room.those("ACTIVE"))) + self.chance.randint(0, 2)
        self.ask(
            "set_pace",
            lambda: rooms.set_pace(room_id=self.room.pk, admit_per_minute=pace, capacity=capacity),
            lambda: self.oracle.set_pace(pace=pace, capacity=capacity),
        )

    def change_sale(self) -> None:
        which, limit = self.pick(PERFORMANCES), self.chance.randint(1, 4)
        foretold = self.oracle.schedules[which]
        closes = self.oracle.now + self.pick(CLOSINGS)
        if not foretold.opens < closes < foretold.starts:
            closes = foretold.closes
        self.ask(
            "change_sale",
            lambda: self._change_sale(which, limit, closes),
            lambda: self.oracle.change_sale(which, limit=limit, closes=closes),
        )

    @transaction.atomic
    def _change_sale(self, which: int, limit: int, closes: int) -> None:
        schedule = self.schedules[which]
        schedule.refresh_from_db()
        schedule.reserve_until = database_now() + dt.timedelta(seconds=closes - self.oracle.now)
        schedule.purchase_limit = limit
        schedule_rules.require_sale_kept(
            schedule_id=schedule.pk,
            reserve_from=schedule.reserve_from,
            reserve_until=schedule.reserve_until,
            purchase_limit=limit,
        )
        schedule.save(update_fields=["reserve_until", "purchase_limit"])

    def change_price(self) -> None:
        which, number = self.pick(PERFORMANCES), self.pick(NUMBERS)
        seat = Seat.objects.get(schedule=self.schedules[which], number=number)
        price = self.chance.randint(1, 60_000)
        details = seat_editing.SeatDetails(label=str(number), section="", grade="", price=price)
        self.ask(
            "change_price",
            lambda: seat_editing.edit_seat(seat_id=seat.pk, details=details),
            lambda: self.oracle.change_price(which, number, price),
        )

    def change_policy(self) -> None:
        ladder = self.pick(LADDERS)
        self.oracle.ladder = ladder
        Concert.objects.update(refund_policy=policy(ladder), refund_policy_reason="dear")

    def cancel_schedule(self) -> None:
        # Rarely: after a cancellation little can happen.
        which, seldom = self.pick(PERFORMANCES), self.chance.randint(0, 3)
        if seldom:
            return
        causes = ConcertSchedule.CancelCause
        cause = self.pick(list(causes))
        first, foretold = self.ask(
            "cancel_schedule",
            lambda: schedule_cancellation.cancel_schedule(
                schedule_id=self.schedules[which].pk, by=self.staff, cause=cause
            ),
            lambda: self.oracle.cancel_schedule(which, at_fault=cause == causes.ORGANISER),
        )
        assert first == foretold

    def refund_cancelled(self) -> None:
        freed, foretold = self.ask(
            "refund_cancelled",
            schedule_cancellation.refund_cancelled_schedules,
            self.oracle.refund_cancelled,
        )
        assert freed == foretold

    def advance_clock(self) -> None:
        seconds = self.pick(MOVES)
        advance_clock(seconds, room_id=self.room.pk)
        self.oracle.advance_clock(seconds)
        covered[f"advance_clock: {seconds}"] += 1

    # --- The books -------------------------------------------------------------------------------

    @invariant()
    def the_books_agree(self) -> None:
        found = read_books()
        self.seats_agree(found)
        self.reservations_agree(found)
        self.tickets_agree(found)
        self.money_agrees(found)
        self.accounts_agree(found)
        self.line_agrees(found)
        # It costs as much as two steps.
        self.steps += 1
        if self.steps % 10 == 0:
            self.audit_agrees()

    def seats_agree(self, found: Books) -> None:
        seats = {
            (self.which(schedule), number): (status, price, version, in_steps(seconds))
            for schedule, number, status, price, version, seconds in found["seats"]
        }
        assert seats == {
            place: (seat.state, seat.price, seat.changes, self.seconds_not_free(seat))
            for place, seat in self.oracle.seats.items()
        }

    def which(self, schedule: str) -> int:
        return [str(each.pk) for each in self.schedules].index(schedule)

    def seconds_not_free(self, seat: books.Seat) -> int:
        """Until the hold or the cooldown is over."""
        held = seat.reservation.ends if seat.state == "HELD" and seat.reservation else 0
        return max(0, max(held, seat.cooldown_until) - self.oracle.now)

    def reservations_agree(self, found: Books) -> None:
        assert set(found["reservations"]) == {
            (str(each.id), self.buyer_id(each.user), each.state, each.price)
            for each in self.oracle.reservations
        }
        assert Counter(found["failures"]) == Counter(
            (str(each.id), reason) for each in self.oracle.reservations for reason in each.failures
        )

    def tickets_agree(self, found: Books) -> None:
        tickets = self.oracle.tickets
        assert set(found["tickets"]) == {
            (
                str(each.id),
                self.buyer_id(each.holder),
                each.code,
                each.state,
                each.version,
                policy(each.ladder),
            )
            for each in tickets
        }
        assert set(found["offers"]) == {(str(each.id), each.state) for each in self.oracle.offers()}
        assert set(found["refunds"]) == {
            (str(each.id), *each.refund) for each in tickets if each.refund
        }

    def money_agrees(self, found: Books) -> None:
        ledgers: dict[str, list[Any]] = {self.buyer_id(buyer): [] for buyer in BUYERS}
        for user, *line in found["ledger"]:
            ledgers[user].append(tuple(line))
        purses = {self.buyer_id(buyer): purse for buyer, purse in self.oracle.purses.items()}
        assert ledgers == {buyer: purse.lines for buyer, purse in purses.items()}
        balances = dict.fromkeys(purses, 0) | dict(found["balances"])
        assert balances == {buyer: purse.balance for buyer, purse in purses.items()}

    def buyer_id(self, buyer: int) -> str:
        return str(self.people[buyer].pk)

    def accounts_agree(self, found: Books) -> None:
        accounts = {user: (in_steps(left), deleted) for user, left, deleted in found["accounts"]}
        closing = self.oracle.closing
        for buyer in BUYERS:
            left = max(0, closing.get(buyer, 0) - self.oracle.now)
            assert accounts[self.buyer_id(buyer)] == (left, buyer in self.oracle.deleted)

    def line_agrees(self, found: Books) -> None:
        line = [(token, status, in_steps(seconds)) for token, status, seconds in found["line"]]
        assert line == [
            (str(each.id), each.state, self.seconds_inside(each)) for each in self.oracle.room.line
        ]
        assert set(found["ends"]) == {
            (str(each.id), each.outcome, each.admitted is not None)
            for each in self.oracle.room.line
            if each.outcome
        }

    def seconds_inside(self, place: books.QueuePosition) -> int:
        return max(0, (place.ends or 0) - self.oracle.now) if place.state == "ACTIVE" else 0

    def audit_agrees(self) -> None:
        found = Counter({each.check.name: each.violations for each in run_audit()})
        assert +found == self.oracle.findings()

    def teardown(self) -> None:
        self.audit_agrees()


def read_books() -> Books:
    """The whole state in one round trip, ids as text."""
    lists = (f"(SELECT coalesce(json_agg(one), '[]') FROM ({sql}) one)" for sql in BOOKS.values())
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(lists)}")
        found = cursor.fetchone()
    return {
        name: [tuple(one.values()) for one in ones] for name, ones in zip(BOOKS, found, strict=True)
    }


# Kept from example to example, and reset when one begins.
FIXTURES = (User, WaitingRoom, Concert, ConcertSchedule, Seat)


def forget_everything() -> list[str]:
    return [
        f"DELETE FROM {model._meta.db_table}"
        for app in ("accounts", "concerts", "queueing", "payments", "operations")
        for model in apps.get_app_config(app).get_models()
        if model not in FIXTURES
    ]


def as_new(person: User) -> str:
    """Its account is there again, as at first."""
    person.closes_at = None
    return (
        f"UPDATE accounts_user SET email = '{person.email}', email_verified_at = now(),"
        f" name = '{person.name}', password = '{person.password}', is_active = true,"
        f" closes_at = NULL, deleted_at = NULL WHERE id = '{person.pk}'"
    )


def begin_again(oracle: Oracle) -> list[str]:
    room = oracle.room
    return [
        f"UPDATE queueing_waitingroom SET state = 'OPEN', capacity = {room.capacity},"
        f" admit_per_minute = {room.pace}",
        f"UPDATE concerts_concert SET refund_policy = '{policy(oracle.ladder)}'",
        *(
            f"UPDATE concerts_concertschedule SET purchase_limit = {each.limit},"
            f" reserve_from = now() + interval '{each.opens} seconds',"
            f" reserve_until = now() + interval '{each.closes} seconds',"
            f" start_at = now() + interval '{each.starts} seconds',"
            f" end_at = now() + interval '{each.starts + books.HOUR} seconds',"
            " cancelled_at = NULL, cancelled_by_id = NULL, cancel_reason = '', cancel_cause = ''"
            f" WHERE cooldown_seconds = {each.cooldown}"
            for each in oracle.schedules
        ),
        "UPDATE concerts_seat SET status = 'AVAILABLE', held_by_id = NULL, hold_expires_at = NULL,"
        " available_from = NULL, version = 0",
        *(
            f"UPDATE concerts_seat SET price = {price} WHERE number = {number}"
            for number, price in zip(NUMBERS, PRICES, strict=True)
        ),
    ]


def make_schedule(concert: Any, each: dict[str, int]) -> ConcertSchedule:
    schedule: ConcertSchedule = ScheduleFactory.create(
        concert=concert,
        seats=0,
        cooldown_seconds=each["cooldown"],
        doors_open_minutes=books.DOORS_OPEN_BEFORE // 60,
        hand_on_minutes=books.HAND_ON_BEFORE // 60,
    )
    Seat.objects.bulk_create(
        Seat(
            schedule=schedule,
            number=number,
            seat_in_row=number,
            price=price,
            kind=kind,
            label=str(number),
        )
        for number, price, kind in zip(NUMBERS, PRICES, KINDS, strict=True)
    )
    return schedule


def policy(ladder: books.Ladder) -> str:
    return " ".join(f"{days}:{percent}" for days, percent in ladder)


def outcome_of(call: Callable[[], Any], *refusals: type[Exception]) -> Any:
    try:
        return call()
    except refusals as refusal:
        return refusal


def name_of(outcome: Any) -> str:
    if isinstance(outcome, Refused):
        return str(outcome)
    if isinstance(outcome, Exception):
        return type(outcome).__name__
    return "nothing to do" if type(outcome) in (int, bool) and not outcome else "done"


def render(result: Any) -> bytes:
    """Every answer is different, so that a repeated one is recognized by its bytes."""
    return json.dumps([type(result).__name__, str(uuid.uuid4())]).encode()


def in_steps(seconds: float | None) -> int:
    """The time left, as the oracle counts it; 0 for what is over, or has no end."""
    return max(0, ceil(float(seconds or 0) / books.STEP) * books.STEP)


@pytest.fixture
def _as_the_oracle_thinks(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.HOLD_SECONDS = books.HOLD
    settings.PAYMENT_SECONDS = books.PAYMENT
    settings.GIVEN_UP_PER_HOUR = books.GIVEN_UP_PER_HOUR
    settings.CHARGE_MAX_WON = books.MOST
    settings.HAND_ONS_PER_TICKET = books.HAND_ONS
    settings.OFFERS_PER_HOUR = books.OFFERS_PER_HOUR
    settings.DELETION_GRACE_DAYS = books.GRACE // books.DAY
    settings.PAYMENT_GATEWAY = f"{__name__}.Gateway"
    # Each seat's cooldown takes its longest, and the table answers every poll.
    monkeypatch.setattr(Random, "uniform", lambda _self, _least, most: most)
    monkeypatch.setattr(polling.budget, "per_second", 1_000_000)
    monkeypatch.setattr(business_days, "is_business_day", lambda _day: True)
    monkeypatch.setattr(account_deletion, "take", lambda *_counters: None)
    monkeypatch.setattr(charges, "SETTLE_AFTER", dt.timedelta(seconds=books.STEP))


@pytest.fixture
def sale(transactional_db: None, _as_the_oracle_thinks: None, fresh: None) -> type[Sale]:
    class ThisSale(Sale):
        people = UserFactory.create_batch(len(BUYERS))
        staff = StaffFactory()
        room = WaitingRoomFactory(active_seconds=books.INSIDE, idle_seconds=books.IDLE)

    concert = ConcertFactory(waiting_room=ThisSale.room)
    ThisSale.schedules = [make_schedule(concert, each) for each in SCHEDULES]
    return ThisSale


@pytest.mark.parametrize("number", range(1, ROUNDS + 1))
def test_a_sale_goes_as_the_oracle_predicts(number: int, sale: type[Sale]) -> None:
    covered.clear()
    for first in range(0, EXAMPLES, AT_ONCE):
        play(seed(number * 1_000 + first)(sale))
    write_report(number)
    # A run with refusals only would prove nothing.
    assert {f"{name}: done" for name in MUST_SUCCEED} <= set(covered)


def play(sale: type[Sale]) -> None:
    run_state_machine_as_test(
        sale,
        settings=settings(
            max_examples=AT_ONCE,
            stateful_step_count=STEPS,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def write_report(number: int) -> None:
    """How often what was seen, for tests/model/report.py to add up."""
    if folder := os.environ.get("MODEL_REPORT"):
        figures = {"examples": EXAMPLES, "steps": STEPS, "covered": covered}
        Path(folder, f"{number}.json").write_text(json.dumps(figures))
