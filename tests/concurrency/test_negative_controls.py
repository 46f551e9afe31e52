"""Remove the guards of each race, one after the other, and show what each of them prevents.

Every race has two threads, brought as close as the guards let them (see Meeting). With all guards
the rules refuse the loser. Without the first guard the second refuses it, and so on: a lock only
avoids errors, the constraints behind it are the guarantee. Without any guard the invariant breaks,
which shows that the race is real.
"""

import re
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest import mock

import pytest
from django.db import IntegrityError, OperationalError, connection

from accounts.gateway import GatewayAnswer
from accounts.models import Balance, Charge
from accounts.services.charges import settle_charge
from concertbook.db.clock import database_now
from concerts.models import Seat
from payments.errors import StaleTicket
from payments.models import Payment, Refund, Reservation, Ticket
from payments.services import (
    carts,
    locked_sale,
    schedule_cancellation,
)
from payments.services.checkout import pay_reservations
from payments.services.holds import hold_seats
from payments.services.releases import release_expired_holds, release_reservation
from payments.services.schedule_cancellation import cancel_schedule
from payments.services.ticket_cancellation import cancel_ticket
from queueing.models import QueueToken, WaitingRoom
from queueing.services import admission, join_and_leave
from tests.concurrency.guards import Guard, constraint, row_locks, ticket_versions
from tests.concurrency.joins import taking_a_number
from tests.concurrency.threads import (
    Call,
    Gate,
    Meeting,
    a_thread_waits_for_a_lock,
    background,
    race,
    until,
)
from tests.factories import (
    ScheduleFactory,
    StaffFactory,
    UserFactory,
    WaitingRoomFactory,
    admitted,
    balance_of,
    bought,
    held,
    scanned,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.negative_control]

CLOCK = "SELECT clock_timestamp()"


# --- The races: each creates a sale, and returns two calls and the invariant after them. ---------

Invariant = Callable[[], bool]
Setting = tuple[Call, Call, Invariant]


def two_people_hold_one_seat():
    schedule = ScheduleFactory(seats=1)
    users = UserFactory.create_batch(2)
    for user in users:
        admitted(user, schedule)
    one, other = (
        partial(hold_seats, user=user, schedule_id=schedule.pk, numbers=[1]) for user in users
    )
    return one, other, lambda: Reservation.objects.live().count() == 1


def one_person_holds_past_the_limit():
    schedule = ScheduleFactory(purchase_limit=1)
    user = UserFactory()
    admitted(user, schedule)
    one, other = (
        partial(hold_seats, user=user, schedule_id=schedule.pk, numbers=[n]) for n in (1, 2)
    )
    return one, other, lambda: Reservation.objects.live().count() == 1


def one_reservation_is_paid_twice():
    user = UserFactory(won=50_000)
    (reservation,) = held(user, ScheduleFactory(price=10_000), 1)
    paying = partial(pay_reservations, user=user, reservation_ids=[reservation.pk])
    return paying, paying, lambda: Payment.objects.filter(status="SUCCESS").count() == 1


def the_same_money_is_spent_twice():
    user = UserFactory(won=10_000)
    reservations = held(user, ScheduleFactory(price=10_000), 1, 2)
    one, other = (
        partial(pay_reservations, user=user, reservation_ids=[each.pk]) for each in reservations
    )
    return one, other, lambda: Ticket.objects.count() == 1


def one_charge_is_settled_twice():
    user = UserFactory(won=1_000)
    pending = Charge.objects.create(user=user, amount=7_000)
    settle = partial(settle_charge, charge_id=pending.pk, answer=GatewayAnswer(approved=True))
    return settle, settle, lambda: balance_of(user) == 8_000


def two_charges_are_settled_at_once():
    user = UserFactory(won=1_000)
    one, other = (
        partial(settle_charge, charge_id=charge.pk, answer=GatewayAnswer(approved=True))
        for charge in (Charge.objects.create(user=user, amount=7_000) for _ in range(2))
    )
    return one, other, lambda: balance_of(user) == 1_000 + 7_000 * _settled()


def _settled() -> int:
    return Charge.objects.filter(status="SUCCESS", amount=7_000).count()


def one_ticket_is_scanned_twice():
    ticket = _ticket()
    let_in = []

    def scan(gate):
        let_in.append(scanned(ticket, by=staff, gate=gate))

    staff = StaffFactory()
    # Two gates: both check-ins may have the same microsecond, and the rows must differ.
    return partial(scan, "A"), partial(scan, "B"), lambda: len(let_in) == 1


def one_ticket_is_cancelled_twice():
    ticket = _ticket()
    cancel = partial(cancel_ticket, user=ticket.user, ticket_id=ticket.pk)
    return cancel, cancel, lambda: Refund.objects.count() == 1


def a_cancelled_schedules_buyer_is_refunded_twice():
    ticket = _ticket()
    schedule = ticket.reservation.schedule
    cancel_schedule(schedule_id=schedule.pk, by=StaffFactory())
    schedule.refresh_from_db()
    refund = partial(schedule_cancellation._end_all_of, schedule, [ticket.user_id])
    return refund, refund, lambda: Refund.objects.count() == 1


def a_ticket_is_used_and_refunded():
    ticket = _ticket()
    cancel = partial(cancel_ticket, user=ticket.user, ticket_id=ticket.pk)
    used = []

    def scan():
        used.append(scanned(ticket, by=staff))

    staff = StaffFactory()
    return scan, cancel, lambda: len(used) + Refund.objects.count() == 1


def _ticket():
    return bought(
        UserFactory(won=10_000), ScheduleFactory(price=10_000, doors_open=True), 1
    ).tickets[0]


def two_ticks_exceed_the_capacity():
    room = WaitingRoomFactory(capacity=1, state=WaitingRoom.State.PAUSED)
    for user in UserFactory.create_batch(2):
        join_and_leave.join(user=user, slug=room.slug)
    WaitingRoom.objects.update(state=WaitingRoom.State.OPEN)
    tick = partial(admission.admit, room_id=room.pk)
    return tick, tick, lambda: QueueToken.objects.active().count() == 1


def one_person_joins_twice():
    room = WaitingRoomFactory()
    user = UserFactory()

    join = taking_a_number(user, room)
    return join, join, lambda: QueueToken.objects.live().count() == 1


# --- Guards that are neither a row lock nor a constraint ----------------------------------------


def on_conflict() -> Guard:
    """A join inserts its row without ON CONFLICT."""
    take_number = join_and_leave._take_number

    def without(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        return execute(re.sub(r"ON CONFLICT.* DO NOTHING", "", sql), *args)

    def take(**options: Any) -> Any:
        with connection.execute_wrapper(without):
            return take_number(**options)

    return mock.patch.object(join_and_leave, "_take_number", take)


# --- The table -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Layer:
    """A guard: how to remove it, and the loser's refusal when it is the first one left."""

    remove: Callable[[], Guard]
    refusal: str


def locks(*models: Any, refusal: str) -> Layer:
    return Layer(partial(row_locks, *models), refusal)


def constraint_layer(name: str) -> Layer:
    return Layer(partial(constraint, name), name)


@dataclass(frozen=True)
class Control:
    setting: Callable[[], Setting]
    meeting: str
    layers: tuple[Layer, ...]


SEAT_AGREES = constraint_layer("payments_seat_agrees_with_reservation")
LEDGER_SEQ = constraint_layer("accounts_balancehistory_one_line_per_seq")
# Which of the two refuses first depends on which of them an earlier control restored last.
TICKET_KEYS = ("payments_ticket_reservation_id_key", "payments_ticket_one_live_per_seat")
VERSIONS = Layer(ticket_versions, StaleTicket.__name__)
ALL_OF_CHECKOUT = (QueueToken, Seat, Reservation, Balance)
ALL_OF_CANCELLATION = (Seat, Reservation, Ticket, Balance)

CONTROLS = [
    Control(
        two_people_hold_one_seat,
        CLOCK,
        (
            locks(Seat, refusal="SeatTaken"),
            constraint_layer("payments_reservation_one_live_per_seat"),
            SEAT_AGREES,
        ),
    ),
    Control(
        one_person_holds_past_the_limit,
        # The slots are read with the clock by a hand-written statement, without quotes.
        "FROM payments_reservation",
        (
            locks(QueueToken, refusal="PurchaseLimitExceeded"),
            constraint_layer("payments_reservation_one_live_per_slot"),
        ),
    ),
    Control(
        one_reservation_is_paid_twice,
        CLOCK,
        (
            locks(*ALL_OF_CHECKOUT, refusal="AlreadyPaid"),
            Layer(partial(constraint, TICKET_KEYS[0]), "|".join(TICKET_KEYS)),
            constraint_layer(TICKET_KEYS[1]),
            constraint_layer("payments_payment_one_success_per_reservation"),
            LEDGER_SEQ,
            constraint_layer("queueing_queueentryhistory_token_id_key"),
        ),
    ),
    Control(
        the_same_money_is_spent_twice,
        CLOCK,
        (locks(QueueToken, Balance, refusal="InsufficientBalance"), LEDGER_SEQ),
    ),
    Control(
        one_charge_is_settled_twice,
        CLOCK,
        (
            locks(Charge, refusal=""),
            constraint_layer("accounts_balancehistory_one_effect_per_source"),
        ),
    ),
    Control(
        two_charges_are_settled_at_once,
        CLOCK,
        (locks(Balance, refusal=""), LEDGER_SEQ),
    ),
    Control(
        one_ticket_is_scanned_twice,
        CLOCK,
        (
            locks(Ticket, refusal="TicketUsed"),
            constraint_layer("payments_checkin_one_live_per_ticket"),
            VERSIONS,
            constraint_layer("payments_ticket_agrees_with_check_in"),
        ),
    ),
    Control(
        one_ticket_is_cancelled_twice,
        CLOCK,
        (
            locks(*ALL_OF_CANCELLATION, refusal="AlreadyCancelled"),
            VERSIONS,
            constraint_layer("payments_refund_payment_id_key"),
            LEDGER_SEQ,
        ),
    ),
    Control(
        a_cancelled_schedules_buyer_is_refunded_twice,
        CLOCK,
        (
            locks(*ALL_OF_CANCELLATION, refusal=""),
            constraint_layer("payments_refund_payment_id_key"),
            LEDGER_SEQ,
        ),
    ),
    Control(
        a_ticket_is_used_and_refunded,
        CLOCK,
        (
            locks(Ticket, refusal="TicketUsed|AlreadyCancelled"),
            VERSIONS,
            constraint_layer("payments_ticket_status_transitions"),
        ),
    ),
    Control(
        two_ticks_exceed_the_capacity,
        "available_at > ",
        (locks(WaitingRoom, refusal=""),),
    ),
    Control(
        one_person_joins_twice,
        "INSERT INTO queueing_queuetoken",
        (
            Layer(on_conflict, ""),
            constraint_layer("queueing_queuetoken_one_live_per_user"),
        ),
    ),
]


def removals() -> list[Any]:
    return [
        pytest.param(control, n, id=f"{control.setting.__name__}-without-{n}")
        for control in CONTROLS
        for n in range(len(control.layers) + 1)
    ]


@pytest.mark.parametrize(("control", "removed"), removals())
def test_each_guard_alone_keeps_the_invariant_and_without_any_it_breaks(control, removed):
    first, second, invariant_holds = control.setting()
    with ExitStack() as guards:
        for layer in control.layers[:removed]:
            guards.enter_context(layer.remove())

        results = race(first, second, meeting=Meeting(control.meeting))

        refusals = [result for result in results if isinstance(result, Exception)]
        if removed == len(control.layers):
            assert refusals == []
            assert not invariant_holds(), "there was nothing to guard against"
        else:
            assert_refused(refusals, by=control.layers[removed].refusal)
            assert invariant_holds()


def assert_refused(refusals, *, by):
    """One refusal of that name, or none when the guard makes the second call a repetition."""
    names = [
        refusal.__cause__.diag.constraint_name
        if isinstance(refusal, IntegrityError)
        else type(refusal).__name__
        for refusal in refusals
    ]
    assert len(names) == bool(by), refusals
    assert set(names) <= set(by.split("|"))


# --- Races with a fixed order of steps -----------------------------------------------------------


def test_without_waiting_for_numbers_on_their_way_a_later_join_overtakes():
    room = WaitingRoomFactory(capacity=1)
    early, late = UserFactory.create_batch(2)
    before_commit = Gate(after="INSERT INTO queueing_queuetoken")

    with (
        mock.patch.object(admission, "settled_position", return_value=2**62),
        background(taking_a_number(early, room), before_commit) as earlier,
    ):
        before_commit.wait()
        race(partial(join_and_leave.join, user=late, slug=room.slug))
        before_commit.open()
        assert earlier.result()

    assert QueueToken.objects.active().get().user == late
    assert QueueToken.objects.waiting().get().position < QueueToken.objects.active().get().position


def test_without_one_lock_order_two_holds_in_opposite_order_deadlock():
    schedule = ScheduleFactory(seats=2)
    users = UserFactory.create_batch(2)
    for user in users:
        admitted(user, schedule)

    def as_asked(*, schedule_id, numbers, wait):
        seats = Seat.objects.select_for_update(no_key=True).order_by()
        return {number: seats.get(schedule=schedule_id, number=number) for number in numbers}

    with mock.patch.object(locked_sale, "lock_seats", as_asked):
        results = race(
            partial(hold_seats, user=users[0], schedule_id=schedule.pk, numbers=[1, 2]),
            partial(hold_seats, user=users[1], schedule_id=schedule.pk, numbers=[2, 1]),
            meeting=Meeting('FROM "concerts_seat"'),
        )

    (loser,) = [result for result in results if isinstance(result, Exception)]
    assert isinstance(loser, OperationalError)
    assert "deadlock detected" in str(loser)


SOLD_ON_LAYERS = [
    constraint_layer("payments_ticket_one_live_per_seat"),
    constraint_layer("payments_reservation_one_live_per_seat"),
]


@pytest.mark.parametrize("removed", range(len(SOLD_ON_LAYERS) + 1))
def test_without_the_checkouts_locks_a_seat_that_was_let_go_and_sold_on_is_sold_again(removed):
    schedule = ScheduleFactory(price=10_000)
    owner, next_one = UserFactory(won=10_000), UserFactory(won=10_000)
    (reservation,) = held(owner, schedule, 1)
    after_the_clock = Gate(after=CLOCK)

    def let_go_and_sell_on():
        release_reservation(user=owner, reservation_id=reservation.pk)
        return bought(next_one, schedule, 1)

    with ExitStack() as guards:
        guards.enter_context(row_locks(*ALL_OF_CHECKOUT))
        for layer in SOLD_ON_LAYERS[:removed]:
            guards.enter_context(layer.remove())
        paying = partial(pay_reservations, user=owner, reservation_ids=[reservation.pk])
        with background(paying, after_the_clock) as payment:
            after_the_clock.wait()
            (sold_on,) = race(let_go_and_sell_on)
            after_the_clock.open()
            outcome = payment.result()
        assert sold_on.tickets
        tickets = Ticket.objects.filter(seat=reservation.seat_id).count()
        if removed == len(SOLD_ON_LAYERS):
            assert outcome.tickets
            assert tickets == 2
        else:
            assert_refused([outcome], by=SOLD_ON_LAYERS[removed].refusal)
            assert tickets == 1


def hold_that_lasts_a_moment(settings):
    settings.HOLD_SECONDS = 1
    return held(UserFactory(won=10_000), ScheduleFactory(price=10_000), 1)[0]


def paying(reservation: Reservation) -> Call:
    return partial(pay_reservations, user=reservation.user, reservation_ids=[reservation.pk])


SWEEP_LAYERS = [SEAT_AGREES]


@pytest.mark.parametrize("removed", range(len(SWEEP_LAYERS) + 1))
def test_without_the_seats_lock_a_sweep_frees_a_seat_during_its_payment(removed, settings):
    reservation = hold_that_lasts_a_moment(settings)
    after_the_clock = Gate(after=CLOCK)

    with ExitStack() as guards:
        guards.enter_context(row_locks(Seat))
        for layer in SWEEP_LAYERS[:removed]:
            guards.enter_context(layer.remove())
        with background(paying(reservation), after_the_clock) as payment:
            after_the_clock.wait()
            until(lambda: database_now() >= reservation.expires_at)
            with background(release_expired_holds) as sweep:
                until(a_thread_waits_for_a_lock)
                after_the_clock.open()
                assert payment.result().tickets
                swept = sweep.result()
        seat = Seat.objects.get(pk=reservation.seat_id)
        if removed == len(SWEEP_LAYERS):
            assert seat.status == "AVAILABLE", "though it is sold"
        else:
            assert_refused([swept], by=SWEEP_LAYERS[removed].refusal)
            assert seat.status == "RESERVED"


def test_without_reading_the_clock_after_the_last_lock_a_hold_is_paid_past_its_end(settings):
    reservation = hold_that_lasts_a_moment(settings)
    locked = Gate(after='FROM "accounts_balance"')

    with (
        mock.patch.object(carts, "_read_moment", return_value=(database_now(), defaultdict(set))),
        background(paying(reservation), locked) as payment,
    ):
        locked.wait()
        until(lambda: database_now() >= reservation.expires_at)
        locked.open()
        assert payment.result().tickets, "it was over, and is paid"


def test_without_ignoring_conflicts_two_first_charges_make_one_balance_all_the_same():
    user = UserFactory()
    charges = [Charge.objects.create(user=user, amount=1_000) for _ in range(2)]

    def insert_plainly(balances: list[Balance], **_options: Any) -> None:
        for balance in balances:
            balance.save(force_insert=True)

    with mock.patch.object(Balance.objects, "bulk_create", insert_plainly):
        results = race(
            *(
                partial(settle_charge, charge_id=each.pk, answer=GatewayAnswer(approved=True))
                for each in charges
            ),
            meeting=Meeting('FROM "accounts_balance"'),
        )

    refusals = [result for result in results if isinstance(result, Exception)]
    assert_refused(refusals, by="accounts_balance_user_id_key")
    assert balance_of(user) == 1_000
