"""Concurrent joins and ticks: no admission past capacity, no buyer overtaken."""

import pytest

from queueing.models import QueueEntryHistory, QueueToken, WaitingRoom
from queueing.services.admission import admit
from queueing.services.join_and_leave import join, leave
from tests.concurrency.joins import taking_a_number
from tests.concurrency.threads import (
    Gate,
    Meeting,
    a_thread_waits_for_a_lock,
    background,
    race,
    until,
)
from tests.factories import UserFactory, WaitingRoomFactory

pytestmark = pytest.mark.django_db(transaction=True)

NUMBER_DRAWN = "INSERT INTO queueing_queuetoken"
ADMISSIONS_COUNTED = '"queueing_queuetoken"."available_at" >'


def joining(user, room):
    return lambda: join(user=user, slug=room.slug)


def admitting(room):
    return lambda: admit(room_id=room.pk)


def line_of(room, n):
    """n people in line of a room that is not open yet."""
    WaitingRoom.objects.filter(pk=room.pk).update(state="PAUSED")
    users = UserFactory.create_batch(n)
    for user in users:
        join(user=user, slug=room.slug)
    WaitingRoom.objects.filter(pk=room.pk).update(state="OPEN")
    return users


def inside(room):
    return list(
        QueueToken.objects.active()
        .filter(room=room)
        .order_by("position")
        .values_list("user", flat=True)
    )


def test_many_ticks_at_once_fill_the_room_and_no_more():
    room = WaitingRoomFactory(capacity=3)
    users = line_of(room, 8)

    race(*[admitting(room)] * 6)

    assert inside(room) == [user.pk for user in users[:3]]


def test_two_concurrent_ticks_do_not_fill_a_free_place_twice():
    room = WaitingRoomFactory(capacity=1)
    first, _second = line_of(room, 2)

    let_in = race(*[admitting(room)] * 2, meeting=Meeting(ADMISSIONS_COUNTED))

    assert sorted(let_in) == [0, 1]
    assert inside(room) == [first.pk]


def test_buyers_who_join_at_once_are_let_in_in_order_of_their_numbers():
    room = WaitingRoomFactory(capacity=5)
    users = UserFactory.create_batch(20)

    race(*(joining(user, room) for user in users), *[admitting(room)] * 4)
    admit(room_id=room.pk)

    line = list(QueueToken.objects.order_by("position").values_list("status", flat=True))
    assert line == ["ACTIVE"] * 5 + ["WAITING"] * 15


def test_one_person_joining_many_times_at_once_gets_one_place():
    room = WaitingRoomFactory()
    user = UserFactory()

    results = race(*[joining(user, room)] * 8)

    assert len({place.token for place, _joined in results}) == 1
    assert [joined for _place, joined in results].count(True) == 1
    assert QueueToken.objects.count() == 1


def test_a_join_that_has_its_number_but_has_not_committed_is_not_overtaken():
    room = WaitingRoomFactory(capacity=1)
    early, late = UserFactory.create_batch(2)
    before_commit = Gate(after=NUMBER_DRAWN)

    with background(taking_a_number(early, room), before_commit) as earlier:
        before_commit.wait()
        with background(joining(late, room)) as later:
            # The later join is committed; admission waits until the earlier one has committed.
            until(lambda: QueueToken.objects.filter(user=late).exists())
            until(a_thread_waits_for_a_lock)
            assert not inside(room)
            before_commit.open()
            _token, position = earlier.result()
            assert later.result()[0].position > position

    assert inside(room) == [early.pk]


def test_leaving_twice_at_once_is_leaving_once():
    room = WaitingRoomFactory()
    user = UserFactory()
    token = join(user=user, slug=room.slug)[0].token

    assert race(*[lambda: leave(user=user, token=token)] * 4) == [None] * 4
    assert QueueEntryHistory.objects.get().outcome == "LEFT"


def test_leaving_while_being_let_in_leaves_the_room_usable():
    room = WaitingRoomFactory(capacity=1)
    (user, next_one) = line_of(room, 2)
    token = QueueToken.objects.get(user=user)

    results = race(lambda: leave(user=user, token=token.pk), *[admitting(room)] * 3)
    admit(room_id=room.pk)

    assert not [result for result in results if isinstance(result, Exception)]
    assert inside(room) == [next_one.pk]
