"""The draw during joins, leaves and a second beat's tick: drawn once, completely or not at all."""

import pytest
from django.db import IntegrityError, connection

from queueing.models import Draw, QueueToken, WaitingRoom
from queueing.services.admission import admit
from queueing.services.draw_verification import verify
from queueing.services.join_and_leave import join, leave
from tests.concurrency.guards import row_locks
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

LOTS_DRAWN = "WITH participants"
SEED_READ = 'FROM "queueing_draw"'
TOKEN_ENDED = "INSERT INTO"


def waiting_room(n, **fields):
    """A room that has just opened, and n people who wait for the draw."""
    room = WaitingRoomFactory(**{"shuffle": True, "state": "PAUSED", **fields})
    for user in UserFactory.create_batch(n):
        join(user=user, slug=room.slug)
    WaitingRoom.objects.update(state="OPEN")
    return room


def admitting(room):
    return lambda: admit(room_id=room.pk)


def line(room):
    tokens = QueueToken.objects.filter(room=room).order_by("position")
    return list(tokens.values_list("token", flat=True))


def is_drawn():
    return Draw.objects.get().drawn_at is not None


def test_many_ticks_at_once_draw_once():
    room = waiting_room(20, capacity=5)

    results = race(*[admitting(room)] * 4)

    assert sorted(results)[-1] == 5
    assert not [result for result in results if isinstance(result, Exception)]
    assert verify(room).differences == []
    active = QueueToken.objects.active().order_by("position").values_list("token", flat=True)
    assert list(active) == line(room)[:5]


@pytest.mark.negative_control
def test_without_the_rooms_lock_the_database_refuses_the_second_draw():
    room = waiting_room(20, capacity=5)

    with row_locks(WaitingRoom):
        results = race(*[admitting(room)] * 2, meeting=Meeting(SEED_READ))

    (refusal,) = (result for result in results if isinstance(result, IntegrityError))
    assert refusal.__cause__.diag.constraint_name == "queueing_draw_never_changes"
    assert 5 in results
    assert verify(room).differences == []


def test_a_participant_who_leaves_during_the_draw_is_drawn_and_gone():
    room = waiting_room(20, capacity=5)
    leaver = QueueToken.objects.order_by("position")[7]
    gone = Gate(after=TOKEN_ENDED)

    with background(lambda: leave(user=leaver.user, token=leaver.pk), gone) as leaving:
        gone.wait()
        with background(admitting(room)) as tick:
            # The draw has its list, with the leaver on it, and waits for the leaver's row.
            until(a_thread_waits_for_a_lock)
            gone.open()
            assert tick.result() == 5
        assert leaving.result() is None

    leaver.refresh_from_db()
    assert (leaver.status, leaver.drawn_from) == ("EXPIRED", 8)
    assert Draw.objects.get().participants == 20
    assert verify(room).differences == []


def test_a_join_during_the_draw_comes_after_all_participants():
    room = waiting_room(20, capacity=1)
    drawn = Gate(after=LOTS_DRAWN)
    late = UserFactory()

    with background(admitting(room), drawn) as tick:
        drawn.wait()
        place, _new = join(user=late, slug=room.slug)
        drawn.open()
        assert tick.result() == 1

    assert line(room)[-1] == place.token
    assert QueueToken.objects.get(pk=place.token).drawn_from is None
    assert verify(room).differences == []


def test_a_tick_that_dies_after_drawing_has_drawn_nothing():
    room = waiting_room(20, capacity=5)
    came = line(room)
    drawn = Gate(after=LOTS_DRAWN)

    with background(admitting(room), drawn) as tick:
        drawn.wait()
        kill_the_one_in_a_transaction()
        drawn.open()
        assert isinstance(tick.result(), Exception)

    assert (line(room), is_drawn()) == (came, False)
    assert admit(room_id=room.pk) == 5
    assert line(room) != came
    assert verify(room).differences == []


def kill_the_one_in_a_transaction():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND state = 'idle in transaction'"
        )
        assert cursor.fetchall() == [(True,)]


def test_an_uncommitted_join_fixes_whether_the_room_draws_lots():
    room = WaitingRoomFactory(state="PAUSED")
    on_the_way = Gate(after="INSERT INTO queueing_queuetoken")

    with background(taking_a_number(UserFactory(), room), on_the_way) as joining:
        on_the_way.wait()
        turning_on = WaitingRoom.objects.filter(pk=room.pk).update
        with background(lambda: turning_on(shuffle=True)) as turned:
            until(a_thread_waits_for_a_lock)
            on_the_way.open()
            assert isinstance(turned.result(), IntegrityError)
        assert joining.result()

    assert not Draw.objects.exists()
