"""A whole sale played at random against a plain-Python oracle (tests/model/oracle.py).

Each step is one request. The product must answer as the oracle does, result or refusal; after each
step every seat, reservation, ticket, won and place in line must be as in the oracle's books, and
the audit must find what the oracle says it finds. `make model` plays longer than the suite does.
"""

import datetime as dt
import json
import os
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from math import ceil
from random import Random
from typing import Any
from unittest import mock

import pytest
import redis
from django.apps import apps
from django.conf import settings as django_settings
from django.core.exceptions import ValidationError
from django.utils import timezone
from hypothesis import HealthCheck, event, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from accounts import idempotency
from accounts.gateway import GatewayAnswer, SandboxGateway
from accounts.idempotency import AnsweredBefore, Once
from accounts.models import Balance, BalanceHistory, User
from accounts.services import charge, settle_pending_charges
from concertbook.clock import database_now
from concertbook.errors import DomainError
from concerts.models import Concert, Seat
from concerts.services import operating, seating
from payments.models import Payment, Refund, Reservation, Ticket
from payments.services import cancellations, checkout, door, holds, schedule_cancellation
from payments.services.audit import run_audit
from queueing.models import QueueEntryHistory, QueueToken, WaitingRoom
from queueing.services import admission, index, places, polling, rooms
from tests.factories import (
    ConcertFactory,
    ScheduleFactory,
    StaffFactory,
    UserFactory,
    WaitingRoomFactory,
)
from tests.model import oracle as books
from tests.model.clock import at_once, pass_time
from tests.model.oracle import Oracle, Refused

EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "30"))
STEPS = int(os.environ.get("MODEL_STEPS", "30"))
SEED = int(os.environ.get("MODEL_SEED", "1"))

PRICES = (10_000, 10_000, 7_001, 7_001, 30_000)
NUMBERS = range(1, len(PRICES) + 1)
FANS = range(4)
KEYS = ("a", "b")
LADDERS: tuple[books.Ladder, ...] = (
    ((10, 0), (7, 10), (3, 20), (1, 30), (0, 90)),
    ((5, 0), (2, 33), (0, 100)),
)
MOVES = (books.STEP, books.STEP, 2 * books.STEP, books.HOUR, books.DAY, 3 * books.DAY)
# Two performances of one run, behind one room: one on sale for four days, one for ten whose sale
# opens a little later and whose seats rest when they come back.
SCHEDULES = (
    {"limit": 2, "opens": -books.HOUR, "starts": 4 * books.DAY, "rests": 0},
    {"limit": 3, "opens": 2 * books.STEP, "starts": 10 * books.DAY, "rests": books.REST},
)

fans = st.sampled_from(FANS)
performances = st.sampled_from(range(len(SCHEDULES)))
keys = st.sampled_from((None, *KEYS))

# How often each rule ended how, over all examples.
covered: Counter[str] = Counter()


class Gateway(SandboxGateway):
    """Can be out of reach."""

    reachable = True

    def charge(self, *, charge_id: uuid.UUID, amount: int) -> GatewayAnswer:
        if not self.reachable:
            raise TimeoutError
        return super().charge(charge_id=charge_id, amount=amount)


class Sale(RuleBasedStateMachine):
    people: Sequence[User]
    staff: User
    room: WaitingRoom

    @initialize(ladder=st.sampled_from(LADDERS), wallets=st.tuples(*[st.booleans()] * len(FANS)))
    def open_the_doors(self, ladder: books.Ladder, wallets: Sequence[bool]) -> None:
        at_once(*(f"DELETE FROM {table}" for table in TOUCHED))
        redis.Redis.from_url(django_settings.REDIS_URL).flushdb()
        self._build(ladder)
        for fan, rich in zip(FANS, wallets, strict=True):
            if rich:
                self.charge(fan, 50_000, None, gateway=True)
        self.build_index()
        for fan in FANS[:2]:
            self.join(fan)

    def _build(self, ladder: books.Ladder) -> None:
        now = database_now()
        schedules = [
            books.Schedule(closes=schedule["starts"], **schedule) for schedule in SCHEDULES
        ]
        self.oracle = Oracle(len(FANS), schedules, PRICES)
        self.oracle.ladder = ladder
        WaitingRoom.objects.update(
            state=WaitingRoom.State.OPEN,
            capacity=self.oracle.room.capacity,
            admit_per_minute=self.oracle.room.pace,
        )
        concert = ConcertFactory(waiting_room=self.room, refund_policy=policy(ladder))
        self.starts = [now + dt.timedelta(seconds=each.starts) for each in schedules]
        self.schedules = [
            ScheduleFactory(
                concert=concert,
                seats=0,
                purchase_limit=each.limit,
                rest_seconds=each.rests,
                reserve_from=now + dt.timedelta(seconds=each.opens),
                reserve_until=start,
                start_at=start,
                end_at=start + dt.timedelta(hours=2),
            )
            for each, start in zip(schedules, self.starts, strict=True)
        ]
        Seat.objects.bulk_create(
            Seat(schedule=schedule, number=number, price=price, label=str(number))
            for schedule in self.schedules
            for number, price in zip(NUMBERS, PRICES, strict=True)
        )

    # --- Asking both, and comparing --------------------------------------------------------------

    def ask(self, name: str, act: Callable[[], Any], foretell: Callable[[], Any]) -> Any:
        """What the product and the oracle answer, both; None when both refuse alike."""
        expected = outcome_of(foretell, Refused, books.AnsweredBefore)
        answer = outcome_of(act, DomainError, AnsweredBefore, ValidationError)
        said, foretold = name_of(answer), name_of(expected)
        covered[f"{name}: {said}"] += 1
        event(f"{name}: {said}")
        assert said == foretold, f"{name}: {said}, should be {foretold}"
        if isinstance(answer, AnsweredBefore):
            assert answer.answer == expected.answer
        return None if isinstance(answer, Exception) else (answer, expected)

    def once(self, user: int, key: str | None, *request: Any) -> Once | None:
        return key and Once(user=self.people[user], key=key, request=request, render=render)

    def keep(self, user: int, key: str | None, once: Once | None) -> None:
        if once:
            self.oracle.saved[user, key].answer = once.answer

    # --- The line --------------------------------------------------------------------------------

    @rule(fan=fans)
    def join(self, fan: int) -> None:
        both = self.ask(
            "join",
            lambda: places.join(user=self.people[fan], slug=self.room.slug),
            lambda: self.oracle.join(fan),
        )
        (place, is_new), (foretold, foretold_new) = both
        if foretold_new:
            foretold.id = place.token
        assert (place.token, is_new) == (foretold.id, foretold_new)
        assert (place.status, place.ahead) == self.oracle.poll(fan, foretold)

    @precondition(lambda self: self.oracle.room.line)
    @rule(fan=fans, data=st.data())
    def poll(self, fan: int, data: Any) -> None:
        theirs = data.draw(self.a_place(of=fan))
        both = self.ask(
            "poll",
            lambda: polling.get_position(user=self.people[fan], token=theirs.id),
            lambda: self.oracle.poll(fan, theirs),
        )
        if both:
            place, foretold = both
            assert (place.status, place.ahead) == foretold

    def a_place(self, *, of: int) -> st.SearchStrategy[books.Place]:
        """Mostly one's own, and the last one first."""
        mine = [place for place in self.oracle.room.line if place.user == of]
        return sample([*reversed(mine)], self.oracle.room.line)

    @precondition(lambda self: self.oracle.room.line)
    @rule(fan=fans, data=st.data())
    def leave(self, fan: int, data: Any) -> None:
        theirs = data.draw(self.a_place(of=fan))
        self.ask(
            "leave",
            lambda: places.leave(user=self.people[fan], token=theirs.id),
            lambda: self.oracle.leave(fan, theirs),
        )

    @rule()
    def tick(self) -> None:
        let_in, foretold = self.ask(
            "tick", lambda: admission.admit(room_id=self.room.pk), self.oracle.tick
        )
        assert let_in == foretold

    @rule()
    def lose_index(self) -> None:
        redis.Redis.from_url(django_settings.REDIS_URL).flushdb()
        self.oracle.lose_index()

    @rule()
    def build_index(self) -> None:
        built, foretold = self.ask("build_index", index.build_missing, self.oracle.build_index)
        assert built == foretold

    # --- Holding ---------------------------------------------------------------------------------

    @rule(
        fan=fans,
        which=performances,
        numbers=st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=3, unique=True),
    )
    def hold(self, fan: int, which: int, numbers: list[int]) -> None:
        self._hold(fan, which, numbers, None)

    @rule(
        fan=fans,
        which=performances,
        numbers=st.lists(st.sampled_from((*NUMBERS, 99)), min_size=1, max_size=3),
        data=st.data(),
    )
    def hold_strangely(self, fan: int, which: int, numbers: list[int], data: Any) -> None:
        """With a token, maybe another's, and seats that may be named twice or not there."""
        line = self.oracle.room.line
        self._hold(fan, which, numbers, data.draw(st.sampled_from([None, *line])))

    def _hold(self, fan: int, which: int, numbers: list[int], place: books.Place | None) -> None:
        both = self.ask(
            "hold",
            lambda: self._hold_seats(fan, which, numbers, place),
            lambda: self.oracle.hold(fan, which, numbers, place),
        )
        if both:
            for reservation, foretold in zip(*both, strict=True):
                foretold.id = reservation.pk
                assert reservation.seat.number == foretold.seat.number

    def _hold_seats(
        self, fan: int, which: int, numbers: list[int], place: books.Place | None
    ) -> list[Reservation]:
        try:
            return holds.hold_seats(
                user=self.people[fan],
                schedule_id=self.schedules[which].pk,
                numbers=numbers,
                token=place and place.id,
            )
        except holds.SeatTaken as taken:
            # As many others as there are, up to as many as were wanted.
            nearest = taken.extra["nearest"]
            assert len(nearest) == min(len(numbers), self.oracle.count_free(which))
            assert all(self.oracle.is_free(self.oracle.seats[which, each]) for each in nearest)
            raise

    @precondition(lambda self: self.oracle.reservations)
    @rule(fan=fans, data=st.data())
    def release(self, fan: int, data: Any) -> None:
        theirs = data.draw(self.a_reservation(of=fan))
        self.ask(
            "release",
            lambda: holds.release_reservation(user=self.people[fan], reservation_id=theirs.id),
            lambda: self.oracle.release(fan, theirs),
        )

    def a_reservation(self, *, of: int) -> st.SearchStrategy[books.Reservation]:
        """Mostly a hold of one's own."""
        return sample(self.holds(of), self.oracle.reservations)

    def holds(self, fan: int) -> list[books.Reservation]:
        every = self.oracle.reservations
        return [each for each in every if each.user == fan and each.state == "HOLD"]

    @rule(fan=fans)
    def look(self, fan: int) -> None:
        mine, foretold = self.ask(
            "look",
            lambda: list(holds.my_reservations(user=self.people[fan])),
            lambda: self.oracle.look(fan),
        )
        assert {each.pk: each.status for each in mine} == {each.id: each.state for each in foretold}

    @rule()
    def sweep_holds(self) -> None:
        swept, foretold = self.ask(
            "sweep_holds", holds.release_expired_holds, self.oracle.sweep_holds
        )
        assert swept == foretold

    # --- Paying ----------------------------------------------------------------------------------

    @precondition(lambda self: self.oracle.reservations)
    @rule(fan=fans, data=st.data())
    def begin_payment(self, fan: int, data: Any) -> None:
        basket = data.draw(self.a_basket(of=fan))
        both = self.ask(
            "begin_payment",
            lambda: checkout.begin_payment(
                user=self.people[fan], reservation_ids=[each.id for each in basket]
            ),
            lambda: self.oracle.begin_payment(fan, basket),
        )
        if both:
            ends, foretold = both
            assert seconds_to(ends, database_now()) == foretold

    def a_basket(self, *, of: int) -> st.SearchStrategy[list[books.Reservation]]:
        """Mostly all that one holds, now and then anything."""
        mine = self.holds(of)
        anything = st.lists(
            st.sampled_from(self.oracle.reservations), min_size=1, max_size=3, unique=True
        )
        return st.one_of(*[st.just(mine)] * (3 if mine else 0), anything)

    @precondition(lambda self: self.oracle.reservations)
    @rule(fan=fans, key=keys, data=st.data())
    def pay(self, fan: int, key: str | None, data: Any) -> None:
        self._pay(fan, data.draw(self.a_basket(of=fan)), key)

    def _pay(self, fan: int, basket: list[books.Reservation], key: str | None) -> None:
        ids = sorted(str(each.id) for each in basket)
        once = self.once(fan, key, "pay", ids)
        both = self.ask(
            "pay",
            lambda: checkout.pay(
                user=self.people[fan], reservation_ids=[uuid.UUID(each) for each in ids], once=once
            ),
            lambda: self.oracle.pay(fan, basket, key),
        )
        if both:
            receipt, tickets = both
            self.keep(fan, key, once)
            for ticket, foretold in zip(receipt.tickets, tickets, strict=True):
                foretold.id, foretold.code = ticket.pk, ticket.code
                assert ticket.reservation_id == foretold.reservation.id
            assert receipt.balance == self.oracle.purses[fan].balance

    @precondition(lambda self: self.payments_under_keys())
    @rule(data=st.data())
    def pay_again(self, data: Any) -> None:
        """A client that did not hear the answer asks again."""
        (fan, key), ids = data.draw(st.sampled_from(self.payments_under_keys()))
        self._pay(fan, [each for each in self.oracle.reservations if str(each.id) in ids], key)

    def payments_under_keys(self) -> list[Any]:
        saved = self.oracle.saved.items()
        return [(key, each.request[1]) for key, each in saved if each.request[0] == "pay"]

    # --- Tickets ---------------------------------------------------------------------------------

    @precondition(lambda self: self.oracle.tickets)
    @rule(fan=fans, data=st.data())
    def quote(self, fan: int, data: Any) -> None:
        ticket = data.draw(self.a_ticket(of=fan))
        both = self.ask(
            "quote",
            lambda: cancellations.quote_refund(user=self.people[fan], ticket_id=ticket.id),
            lambda: self.oracle.quote(fan, ticket, self.days_left(ticket)),
        )
        if both:
            quote, foretold = both
            assert (quote.amount, quote.fee) == foretold

    def a_ticket(self, *, of: int) -> st.SearchStrategy[books.Ticket]:
        """Mostly a live one of one's own."""
        mine = [
            each
            for each in self.oracle.tickets
            if each.reservation.user == of and each.state == "ISSUED"
        ]
        return sample(mine, self.oracle.tickets)

    def days_left(self, ticket: books.Ticket) -> int:
        """Between the dates of today and of the show, where the venue is."""
        which = self.oracle.schedules.index(ticket.reservation.schedule)
        start = self.starts[which] - dt.timedelta(seconds=self.oracle.now)
        return (timezone.localdate(start) - timezone.localdate(database_now())).days

    @precondition(lambda self: self.oracle.tickets)
    @rule(fan=fans, key=keys, data=st.data())
    def cancel(self, fan: int, key: str | None, data: Any) -> None:
        ticket = data.draw(self.a_ticket(of=fan))
        once = self.once(fan, key, "cancel", str(ticket.id))
        both = self.ask(
            "cancel",
            lambda: cancellations.cancel_ticket(
                user=self.people[fan], ticket_id=ticket.id, once=once
            ),
            lambda: self.oracle.cancel(fan, ticket, self.days_left(ticket), key),
        )
        if both:
            refund, foretold = both
            self.keep(fan, key, once)
            assert (refund.amount, refund.fee) == foretold

    @precondition(lambda self: self.oracle.tickets)
    @rule(data=st.data())
    def check_in(self, data: Any) -> None:
        ticket = data.draw(st.sampled_from(self.oracle.tickets))
        self.ask(
            "check_in",
            lambda: door.check_in(code=ticket.code, by=self.staff),
            lambda: self.oracle.check_in(ticket),
        )

    # --- Money -----------------------------------------------------------------------------------

    @rule(
        fan=fans,
        amount=st.sampled_from((5_000, 30_000, 100_000, books.DECLINED, 0, books.MOST + 1)),
        key=keys,
        gateway=st.sampled_from((True, True, True, False)),
    )
    def charge(self, fan: int, amount: int, key: str | None, gateway: bool) -> None:
        once = self.once(fan, key, "charge", amount)
        with mock.patch.object(Gateway, "reachable", gateway):
            both = self.ask(
                "charge",
                lambda: charge(user=self.people[fan], amount=amount, once=once),
                lambda: self.oracle.charge(fan, amount, key, gateway=gateway),
            )
        if both:
            line, balance_after = both
            self.keep(fan, key, once)
            assert line.balance_after == balance_after

    @rule()
    def settle_pending_charges(self) -> None:
        settled, foretold = self.ask(
            "settle_pending_charges", settle_pending_charges, self.oracle.settle_pending_charges
        )
        assert settled == foretold

    @rule()
    def forget_old_answers(self) -> None:
        forgotten, foretold = self.ask(
            "forget_old_answers", idempotency.forget_old_answers, self.oracle.forget_old_answers
        )
        assert forgotten == foretold

    # --- The operator ----------------------------------------------------------------------------

    @rule()
    def pause_or_open(self) -> None:
        name = "pause" if self.oracle.room.open else "open"
        act = rooms.pause_room if self.oracle.room.open else rooms.open_room
        self.ask(name, lambda: act(room_id=self.room.pk), getattr(self.oracle, name))

    @rule(pace=st.integers(1, 4), more=st.integers(0, 2))
    def set_pace(self, pace: int, more: int) -> None:
        # A room that shrinks sends nobody out, and is over its capacity for as long.
        capacity = max(1, len(self.oracle.room.those("ACTIVE"))) + more
        self.ask(
            "set_pace",
            lambda: rooms.set_pace(room_id=self.room.pk, admit_per_minute=pace, capacity=capacity),
            lambda: self.oracle.set_pace(pace=pace, capacity=capacity),
        )

    @rule(
        which=performances,
        limit=st.integers(1, 4),
        longer=st.sampled_from((-books.STEP, 0, 2 * books.STEP, 3 * books.DAY, 3 * books.DAY)),
    )
    def change_sale(self, which: int, limit: int, longer: int) -> None:
        foretold = self.oracle.schedules[which]
        closes = min(self.oracle.now + longer, foretold.starts)
        if closes <= foretold.opens:
            closes = foretold.closes
        self.ask(
            "change_sale",
            lambda: self._change_sale(which, limit, closes),
            lambda: self.oracle.change_sale(which, limit=limit, closes=closes),
        )

    def _change_sale(self, which: int, limit: int, closes: int) -> None:
        schedule = self.schedules[which]
        schedule.refresh_from_db()
        schedule.reserve_until = database_now() + dt.timedelta(seconds=closes - self.oracle.now)
        schedule.purchase_limit = limit
        operating.require_sale_kept(
            schedule_id=schedule.pk,
            reserve_from=schedule.reserve_from,
            reserve_until=schedule.reserve_until,
            purchase_limit=limit,
        )
        schedule.save(update_fields=["reserve_until", "purchase_limit"])

    @rule(which=performances, number=st.sampled_from(NUMBERS), price=st.integers(1, 60_000))
    def change_price(self, which: int, number: int, price: int) -> None:
        seat = Seat.objects.get(schedule=self.schedules[which], number=number)
        details = seating.SeatDetails(label="1", section="", grade="", price=price)
        self.ask(
            "change_price",
            lambda: seating.edit_seat(seat_id=seat.pk, details=details),
            lambda: self.oracle.change_price(which, number, price),
        )

    @rule(ladder=st.sampled_from(LADDERS))
    def change_policy(self, ladder: books.Ladder) -> None:
        self.oracle.ladder = ladder
        Concert.objects.update(refund_policy=policy(ladder))

    # Rarely: there is little to see of a sale that is off.
    @rule(which=performances, rarely=st.integers(0, 7))
    def cancel_schedule(self, which: int, rarely: int) -> None:
        if rarely and not self.oracle.schedules[which].cancelled:
            return
        first, foretold = self.ask(
            "cancel_schedule",
            lambda: schedule_cancellation.cancel_schedule(
                schedule_id=self.schedules[which].pk, by=self.staff
            ),
            lambda: self.oracle.cancel_schedule(which),
        )
        assert first == foretold

    @rule()
    def refund_cancelled(self) -> None:
        freed, foretold = self.ask(
            "refund_cancelled",
            schedule_cancellation.refund_cancelled_schedules,
            self.oracle.refund_cancelled,
        )
        assert freed == foretold

    @rule(seconds=st.sampled_from(MOVES))
    def pass_time(self, seconds: int) -> None:
        pass_time(seconds, room_id=self.room.pk)
        self.oracle.pass_time(seconds)
        covered[f"pass_time: {seconds}"] += 1

    # --- The books -------------------------------------------------------------------------------

    @invariant()
    def every_seat_is_as_it_must_be(self) -> None:
        now = database_now()
        found = {
            (self.which(schedule), number): (status, price, version, status_until(now, free, held))
            for schedule, number, status, price, version, free, held in Seat.objects.values_list(
                "schedule",
                "number",
                "status",
                "price",
                "version",
                "available_from",
                "hold_expires_at",
            )
        }
        assert found == {
            place: (seat.state, seat.price, seat.changes, self.seat_until(seat))
            for place, seat in self.oracle.seats.items()
        }

    def which(self, schedule: uuid.UUID) -> int:
        return [each.pk for each in self.schedules].index(schedule)

    def seat_until(self, seat: books.Seat) -> int:
        held = seat.reservation.ends if seat.state == "HELD" and seat.reservation else 0
        return max(0, max(held, seat.rests_until) - self.oracle.now)

    @invariant()
    def every_reservation_is_as_it_must_be(self) -> None:
        found = Reservation.objects.values_list("pk", "user", "status", "price")
        assert set(found) == {
            (each.id, self.people[each.user].pk, each.state, each.price)
            for each in self.oracle.reservations
        }
        failed = Payment.objects.filter(status="FAILED").values_list("reservation", "reason")
        assert Counter(failed) == Counter(
            (each.id, reason) for each in self.oracle.reservations for reason in each.failures
        )

    @invariant()
    def every_ticket_is_as_it_must_be(self) -> None:
        found = Ticket.objects.values_list("pk", "status", "version", "refund_policy")
        assert set(found) == {
            (each.id, each.state, each.version, policy(each.ladder)) for each in self.oracle.tickets
        }
        refunds = Refund.objects.values_list("payment__reservation__ticket", "amount", "fee")
        assert set(refunds) == {
            (each.id, *each.refund) for each in self.oracle.tickets if each.refund
        }

    @invariant()
    def every_won_is_where_it_must_be(self) -> None:
        ledgers: dict[int, list[Any]] = {fan: [] for fan in FANS}
        lines = BalanceHistory.objects.order_by("balance", "seq")
        for user, *line in lines.values_list("balance__user", "type", "status", "amount"):
            ledgers[self.fan(user)].append(tuple(line))
        purses = self.oracle.purses
        assert ledgers == {fan: purse.lines for fan, purse in purses.items()}
        found = {self.fan(user): won for user, won in Balance.objects.values_list("user", "amount")}
        assert found == {fan: purse.balance for fan, purse in purses.items() if fan in found}

    def fan(self, user: uuid.UUID) -> int:
        return [each.pk for each in self.people].index(user)

    @invariant()
    def everybody_is_where_they_must_be_in_line(self) -> None:
        now = database_now()
        tokens = QueueToken.objects.order_by("position")
        found = [
            (token, status, seconds_to(until, now) if status == "ACTIVE" else 0)
            for token, status, until in tokens.values_list("pk", "status", "expires_at")
        ]
        assert found == [
            (
                each.id,
                each.state,
                max(0, each.ends - self.oracle.now) if each.ends and each.state == "ACTIVE" else 0,
            )
            for each in self.oracle.room.line
        ]
        ended = QueueEntryHistory.objects.values_list("token", "outcome", "was_admitted")
        assert set(ended) == {
            (each.id, each.outcome, each.admitted is not None)
            for each in self.oracle.room.line
            if each.outcome
        }

    @invariant()
    def the_audit_finds_what_it_must(self) -> None:
        found = Counter({each.check.name: each.violations for each in run_audit()})
        assert +found == self.oracle.findings()


# What a sale writes, every table of it: an example begins with none. The people and the room stay.
TOUCHED = [
    model._meta.db_table
    for app in ("accounts", "concerts", "queueing", "payments")
    for model in apps.get_app_config(app).get_models()
    if model not in (User, WaitingRoom)
]


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
    return type(outcome).__name__ if isinstance(outcome, Exception) else "done"


def render(result: Any) -> bytes:
    """No two answers are alike, so that an old one is known by its bytes."""
    return json.dumps([type(result).__name__, str(uuid.uuid4())]).encode()


def sample(first: Sequence[Any], anything: Sequence[Any]) -> st.SearchStrategy[Any]:
    """Mostly one of the first, where there are any."""
    likely = [st.sampled_from(first)] * 4 if first else []
    return st.one_of(*likely, st.sampled_from(anything))


def status_until(now: dt.datetime, *moments: dt.datetime | None) -> int:
    """In how many seconds, in steps of the clock; 0 for the past and for never."""
    return max(0, *(seconds_to(each, now) for each in moments if each), 0)


def seconds_to(moment: dt.datetime | None, now: dt.datetime) -> int:
    left = (moment - now).total_seconds() if moment else 0
    return max(0, ceil(left / books.STEP) * books.STEP)


@pytest.fixture
def _as_the_oracle_thinks(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.HOLD_SECONDS = books.HOLD
    settings.PAYMENT_SECONDS = books.PAYMENT
    settings.GIVEN_UP_PER_HOUR = books.GIVEN_UP_PER_HOUR
    settings.CHARGE_MAX_WON = books.MOST
    settings.PAYMENT_GATEWAY = f"{__name__}.Gateway"
    # A seat rests for as long as it may, and the table answers whoever asks it.
    monkeypatch.setattr(Random, "uniform", lambda _self, _least, most: most)
    monkeypatch.setattr(polling._table, "per_second", 1_000_000)


@pytest.fixture
def sale(transactional_db: None, _as_the_oracle_thinks: None) -> type[Sale]:
    class ThisSale(Sale):
        people = UserFactory.create_batch(len(FANS))
        staff = StaffFactory()
        room = WaitingRoomFactory(active_seconds=books.INSIDE, idle_seconds=books.IDLE)

    return seed(SEED)(ThisSale)


def test_a_sale_goes_as_the_oracle_foretells(sale: type[Sale]) -> None:
    covered.clear()
    run_state_machine_as_test(
        sale,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    print("\n".join(f"{count:7,} {what}" for what, count in sorted(covered.items())))
