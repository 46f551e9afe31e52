"""Concurrent holds of the same seats."""

import pytest

from concerts.errors import SeatTaken
from concerts.models import Seat, SeatStatusHistory
from payments.errors import AlreadyPaid, PurchaseLimitExceeded
from payments.models import Reservation
from payments.services.holds import hold_seats
from payments.services.releases import release_expired_holds, release_reservation
from queueing.models import QueueToken, WaitingRoom
from queueing.services.admission import admit
from queueing.services.join_and_leave import join, leave
from tests.concurrency.threads import Gate, background, race
from tests.factories import ScheduleFactory, UserFactory, admitted, bought, held, overdue

pytestmark = pytest.mark.django_db(transaction=True)


def hold(user, schedule, *numbers):
    return lambda: hold_seats(user=user, schedule_id=schedule.pk, numbers=numbers)


def insiders(schedule, n):
    users = UserFactory.create_batch(n)
    for user in users:
        admitted(user, schedule)
    return users


def test_of_50_buyers_of_one_seat_one_wins():
    schedule = ScheduleFactory(seats=1)
    buyers = insiders(schedule, 50)

    results = race(*(hold(buyer, schedule, 1) for buyer in buyers))

    (winner,) = [
        buyer for buyer, result in zip(buyers, results, strict=True) if type(result) is list
    ]
    assert [type(result) for result in results].count(SeatTaken) == 49
    reservation = Reservation.objects.get()
    assert (reservation.user, reservation.status) == (winner, "HOLD")
    seat = Seat.objects.get()
    assert (seat.status, seat.held_by) == ("HELD", winner)
    assert SeatStatusHistory.objects.count() == 1


def test_parallel_holds_by_one_user_never_pass_the_limit():
    schedule = ScheduleFactory(seats=10, purchase_limit=4)
    (user,) = insiders(schedule, 1)

    results = race(*(hold(user, schedule, number) for number in range(1, 11)))

    refused = [result for result in results if type(result) is PurchaseLimitExceeded]
    assert (len(results) - len(refused), len(refused)) == (4, 6)
    assert sorted(Reservation.objects.live().values_list("slot", flat=True)) == [1, 2, 3, 4]
    assert Seat.objects.filter(status="HELD").count() == 4


def test_parallel_holds_of_several_seats_are_all_or_none_within_the_limit():
    schedule = ScheduleFactory(seats=9, purchase_limit=4)
    (user,) = insiders(schedule, 1)

    race(
        hold(user, schedule, 1, 2, 3), hold(user, schedule, 4, 5, 6), hold(user, schedule, 7, 8, 9)
    )

    assert Reservation.objects.live().count() == 3


def test_overlapping_holds_in_opposite_order_do_not_deadlock(settings):
    settings.GIVEN_UP_PER_HOUR = 1_000
    schedule = ScheduleFactory(seats=4)
    one, other = insiders(schedule, 2)

    for _round in range(25):
        results = race(hold(one, schedule, 1, 2, 3, 4), hold(other, schedule, 4, 3, 2, 1))

        assert sorted(type(result).__name__ for result in results) == ["SeatTaken", "list"]
        for reservation in Reservation.objects.filter(status="HOLD"):
            release_reservation(user=reservation.user, reservation_id=reservation.pk)
    assert set(Seat.objects.values_list("status", flat=True)) == {"AVAILABLE"}


def test_partly_overlapping_holds_leave_no_half_taken_choice():
    schedule = ScheduleFactory(seats=5)
    users = insiders(schedule, 3)
    choices = [(1, 2, 3), (3, 4, 5), (5, 1)]

    results = race(
        *(hold(user, schedule, *choice) for user, choice in zip(users, choices, strict=True))
    )

    won = {choice for choice, result in zip(choices, results, strict=True) if type(result) is list}
    assert len(won) == 1, "each two choices share a seat"
    assert set(Reservation.objects.live().values_list("seat__number", flat=True)) == set(won.pop())


def test_two_sweeps_and_a_buyer_free_an_overdue_seat_once():
    schedule = ScheduleFactory(seats=1)
    overdue(*held(UserFactory(), schedule, 1))
    (buyer,) = insiders(schedule, 1)

    race(release_expired_holds, release_expired_holds, hold(buyer, schedule, 1))

    reasons = SeatStatusHistory.objects.order_by("seq").values_list("reason", flat=True)
    assert list(reasons[:2]) == ["held", "hold_expired"]
    assert list(reasons[2:]) in ([], ["held"])
    assert Reservation.objects.filter(status="EXPIRED").count() == 1


def test_letting_go_twice_at_once_frees_the_seat_once():
    schedule = ScheduleFactory(seats=1)
    user = UserFactory()
    (reservation,) = held(user, schedule, 1)

    def let_go():
        release_reservation(user=user, reservation_id=reservation.pk)

    assert race(*[let_go] * 5) == [None] * 5
    reasons = SeatStatusHistory.objects.order_by("seq").values_list("reason", flat=True)
    assert list(reasons) == ["held", "let_go"]


def test_a_sold_seat_cannot_be_let_go():
    user = UserFactory(won=10_000)
    ticket = bought(user, ScheduleFactory(seats=1), 1).tickets[0]

    with pytest.raises(AlreadyPaid):
        release_reservation(user=user, reservation_id=ticket.reservation_id)


def test_a_hold_in_progress_blocks_neither_other_buyers_nor_check_ins():
    schedule = ScheduleFactory(seats=2)
    slow, quick = insiders(schedule, 2)
    room = WaitingRoom.objects.get()
    gate = Gate(after='FROM "concerts_seat"')

    with background(hold(slow, schedule, 1), gate) as holding:
        gate.wait()
        assert type(race(hold(quick, schedule, 2))[0]) is list
        newcomer = UserFactory()
        admitted(newcomer, schedule)
        assert admit(room_id=room.pk) == 0, "no token is left waiting"
        gate.open()
        assert type(holding.result()) is list


def test_leaving_the_line_and_admission_do_not_deadlock():
    schedule = ScheduleFactory()
    room = schedule.concert.waiting_room
    WaitingRoom.objects.update(capacity=1)
    room.refresh_from_db()
    first, second = UserFactory.create_batch(2)
    admitted(first, schedule)
    for _round in range(15):
        token = _waiting(second, room)
        results = race(
            lambda token=token: leave(user=second, token=token),
            lambda: admit(room_id=room.pk),
        )
        assert not [result for result in results if isinstance(result, Exception)], results
    assert QueueToken.objects.live().get().user == first


def _waiting(user, room):
    place, _joined = join(user=user, slug=room.slug)
    assert place.status == "WAITING"
    return place.token
