"""Every lock that no other race here covers: what fails without it, or which request need not wait.

tests/guards removes each lock of the code in turn and runs the test that must then fail.
"""

import re
from functools import partial
from unittest.mock import Mock

import pytest
import redis
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.services.charges import charge
from concertbook.errors import NotFound
from concerts.errors import SeatTaken
from concerts.models import ConcertSchedule, Seat
from concerts.services.sale_stop import stop_sale
from concerts.services.schedule_rules import delete_schedules
from concerts.services.seat_editing import SeatDetails, edit_seat
from concerts.services.seat_generation import Block, generate_seats
from concerts.services.seat_removal import remove_rows
from payments.errors import OfferOver, StaleTicket
from payments.models import Ticket, save_change
from payments.services.checkout import pay_reservations
from payments.services.holds import hold_seats
from payments.services.releases import release_reservation
from payments.services.schedule_cancellation import cancel_schedule, refund_cancelled_schedules
from payments.services.ticket_cancellation import cancel_ticket
from payments.services.ticket_offers import (
    accept_offer,
    decline_offer,
    end_offers,
    offer_ticket,
    withdraw_offer,
)
from queueing.models import QueueEntryHistory, QueueToken, WaitingRoom
from queueing.services import (
    index_build,
    join_and_leave,
    last_requests,
    polling,
    room_deletion,
    rooms,
)
from queueing.services.admission import admit
from queueing.services.join_and_leave import join, leave
from tests.concerts.test_admin_programme import form_of, page
from tests.concurrency.threads import (
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
)

pytestmark = pytest.mark.django_db(transaction=True)

TOKENS = "queueing_queuetoken"
SEATS = "concerts_seat"
LOCK = "FOR NO KEY UPDATE"


class Locked(Gate):
    """Stops a thread right after it has locked rows of a table."""

    def __init__(self, table):
        super().__init__(after=LOCK)
        self.table = table

    def __call__(self, execute, sql, *args):
        if f'"{self.table}"' not in sql:
            return execute(sql, *args)
        return super().__call__(execute, sql, *args)


def while_locked(table, first, second):
    """Start the second call while the first has the table's rows locked.

    Returns both answers, and whether the second had to wait.
    """
    gate = Locked(table)
    with background(first, gate) as one:
        gate.wait()
        with background(second) as other:
            until(lambda: a_thread_waits_for_a_lock() or other.done())
            waited = not other.done()
            gate.open()
            return one.result(), other.result(), waited


# --- Money ---------------------------------------------------------------------------------------


def test_a_charge_waits_for_a_refund_of_the_sweep():
    user, schedule = UserFactory(won=10_000), ScheduleFactory(price=10_000)
    bought(user, schedule, 1)
    cancel_schedule(schedule_id=schedule.pk, by=StaffFactory())

    freed, line, waited = while_locked(
        "accounts_balance", refund_cancelled_schedules, partial(charge, user=user, amount=5_000)
    )

    assert waited
    assert (freed, line.balance_after, balance_of(user)) == (1, 15_000, 15_000)


def test_two_charges_of_two_people_do_not_wait_for_each_other():
    one, other = UserFactory.create_batch(2, won=1_000)

    first, second, waited = while_locked(
        "accounts_balance",
        partial(charge, user=one, amount=2_000),
        partial(charge, user=other, amount=3_000),
    )

    assert not waited
    assert (first.balance_after, second.balance_after) == (3_000, 4_000)


def test_a_payment_that_names_anothers_reservation_waits_for_no_lock_of_it():
    owner, thief = UserFactory.create_batch(2, won=10_000)
    (reservation,) = held(owner, ScheduleFactory(price=10_000), 1)

    paid, refusal, waited = while_locked(
        SEATS,
        partial(pay_reservations, user=owner, reservation_ids=[reservation.pk]),
        partial(pay_reservations, user=thief, reservation_ids=[reservation.pk]),
    )

    assert not waited
    assert paid.tickets
    assert isinstance(refusal, NotFound)


def test_the_sweep_of_refunds_skips_a_seat_that_its_buyer_has_locked():
    user, schedule = UserFactory(won=10_000), ScheduleFactory(price=10_000)
    (ticket,) = bought(user, schedule, 1).tickets
    cancel_schedule(schedule_id=schedule.pk, by=StaffFactory())

    refund, freed, waited = while_locked(
        SEATS, partial(cancel_ticket, user=user, ticket_id=ticket.pk), refund_cancelled_schedules
    )

    assert not waited
    assert (refund.amount, freed, balance_of(user)) == (10_000, 0, 10_000)


def test_seats_that_are_generated_while_their_schedule_is_edited_are_counted(client):
    schedule = ScheduleFactory(seats=2)
    block = Block(section="far", rows=1, seats_per_row=4, grade="S", price=9_000)
    client.force_login(StaffFactory(is_superuser=True))

    generated, edited, waited = while_locked(
        "concerts_concertschedule",
        partial(generate_seats, schedule_id=schedule.pk, blocks=[block]),
        partial(client.post, page("change", schedule), form_of(schedule, price=12_000)),
    )

    assert (generated, edited.status_code, waited) == (4, 302, True)
    schedule.refresh_from_db()
    assert (schedule.price, schedule.seat_quantity) == (12_000, 6)


# --- Handing on ---------------------------------------------------------------------------------

OFFERS = "payments_ticketoffer"


def an_offer(*, overdue=False):
    """An offered ticket, its receiver and the offer; overdue for the sweep, if so wanted."""
    schedule = ScheduleFactory(price=10_000)
    (ticket,) = bought(UserFactory(won=10_000), schedule, 1).tickets
    friend = UserFactory()
    offer = offer_ticket(user=ticket.user, ticket_id=ticket.pk, email=friend.email)
    ConcertSchedule.objects.filter(pk=schedule.pk).update(may_hand_on=not overdue)
    return ticket, friend, offer


def test_the_sweep_of_offers_skips_one_that_is_being_withdrawn():
    ticket, _friend, _offer = an_offer(overdue=True)

    withdrawn, ended, waited = while_locked(
        OFFERS, partial(withdraw_offer, user=ticket.user, ticket_id=ticket.pk), end_offers
    )

    assert (withdrawn.status, ended, waited) == ("WITHDRAWN", 0, False)


def test_an_offer_that_just_ends_is_not_answered():
    _ticket, friend, offer = an_offer(overdue=True)

    ended, refusal, waited = while_locked(
        OFFERS, end_offers, partial(decline_offer, user=friend, offer_id=offer.pk)
    )

    assert (ended, type(refusal), waited) == (1, OfferOver, True)


def test_an_offer_that_just_ends_is_not_withdrawn():
    ticket, _friend, _offer = an_offer(overdue=True)

    ended, refusal, waited = while_locked(
        OFFERS, end_offers, partial(withdraw_offer, user=ticket.user, ticket_id=ticket.pk)
    )

    assert (ended, type(refusal), waited) == (1, NotFound, True)


# --- The lock order ------------------------------------------------------------------------------

TOKEN, SEAT, RESERVATION, TICKET, BALANCE = (
    "queueing_queuetoken",
    "concerts_seat",
    "payments_reservation",
    "payments_ticket",
    "accounts_balance",
)


def tables_locked_by(act):
    with CaptureQueriesContext(connection) as queries:
        act()
    locking = (query["sql"] for query in queries if LOCK in query["sql"])
    return [table for sql in locking for table in tables_locked_in(sql)]


def tables_locked_in(sql):
    _select, _lock, named = sql.partition(f"{LOCK} OF ")
    return re.findall(r'"(\w+)"', named) or re.findall(r'FROM "(\w+)"', sql)[:1]


def test_a_payment_takes_its_locks_in_the_order_of_the_house():
    user = UserFactory(won=10_000)
    (reservation,) = held(user, ScheduleFactory(price=10_000), 1)

    locked = tables_locked_by(
        partial(pay_reservations, user=user, reservation_ids=[reservation.pk])
    )

    assert locked == [TOKEN, SEAT, RESERVATION, BALANCE]


def test_an_acceptance_takes_its_locks_in_order():
    _ticket, friend, offer = an_offer()

    locked = tables_locked_by(partial(accept_offer, user=friend, offer_id=offer.pk))

    assert locked == [TICKET, OFFERS]


def test_a_release_takes_its_locks_in_order():
    user = UserFactory()
    (reservation,) = held(user, ScheduleFactory(), 1)

    locked = tables_locked_by(
        partial(release_reservation, user=user, reservation_id=reservation.pk)
    )

    assert locked == [SEAT, RESERVATION]


def test_a_buyer_who_leaves_with_seats_takes_the_locks_in_order():
    user, schedule = UserFactory(), ScheduleFactory()
    held(user, schedule, 1, 2)
    token = QueueToken.objects.get(user=user).pk

    assert tables_locked_by(partial(leave, user=user, token=token))[:2] == [TOKEN, SEAT]


def test_a_seat_that_another_buyer_holds_by_then_is_not_released_by_leaving():
    user, other, schedule = UserFactory(), UserFactory(), ScheduleFactory()
    (mine,) = held(user, schedule, 1)
    leaving = partial(leave, user=user, token=QueueToken.objects.get(user=user).pk)
    gate = Gate(after='SELECT "payments_reservation"."seat_id"')

    with background(leaving, gate) as left:
        gate.wait()
        release_reservation(user=user, reservation_id=mine.pk)
        (theirs,) = held(other, schedule, 1)
        gate.open()
        assert left.result() is None

    theirs.refresh_from_db()
    assert theirs.status == "HOLD"


def test_a_cancellation_takes_its_locks_in_order():
    user = UserFactory(won=10_000)
    (ticket,) = bought(user, ScheduleFactory(price=10_000), 1).tickets

    locked = tables_locked_by(partial(cancel_ticket, user=user, ticket_id=ticket.pk))

    assert locked == [SEAT, RESERVATION, TICKET, BALANCE]


def test_the_sweep_of_refunds_takes_its_locks_in_order():
    schedule = ScheduleFactory(price=10_000)
    bought(UserFactory(won=10_000), schedule, 1)
    cancel_schedule(schedule_id=schedule.pk, by=StaffFactory())

    locked = tables_locked_by(refund_cancelled_schedules)

    # The schedule comes in a transaction of its own: the end of its refunds is logged once.
    assert locked == [SEAT, RESERVATION, TICKET, BALANCE, "concerts_concertschedule"]


def test_a_ticket_that_changed_since_it_was_read_is_not_written():
    (ticket,) = bought(UserFactory(won=10_000), ScheduleFactory(price=10_000), 1).tickets
    read_before = Ticket.objects.get(pk=ticket.pk)
    save_change(Ticket.objects.get(pk=ticket.pk), now=timezone.now(), fields=[])

    with pytest.raises(StaleTicket):
        save_change(read_before, now=timezone.now(), fields=[])


# --- The programme -------------------------------------------------------------------------------


def test_a_schedule_is_not_deleted_while_a_seat_of_it_is_being_held():
    schedule, user = ScheduleFactory(seats=1), UserFactory()
    admitted(user, schedule)

    (_reservation,), refusal, _waited = while_locked(
        SEATS,
        partial(hold_seats, user=user, schedule_id=schedule.pk, numbers=[1]),
        partial(delete_schedules, ConcertSchedule.objects.filter(pk=schedule.pk)),
    )

    assert isinstance(refusal, SeatTaken)


def test_a_seat_is_not_removed_while_it_is_being_held():
    schedule, user = ScheduleFactory(seats=1), UserFactory()
    admitted(user, schedule)

    (_reservation,), refusal, _waited = while_locked(
        SEATS,
        partial(hold_seats, user=user, schedule_id=schedule.pk, numbers=[1]),
        partial(remove_rows, schedule_id=schedule.pk, rows=[("", "A")]),
    )

    assert isinstance(refusal, SeatTaken)


def test_a_seats_form_and_the_removal_of_its_row_do_not_wait_for_each_other(client):
    schedule = ScheduleFactory(seats=1)
    seat = schedule.seats.get()
    client.force_login(StaffFactory(is_superuser=True))

    removed, edited, _waited = while_locked(
        "concerts_concertschedule",
        partial(remove_rows, schedule_id=schedule.pk, rows=[("", "A")]),
        partial(client.post, page("change", seat, "seat"), {"price": "2000"}),
    )

    assert (removed, edited.status_code) == (1, 302)
    assert not schedule.seats.exists()


def test_no_join_succeeds_between_the_check_of_a_room_and_its_deletion():
    room, user = WaitingRoomFactory(), UserFactory()
    gate = Gate(after="EXISTS")
    delete = partial(room_deletion.delete_rooms, WaitingRoom.objects.filter(pk=room.pk))
    with background(delete, gate) as deleted:
        gate.wait()
        with background(partial(join_and_leave.join, user=user, slug=room.slug)) as joined:
            until(lambda: a_thread_waits_for_a_lock() or joined.done())
            gate.open()
            assert deleted.result() is None
            # The join has the room's sequence and waits for the room; the deletion has the room
            # and waits for its sequence: PostgreSQL ends the one that waited longer.
            assert isinstance(joined.result(), Exception)
    assert not WaitingRoom.objects.filter(pk=room.pk).exists()


def test_seats_added_by_two_at_once_are_numbered_on():
    schedule = ScheduleFactory(seats=0)
    block = Block(section="", rows=1, seats_per_row=3, grade="R", price=1_000)
    add = partial(generate_seats, schedule_id=schedule.pk, blocks=[block])

    assert race(add, add, meeting=Meeting("MAX(")) == [3, 3]
    numbers = schedule.seats.values_list("number", flat=True)
    assert sorted(numbers) == [1, 2, 3, 4, 5, 6]


def test_a_seat_keeps_the_price_of_a_hold_in_progress():
    schedule, user = ScheduleFactory(seats=1, price=10_000), UserFactory()
    admitted(user, schedule)
    seat = Seat.objects.get()
    dearer = SeatDetails(label="1", section="", grade="R", price=20_000)

    (reservation,), refusal, _waited = while_locked(
        SEATS,
        partial(hold_seats, user=user, schedule_id=schedule.pk, numbers=[1]),
        partial(edit_seat, seat_id=seat.pk, details=dearer),
    )

    assert isinstance(refusal, SeatTaken)
    assert (reservation.price, Seat.objects.get().price) == (10_000, 10_000)


# --- The line ------------------------------------------------------------------------------------


def line_of(count, **room):
    """A paused room with this many people in line, in order."""
    made = WaitingRoomFactory(state="PAUSED", **room)
    users = UserFactory.create_batch(count)
    tokens = [join(user=user, slug=made.slug)[0].token for user in users]
    return made, users, tokens


def is_over(token):
    """Let the admission have ended a moment ago, before the next tick."""
    token.expires_at = timezone.now()
    token.save(update_fields=["expires_at"])


def test_a_tick_does_not_end_a_token_that_is_just_leaving():
    schedule, user = ScheduleFactory(), UserFactory()
    token = admitted(user, schedule)
    is_over(token)

    left, let_in, waited = while_locked(
        TOKENS,
        partial(leave, user=user, token=token.pk),
        partial(admit, room_id=token.room_id),
    )

    assert (left, let_in, waited) == (None, 0, False)
    assert QueueEntryHistory.objects.get().outcome == "LEFT"


def test_a_tick_does_not_close_a_room_on_a_person_who_is_just_leaving():
    room, (first, _second), (theirs, _next) = line_of(2)
    WaitingRoom.objects.update(state="CLOSED")

    left, _let_in, waited = while_locked(
        TOKENS, partial(leave, user=first, token=theirs), partial(admit, room_id=room.pk)
    )

    assert (left, waited) == (None, False)
    assert QueueEntryHistory.objects.get(token=theirs).outcome == "LEFT"


def test_a_token_that_is_just_leaving_is_not_admitted():
    room, (first, _second), (theirs, next_in_line) = line_of(2, capacity=1)
    WaitingRoom.objects.update(state="OPEN")

    left, _let_in, _waited = while_locked(
        TOKENS, partial(leave, user=first, token=theirs), partial(admit, room_id=room.pk)
    )
    admit(room_id=room.pk)

    assert left is None
    assert QueueToken.objects.get(pk=theirs).status == "EXPIRED"
    assert QueueToken.objects.get(pk=next_in_line).is_admitted


def test_writing_last_requests_waits_for_no_lock():
    room, (user,), (token,) = line_of(1)
    assert index_build.build(room)
    polling.get_position(user=user, token=token)

    left, written, waited = while_locked(
        TOKENS, partial(leave, user=user, token=token), last_requests.write_back_requests
    )

    assert (left, written, waited) == (None, 0, False)


def test_an_index_can_be_built_again_by_another_connection():
    room, _users, _tokens = line_of(1)

    assert index_build.build(room)
    assert race(partial(index_build.build, room)) == [True]


def test_joining_again_from_two_windows_ends_the_old_admission_once():
    schedule, user = ScheduleFactory(), UserFactory()
    is_over(admitted(user, schedule))
    again = partial(join, user=user, slug=schedule.concert.waiting_room.slug)

    places = race(again, again, meeting=Meeting("SELECT clock_timestamp()"))

    assert len({place.token for place, _joined in places}) == 1
    assert QueueEntryHistory.objects.get().outcome == "TIMED_OUT"


def test_an_admission_just_ended_by_another_window_does_not_refuse_the_join(monkeypatch):
    schedule, user = ScheduleFactory(), UserFactory()
    is_over(admitted(user, schedule))
    end_if_over = join_and_leave._end_if_over
    by_another_window = Mock(side_effect=lambda **whose: end_if_over(**whose) and False)
    monkeypatch.setattr(join_and_leave, "_end_if_over", by_another_window)

    _place, is_new = join(user=user, slug=schedule.concert.waiting_room.slug)

    assert by_another_window.called
    assert is_new


def test_joining_again_ends_only_the_users_own_admission():
    schedule = ScheduleFactory()
    other, user = UserFactory.create_batch(2)
    theirs = admitted(other, schedule)
    is_over(admitted(user, schedule))

    _place, is_new = join(user=user, slug=schedule.concert.waiting_room.slug)

    assert is_new
    theirs.refresh_from_db()
    assert theirs.is_admitted


def test_of_two_operators_one_has_changed_the_room():
    room = WaitingRoomFactory()
    pause = partial(rooms.pause_room, room_id=room.pk)

    changes = race(pause, pause, meeting=Meeting('FROM "queueing_waitingroom"'))

    assert sorted(len(change.before) for change in changes) == [0, 1]


def test_of_two_operators_who_stop_a_sale_one_is_told_that_it_is_over():
    schedule = ScheduleFactory(seats=1)
    stop = partial(stop_sale, schedule_id=schedule.pk)

    results = race(stop, stop, meeting=Meeting('FROM "concerts_concertschedule"'))

    assert sorted(type(each).__name__ for each in results) == ["ConcertSchedule", "SaleClosed"]


def test_a_token_that_leaves_while_the_room_closes_ends_once():
    room, (user,), (token,) = line_of(1)

    left, closed, _waited = while_locked(
        TOKENS, partial(leave, user=user, token=token), partial(rooms.close_room, room_id=room.pk)
    )

    assert (left, closed.room.state) == (None, "CLOSED")
    assert QueueEntryHistory.objects.get().outcome == "LEFT"


def test_a_leave_while_all_tokens_are_ended_ends_the_token_once():
    room, (user,), (token,) = line_of(1)

    left, ended, _waited = while_locked(
        TOKENS,
        partial(leave, user=user, token=token),
        partial(rooms.end_all_tokens, room_id=room.pk),
    )

    assert (left, ended) == (None, 0)
    assert QueueEntryHistory.objects.get().outcome == "LEFT"


def test_another_buyers_place_missing_from_the_index_is_not_found():
    room, (user,), (token,) = line_of(1)
    assert index_build.build(room)
    redis.Redis.from_url(settings.REDIS_URL).delete(f"line:{room.pk}:waiting")

    with pytest.raises(NotFound):
        polling.get_position(user=UserFactory(), token=token)
    assert polling.get_position(user=user, token=token).ahead == 0


def test_a_room_page_shows_only_the_users_own_place():
    room, (user,), (token,) = line_of(1)

    assert polling.find_position(user=user, room=room).token == token
    assert polling.find_position(user=UserFactory(), room=room) is None
