"""Redis is flushed, killed or restored with old data, and workers die: the order is unchanged."""

import datetime as dt
import os
import shutil
import signal
import subprocess
import sys
import uuid

import pytest
import redis
from django.db import connection
from django.utils import timezone

from queueing.line import build, last_requests, repair
from queueing.line import client as line_client
from queueing.models import QueueToken
from queueing.services import admission, index_build, index_updates, join_and_leave, polling, rooms
from queueing.services.entries import entry_of
from queueing.services.last_requests import write_back_requests
from queueing.services.table_polls import Budget
from scripts.embedded import Valkey
from tests.concurrency.threads import race
from tests.factories import UserFactory, WaitingRoomFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def valkey(tmp_path_factory, settings):
    """A separate Redis for this test, to be killed; it keeps an append-only file."""
    with Valkey(tmp_path_factory.mktemp("valkey"), scratch=True) as server:
        settings.REDIS_URL = server.url
        yield server


@pytest.fixture
def room(valkey):
    """Two inside, five waiting."""
    room = WaitingRoomFactory(capacity=2)
    index_build.build_missing()
    for user in UserFactory.create_batch(7):
        join_and_leave.join(user=user, slug=room.slug)
    assert_index_agrees(room)
    return room


def client():
    from django.conf import settings

    return redis.Redis.from_url(settings.REDIS_URL)


def in_table(room, status):
    tokens = QueueToken.objects.filter(room=room, status=status).order_by("position")
    return [token.pk.bytes + token.user_id.bytes for token in tokens]


def assert_index_agrees(room):
    """Index and table have the same line in the same order, and the same people inside."""
    assert client().zrange(f"line:{room.pk}:waiting", 0, -1) == in_table(room, "WAITING")
    assert set(client().hkeys(f"line:{room.pk}:inside")) == set(in_table(room, "ACTIVE"))


def told_ahead(room):
    """The position that each waiting token is told, by the index or the table."""
    tokens = QueueToken.objects.waiting().filter(room=room).order_by("position")
    return [polling.get_position(user=token.user, token=token.pk).ahead for token in tokens]


def a_buyer_leaves_the_inside(room):
    token = QueueToken.objects.active().filter(room=room).first()
    join_and_leave.leave(user=token.user, token=token.pk)


def test_a_process_connects_anew_as_often_as_redis_breaks(room):
    token = QueueToken.objects.waiting().filter(room=room).first()
    for _break in range(120):
        line_client._thread.forget()
        polling.poll(token=token.pk, user_id=token.user_id, address="")


def test_after_a_flush_polls_are_answered_from_the_table_until_the_index_is_back(room):
    before = in_table(room, "WAITING")
    client().flushall()

    assert told_ahead(room) == [0, 1, 2, 3, 4]
    assert index_build.build_missing() == 1

    assert_index_agrees(room)
    assert in_table(room, "WAITING") == before
    assert told_ahead(room) == [0, 1, 2, 3, 4]


def test_the_line_moves_on_while_redis_is_dead_and_the_index_is_right_when_it_is_back(room, valkey):
    valkey.kill()
    a_buyer_leaves_the_inside(room)
    newcomer = UserFactory()
    place, joined = join_and_leave.join(user=newcomer, slug=room.slug)
    assert (joined, place.ahead) == (True, 4)
    assert told_ahead(room) == [0, 1, 2, 3, 4]

    valkey.start()
    index_build.build_missing()

    assert_index_agrees(room)
    assert told_ahead(room) == [0, 1, 2, 3, 4]


def test_an_index_in_a_redis_with_older_data_is_not_used(room, valkey, tmp_path):
    valkey.stop()
    snapshot = tmp_path / "snapshot"
    shutil.copytree(valkey.folder / "appendonlydir", snapshot)
    valkey.start()
    index_build.build_missing()
    for _ in range(2):
        a_buyer_leaves_the_inside(room)
    join_and_leave.join(user=UserFactory(), slug=room.slug)
    assert_index_agrees(room)

    valkey.kill()
    shutil.rmtree(valkey.folder / "appendonlydir")
    shutil.copytree(snapshot, valkey.folder / "appendonlydir")
    give_to_the_servers_user(valkey.folder)
    valkey.start()
    assert len(client().zrange(f"line:{room.pk}:waiting", 0, -1)) == 5, "it did come back old"
    assert told_ahead(room) == [0, 1, 2, 3], "polls do not believe it either"
    admission.admit(room_id=room.pk)
    assert index_build.build_missing() == 1

    assert_index_agrees(room)
    assert told_ahead(room) == [0, 1, 2, 3]


def give_to_the_servers_user(folder):
    owner = folder.stat()
    for path in folder.rglob("*"):
        os.chown(path, owner.st_uid, owner.st_gid)


def test_no_token_is_ended_as_idle_after_redis_lost_its_polls(room, valkey):
    room.idle_seconds = 1
    room.save()
    client().flushall()
    index_build.build_missing()

    admission.admit(room_id=room.pk)

    assert QueueToken.objects.waiting().count() == 5


KILLED_AFTER_THE_COMMIT = """
import os, signal, sys
import django
django.setup()
from unittest import mock
from queueing.services import admission, index_updates
def die(*args, **options):
    os.kill(os.getpid(), signal.SIGKILL)
with mock.patch.object(index_updates, "follow", die):
    admission.admit(room_id=int(sys.argv[1]))
"""


def test_a_worker_killed_between_commit_and_index_leaves_it_to_the_next_tick(room, settings):
    room.capacity = 4
    room.save()
    database = connection.settings_dict
    url = (
        f"postgresql://{database['USER']}@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    )
    environment = {**os.environ, "DATABASE_URL": url, "REDIS_URL": settings.REDIS_URL}

    worker = subprocess.run(
        [sys.executable, "-c", KILLED_AFTER_THE_COMMIT, str(room.pk)],
        env=environment,
        check=False,
        timeout=60,
    )

    assert worker.returncode == -signal.SIGKILL
    assert QueueToken.objects.active().count() == 4, "it had committed"
    assert client().hlen(f"line:{room.pk}:inside") == 2, "and had not told the index"
    assert admission.admit(room_id=room.pk) == 0
    assert_index_agrees(room)
    assert told_ahead(room) == [0, 1, 2]


def test_a_join_that_never_reached_the_index_is_in_it_after_the_next_tick(room, monkeypatch):
    with monkeypatch.context() as dying:
        dying.setattr(join_and_leave, "enter", lambda **_: pytest.fail("killed"))
        with pytest.raises(pytest.fail.Exception):
            join_and_leave.join(user=UserFactory(), slug=room.slug)
    assert client().zcard(f"line:{room.pk}:waiting") == 5

    admission.admit(room_id=room.pk)

    assert_index_agrees(room)
    assert told_ahead(room) == [0, 1, 2, 3, 4, 5]


def test_a_token_missing_from_the_index_is_added_by_its_own_poll(room):
    token = QueueToken.objects.waiting().order_by("position")[2]
    client().zrem(f"line:{room.pk}:waiting", token.pk.bytes + token.user_id.bytes)

    assert polling.get_position(user=token.user, token=token.pk).ahead == 2

    assert_index_agrees(room)


def test_a_leave_missed_by_the_index_is_cleared_when_the_line_has_passed(room, monkeypatch):
    token = QueueToken.objects.waiting().order_by("position").first()
    with monkeypatch.context() as dying:
        dying.setattr(index_updates, "forget", lambda *_: None)
        dying.setattr(join_and_leave, "admit", lambda **_: None)
        join_and_leave.leave(user=token.user, token=token.pk)
    assert client().zcard(f"line:{room.pk}:waiting") == 5

    admission.admit(room_id=room.pk)

    assert_index_agrees(room)


def test_two_ticks_at_once_leave_one_index(room):
    room.capacity = 5
    room.save()

    race(*[lambda: admission.admit(room_id=room.pk)] * 4)
    admission.admit(room_id=room.pk)

    assert QueueToken.objects.active().count() == 5
    assert_index_agrees(room)


def test_two_repairs_at_once_leave_those_who_are_inside(room, monkeypatch):
    room.capacity = 2
    room.save()
    admission.admit(room_id=room.pk)
    active = [entry_of(token) for token in QueueToken.objects.active().filter(room=room)]
    write = repair.write_inside

    def meanwhile(*args):
        write(*args)
        monkeypatch.setattr(repair, "write_inside", write)
        repair.replace_inside(room.pk, active)

    monkeypatch.setattr(repair, "write_inside", meanwhile)
    repair.replace_inside(room.pk, active)

    assert_index_agrees(room)


def test_the_index_is_built_by_one_builder_at_a_time(room, monkeypatch):
    built = []
    fill = build._fill
    meanwhile = []

    def slowly(*args):
        built.append(args)
        if not meanwhile:
            meanwhile.append(race(lambda: index_build.build(room))[0])
        fill(*args)

    monkeypatch.setattr(build, "_fill", slowly)
    assert index_build.build(room) is True

    assert meanwhile == [False]
    assert len(built) == 1
    assert_index_agrees(room)


def test_changes_during_a_build_of_the_index_are_in_the_new_index(room, monkeypatch):
    fill = build._fill
    leaver = QueueToken.objects.waiting().order_by("position")[3]

    def busy(client_, keys, batches):
        fill(client_, keys, list(batches))
        race(lambda: join_and_leave.leave(user=leaver.user, token=leaver.pk))
        race(lambda: join_and_leave.join(user=UserFactory(), slug=room.slug))
        race(lambda: a_buyer_leaves_the_inside(room))

    monkeypatch.setattr(build, "_fill", busy)
    index_build.build(room)
    admission.admit(room_id=room.pk)

    assert_index_agrees(room)
    assert told_ahead(room) == [0, 1, 2, 3]


def test_polls_above_the_limit_of_the_table_get_503(room, app, monkeypatch):
    token = QueueToken.objects.waiting().first()
    phone = app(token.user)
    client().flushall()
    monkeypatch.setattr(polling, "budget", Budget(per_second=1))

    first, second = (phone.get(f"/api/v1/queue-tokens/{token.pk}/") for _ in range(2))

    assert first.status_code == 200
    assert (second.status_code, second.json()["code"]) == (503, "unavailable")
    assert 10 <= int(second["Retry-After"]) <= 60


def test_the_last_requests_are_written_to_the_table_once(room):
    token = QueueToken.objects.waiting().first()
    before = token.last_request_at
    write_back_requests()
    polling.get_position(user=token.user, token=token.pk)

    assert write_back_requests() == 1
    assert write_back_requests() == 0

    token.refresh_from_db()
    assert token.last_request_at > before


def test_write_back_goes_on_where_a_killed_one_stopped(room):
    token = QueueToken.objects.waiting().first()
    write_back_requests()
    polling.get_position(user=token.user, token=token.pk)
    next(last_requests.take(room.pk))

    assert write_back_requests() == 1


def test_an_order_that_was_drawn_is_in_the_index_even_when_the_drawer_died(valkey, monkeypatch):
    opens_at = timezone.now() + dt.timedelta(hours=1)
    room = WaitingRoomFactory(state="SCHEDULED", opens_at=opens_at, shuffle=True, capacity=1)
    index_build.build_missing()
    for user in UserFactory.create_batch(12):
        join_and_leave.join(user=user, slug=room.slug)
    assert_index_agrees(room)
    rooms.open_room(room_id=room.pk)
    with monkeypatch.context() as dying:
        dying.setattr(index_updates, "follow", lambda *_, **__: None)
        admission.admit(room_id=room.pk)

    admission.admit(room_id=room.pk)
    index_build.build_missing()

    assert_index_agrees(room)
    assert told_ahead(room) == list(range(11))


def test_a_web_request_never_draws_lots(valkey):
    room = WaitingRoomFactory(shuffle=True)
    user = UserFactory()

    place, _joined = join_and_leave.join(user=user, slug=room.slug)
    assert place.status == "WAITING"
    join_and_leave.leave(user=user, token=place.token)

    room.draw.refresh_from_db()
    assert room.draw.drawn_at is None


def test_an_index_dropped_during_a_tick_does_not_come_back_incomplete(room, monkeypatch):
    agree = index_updates._agree_on_inside

    def dropping(of_room):
        client().flushdb()
        return agree(of_room)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(index_updates, "_agree_on_inside", dropping)
        admission.admit(room_id=room.pk)
    rooms.tell_seats_left(room_id=room.pk, seats=9)

    assert not client().exists(f"line:{room.pk}:room")
    admission.admit_waiting()
    index_build.build_missing()
    assert_index_agrees(room)
    assert told_ahead(room) == [0, 1, 2, 3, 4]


def test_a_poll_in_a_closed_room_says_so_before_the_token_is_ended(room, monkeypatch):
    monkeypatch.setattr(rooms, "BATCH", 1)
    monkeypatch.setattr(admission, "MOST_AT_ONCE", 1)
    last = QueueToken.objects.waiting().order_by("-position").first()

    rooms.close_room(room_id=room.pk)
    admission.admit_waiting()

    assert QueueToken.objects.get(pk=last.pk).status == "WAITING"
    assert polling.get_position(user=last.user, token=last.pk).status == "EXPIRED"


def test_an_extended_admission_is_told_as_extended(room):
    token = QueueToken.objects.active().first()
    longer = token.expires_at + dt.timedelta(minutes=1)
    QueueToken.objects.filter(pk=token.pk).update(expires_at=longer)

    admission.admit(room_id=room.pk)

    told = polling.get_position(user=token.user, token=token.pk).expires_at
    assert abs(told - longer) < dt.timedelta(milliseconds=1)


def test_two_wrongs_inside_that_make_the_right_number_are_put_right(room):
    inside = f"line:{room.pk}:inside"
    person = client().hkeys(inside)[0]
    client().hdel(inside, person)
    client().hset(inside, b"x" * 32, "3 1800000000000")

    admission.admit(room_id=room.pk)

    assert_index_agrees(room)


def test_a_buyer_idle_during_a_pause_is_not_ended_after_it(room):
    rooms.pause_room(room_id=room.pk)
    admission.admit(room_id=room.pk)
    client().zadd(f"line:{room.pk}:due", {str(n): 1 for n in range(3, 8)})
    rooms.open_room(room_id=room.pk)

    for _ in range(3):
        admission.admit(room_id=room.pk)

    assert QueueToken.objects.waiting().count() == 5


def test_made_up_tokens_are_counted_as_polls(room, app, settings):
    settings.POLLS_PER_USER = 3
    phone = app(UserFactory())

    statuses = [phone.get(f"/api/v1/queue-tokens/{uuid.uuid4()}/").status_code for _ in range(4)]

    assert statuses == [404, 404, 404, 429]
