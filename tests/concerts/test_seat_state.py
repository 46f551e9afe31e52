"""The states of seats: one shared snapshot, and what a buyer changed since."""

import gzip
import random
from base64 import urlsafe_b64encode
from functools import partial

import brotli
import pytest
import redis
from django.conf import settings as django_settings
from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts.app_tokens import issue_tokens
from concertbook.http.gzip_head import GzipHead
from concerts import seat_map_answers, seat_state_answers
from concerts.errors import SeatTaken
from concerts.models import ConcertSchedule
from concerts.seat_index import builds, looks
from concerts.services import seat_snapshots, seat_states
from concerts.services.seat_editing import SeatDetails, edit_seat
from operations.load.seat_picture import SeatPicture, differences, held_by, unpack
from payments.errors import GivenUpTooOften
from payments.models import Reservation, Ticket
from payments.services.checkout import pay_reservations
from payments.services.holds import hold_seats
from payments.services.releases import release_expired_holds, release_reservation
from payments.services.ticket_cancellation import cancel_ticket
from queueing.services import index_build, join_and_leave
from tests.concurrency.threads import Gate, background
from tests.factories import ScheduleFactory, UserFactory, admitted, bought, held, overdue
from tests.fast_path import FellThrough, ask

# The snapshot follows what is committed.
pytestmark = pytest.mark.django_db(transaction=True)

FOREVER = 10**9


class Viewer:
    """An admitted user with an app that remembers what it was told."""

    def __init__(self, schedule, user=None):
        self.user = user or UserFactory(won=1_000_000)
        self.schedule = schedule
        self.path = f"/api/v1/schedules/{schedule.pk}/seat-state/"
        self.access = issue_tokens(self.user).access
        self.enter()

    def enter(self):
        self.token = admitted(self.user, self.schedule).pk
        self.headers = {
            "Authorization": f"Bearer {self.access}",
            "Queue-Token": str(self.token),
        }

    def ask(self, client, since=None, **headers):
        query = "" if since is None else f"?since={since}"
        return client.get(self.path + query, headers=self.headers | headers)

    def hold(self, *numbers):
        return hold_seats(user=self.user, schedule_id=self.schedule.pk, numbers=numbers)


@pytest.fixture
def see(client):
    """What a viewer sees: a digit for each seat, and the indices of their own."""

    def see(viewer):
        answer = viewer.ask(client).json()
        size = ConcertSchedule.objects.get(pk=viewer.schedule.pk).seat_quantity
        return unpack(answer["states"], size), answer["mine"]

    return see


def test_states_are_two_bits_a_seat_in_the_order_of_the_plan(client):
    schedule = ScheduleFactory(seats=6)
    viewer = Viewer(schedule)
    held(UserFactory(), schedule, 2)
    bought(UserFactory(won=100_000), schedule, 5)
    viewer.hold(6)

    answer = viewer.ask(client)

    body = answer.json()
    assert set(body) == {"plan", "cursor", "states", "mine"}
    assert unpack(body["states"], 6) == "010021"
    assert body["mine"] == [5]
    assert answer["Cache-Control"] == "private, no-cache"


def test_an_own_commit_is_seen_in_a_snapshot_that_is_older(see, frozen):
    schedule = ScheduleFactory(seats=3)
    viewer, other = Viewer(schedule), Viewer(schedule)
    assert see(viewer) == ("000", [])

    reservations = viewer.hold(1, 2)
    assert see(viewer) == ("110", [0, 1])
    release_reservation(user=viewer.user, reservation_id=reservations[0].pk)
    assert see(viewer) == ("010", [1])
    receipt = pay_reservations(user=viewer.user, reservation_ids=[reservations[1].pk])
    viewer.enter()
    assert see(viewer) == ("020", [])
    cancel_ticket(user=viewer.user, ticket_id=receipt.tickets[0].pk)
    assert see(viewer) == ("000", [])
    assert see(other) == ("000", []), "the snapshot has not been rebuilt"


@pytest.mark.parametrize("age", ["REBUILT_IF_CHANGED", "REBUILT", "TOO_OLD"])
def test_anothers_commit_is_seen_when_the_snapshot_is_old_enough(see, frozen, monkeypatch, age):
    schedule = ScheduleFactory(seats=3)
    viewer = Viewer(schedule)
    assert see(viewer) == ("000", [])
    held(UserFactory(), schedule, 2)
    assert see(viewer) == ("000", [])

    monkeypatch.setattr(looks, age, 0)

    assert see(viewer) == ("010", [])


def test_without_a_change_a_young_snapshot_is_not_rebuilt(see, frozen, monkeypatch):
    schedule = ScheduleFactory(seats=3)
    viewer = Viewer(schedule)
    see(viewer)
    monkeypatch.setattr(looks, "REBUILT_IF_CHANGED", 0)
    monkeypatch.setattr(seat_states, "read_snapshot", None)

    assert see(viewer) == ("000", [])


def test_of_two_readers_of_an_old_snapshot_one_builds(see, frozen, monkeypatch):
    schedule = ScheduleFactory(seats=3)
    viewer, other = Viewer(schedule), Viewer(schedule)
    see(viewer)
    held(UserFactory(), schedule, 2)
    monkeypatch.setattr(looks, "REBUILT", 0)
    read = seat_states.read_snapshot
    seen = []

    def look_meanwhile(*args):
        monkeypatch.setattr(seat_states, "_build", None)
        seen.append(see(other))
        return read(*args)

    monkeypatch.setattr(seat_states, "read_snapshot", look_meanwhile)

    assert see(viewer) == ("010", [])
    assert seen == [("000", [])], "the present one is used meanwhile"


# Redis is lost


def flush():
    redis.Redis.from_url(django_settings.REDIS_URL).flushdb()


def test_an_own_commit_is_seen_after_a_flush(see, frozen):
    schedule = ScheduleFactory(seats=3)
    viewer = Viewer(schedule)
    assert see(viewer) == ("000", [])

    viewer.hold(2)
    flush()

    assert see(viewer) == ("010", [1])


def test_a_builder_that_began_before_a_flush_stores_nothing(see, frozen, monkeypatch):
    schedule = ScheduleFactory(seats=3)
    viewer = Viewer(schedule)
    read = seat_states.read_snapshot

    def lose_redis_and_commit(*args):
        """After this the snapshot that is being built is older than a commit that was lost."""
        found = read(*args)
        monkeypatch.setattr(seat_states, "read_snapshot", read)
        viewer.hold(2)
        flush()
        builds.begin(schedule.pk)
        return found

    monkeypatch.setattr(seat_states, "read_snapshot", lose_redis_and_commit)
    see(Viewer(schedule))

    assert see(viewer) == ("010", [1])


def test_of_two_builders_one_stores_its_snapshot(see, frozen, monkeypatch, client):
    schedule = ScheduleFactory(seats=3)
    viewer = Viewer(schedule)
    see(viewer)
    read = seat_states.read_snapshot

    def be_overtaken(*args):
        found = read(*args)
        monkeypatch.setattr(seat_states, "read_snapshot", read)
        held(UserFactory(), schedule, 3)
        seat_states._build_next(schedule.pk)
        return found

    monkeypatch.setattr(seat_states, "read_snapshot", be_overtaken)
    held(UserFactory(), schedule, 1)
    monkeypatch.setattr(looks, "TOO_OLD", 0)
    overtaken = viewer.ask(client).json()
    monkeypatch.setattr(looks, "TOO_OLD", FOREVER)

    assert unpack(overtaken["states"], 3) == "100"
    assert see(viewer) == ("101", [])
    since = viewer.ask(client, since=overtaken["cursor"]).json()
    assert unpack(since["states"], 3) == "101", "its cursor is not taken for the other's"


def test_a_snapshot_of_another_redis_process_is_not_used(see, frozen):
    schedule = ScheduleFactory(seats=3)
    viewer = Viewer(schedule)
    see(viewer)
    key = f"seats:{schedule.pk.hex}:"
    store = redis.Redis.from_url(django_settings.REDIS_URL)
    former = "0" * 40 + store.get(key + "epoch").decode()[40:]
    store.set(key + "epoch", former)
    store.hset(key + "snapshot", "epoch", former)
    held(UserFactory(), schedule, 2)

    assert see(viewer) == ("010", [])


@pytest.mark.usefixtures("_no_redis")
def test_without_redis_the_states_are_read_from_the_table(see):
    schedule = ScheduleFactory(seats=3)
    viewer = Viewer(schedule)
    assert see(viewer) == ("000", [])
    viewer.hold(1)
    held(UserFactory(), schedule, 3)

    assert see(viewer) == ("101", [0])


@pytest.mark.usefixtures("_no_redis")
def test_without_redis_a_process_goes_on_from_its_own_cursor(client):
    schedule = ScheduleFactory(seats=3)
    viewer = Viewer(schedule)
    before = viewer.ask(client).json()
    held(UserFactory(), schedule, 3)

    assert viewer.ask(client, since=before["cursor"]).json()["changes"] == [[2, 1]]


@pytest.mark.usefixtures("_no_redis")
def test_readers_at_the_same_time_share_a_run_that_began_after_they_came():
    schedule = ScheduleFactory(seats=3)
    seat_states._build(schedule.pk)
    runs = []
    gate = Gate(after="clock_timestamp()")
    build = partial(seat_states._build, schedule.pk)

    def read(*args, read=seat_states.read_snapshot):
        runs.append(1)
        return read(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seat_states, "read_snapshot", read)
        with background(build, gate) as first:
            gate.wait()
            held(UserFactory(), schedule, 2)
            with background(build) as second, background(build) as third:
                while not seat_states._flights._next:
                    pass
                gate.open()
                later = [second.result(), third.result()]

    assert first.result().states == bytes(3)
    assert [each.states for each in later] == [bytes([0, 1, 0])] * 2
    assert len(runs) in (2, 3)


# Changes


def test_a_cursor_gets_what_changed_since_it(client, fresh):
    schedule = ScheduleFactory(seats=5)
    viewer = Viewer(schedule)
    before = viewer.ask(client).json()
    held(UserFactory(), schedule, 2, 4)

    after = viewer.ask(client, since=before["cursor"]).json()

    assert (after["changes"], after["mine"]) == ([[1, 1], [3, 1]], [])
    assert "states" not in after
    assert viewer.ask(client, since=after["cursor"]).json()["changes"] == []


def test_a_change_that_was_taken_back_is_told_again(client, frozen, monkeypatch):
    """The viewer saw the own change before any snapshot contained it."""
    schedule = ScheduleFactory(seats=3)
    viewer = Viewer(schedule)
    viewer.ask(client)
    (reservation,) = viewer.hold(2)
    seen = viewer.ask(client).json()
    assert unpack(seen["states"], 3) == "010"
    release_reservation(user=viewer.user, reservation_id=reservation.pk)
    forget_own_changes(viewer)

    monkeypatch.setattr(looks, "TOO_OLD", 0)

    assert viewer.ask(client, since=seen["cursor"]).json()["changes"] == [[1, 0]]


def forget_own_changes(viewer):
    """As after ten seconds."""
    key = f"seats:{viewer.schedule.pk.hex}:own:{viewer.user.pk.hex}"
    assert redis.Redis.from_url(django_settings.REDIS_URL).delete(key)


def test_an_older_own_change_is_not_laid_over_a_newer_snapshot(see, frozen):
    schedule = ScheduleFactory(seats=3)
    viewer = Viewer(schedule)
    (reservation,) = viewer.hold(2)
    store = redis.Redis.from_url(django_settings.REDIS_URL)
    key = f"seats:{schedule.pk.hex}:own:{viewer.user.pk.hex}"
    as_held = store.hgetall(key)
    assert as_held == {b"2": b"1 mine"}
    release_reservation(user=viewer.user, reservation_id=reservation.pk)
    see(viewer)

    store.hset(key, mapping=as_held)

    assert see(viewer) == ("000", [])


def test_the_end_of_a_cooldown_is_seen(client, see, fresh):
    schedule = ScheduleFactory(seats=3, cooldown_seconds=3600)
    viewer = Viewer(schedule)
    (reservation,) = held(UserFactory(), schedule, 2)
    overdue(reservation)
    assert release_expired_holds() == 1
    before = viewer.ask(client).json()
    assert unpack(before["states"], 3) == "010"
    copy = seat_states._copies[schedule.pk]
    assert list(copy.until) == [1]

    copy.until[1] = copy.read_at

    after = viewer.ask(client, since=before["cursor"]).json()
    assert after["changes"] == [[1, 0]]


def test_another_plan_is_named_and_gets_the_whole_states(client, fresh):
    schedule = ScheduleFactory(seats=3)
    viewer = Viewer(schedule)
    before = viewer.ask(client).json()
    details = SeatDetails(label="A-2", section="", grade="S", price=20_000)
    edit_seat(seat_id=schedule.seats.get(number=2).pk, details=details)

    after = viewer.ask(client, since=before["cursor"]).json()

    assert after["plan"] != before["plan"]
    assert unpack(after["states"], 3) == "000"


@pytest.mark.parametrize("cursor", ["x", "1.2", "r0123456.1", "r01234567.", "r01234567.1.1"])
def test_an_invalid_cursor_is_a_bad_request(client, cursor):
    refused = Viewer(ScheduleFactory(seats=1)).ask(client, since=cursor)
    assert (refused.status_code, refused.json()["code"]) == (400, "malformed")


@pytest.mark.parametrize("cursor", ["r01234567.1", "p01234567.999999999"])
def test_an_unknown_cursor_gets_the_whole_states(client, cursor):
    answer = Viewer(ScheduleFactory(seats=1)).ask(client, since=cursor)
    assert "states" in answer.json()


@pytest.mark.parametrize("seed", range(6))
def test_changes_add_up_to_the_table_whatever_happens(client, see, frozen, monkeypatch, seed):
    """Random operations of two buyers; at random, snapshots age and Redis is lost."""
    rng = random.Random(seed)
    schedule = ScheduleFactory(seats=6, purchase_limit=6, cooldown_seconds=rng.choice([0, 3600]))
    buyers = [Viewer(schedule), Viewer(schedule)]
    pictures = {buyer: SeatPicture(schedule.pk) for buyer in buyers}

    def look(buyer):
        picture = pictures[buyer]
        picture.apply(buyer.ask(client, since=picture.cursor or None).json())
        return picture

    for _step in range(40):
        buyer = rng.choice(buyers)
        act_at_random(rng, buyer)
        if rng.random() < 0.15:
            flush()
        if rng.random() < 0.1:
            forget_copies()
        monkeypatch.setattr(looks, "TOO_OLD", 0 if rng.random() < 0.3 else FOREVER)
        mine = look(buyer).my_numbers
        assert mine == held_by(buyer.user.pk, schedule.pk), "its own commits are always seen"
    monkeypatch.setattr(looks, "TOO_OLD", 0)
    for buyer in buyers:
        picture = look(buyer)
        assert differences(picture) == []
        assert ("".join(picture.states), picture.mine) == see(buyer)


def forget_copies():
    """As a process that has just started."""
    seat_states._copies.clear()


def act_at_random(rng, buyer):
    mine = Reservation.objects.filter(user=buyer.user)
    holds = list(mine.filter(status="HOLD"))
    tickets = list(Ticket.objects.filter(user=buyer.user, status="ISSUED"))
    act = rng.choice(["hold", "hold", "release", "pay", "cancel", "expire"])
    try:
        if act == "hold":
            buyer.hold(*rng.sample(range(1, 7), rng.randint(1, 2)))
        elif act == "release" and holds:
            release_reservation(user=buyer.user, reservation_id=rng.choice(holds).pk)
        elif act == "pay" and holds:
            pay_reservations(user=buyer.user, reservation_ids=[rng.choice(holds).pk])
        elif act == "cancel" and tickets:
            cancel_ticket(user=buyer.user, ticket_id=rng.choice(tickets).pk)
        elif act == "expire" and holds:
            overdue(rng.choice(holds))
            release_expired_holds()
            # The sweep's commit is no buyer's own.
            flush()
    except (SeatTaken, GivenUpTooOften):
        pass
    buyer.enter()


# The answer


def test_an_unchanged_map_is_not_sent_again(client, frozen, monkeypatch):
    schedule = ScheduleFactory(seats=3)
    viewer = Viewer(schedule)
    first = viewer.ask(client)
    monkeypatch.setattr(seat_state_answers, "_write_head", None)

    same = viewer.ask(client, **{"If-None-Match": first["ETag"]})
    assert (same.status_code, same.content, same["ETag"]) == (304, b"", first["ETag"])
    monkeypatch.undo()

    viewer.hold(1)
    again = viewer.ask(client, **{"If-None-Match": first["ETag"]})
    assert again.status_code == 200
    assert again["ETag"] != first["ETag"]


def test_an_etag_is_of_one_user_one_cursor_and_one_coding(client):
    schedule = ScheduleFactory(seats=3)
    viewer, other = Viewer(schedule), Viewer(schedule)
    viewer.hold(1)
    mine = viewer.ask(client)
    answers = [
        mine,
        other.ask(client),
        viewer.ask(client, since=mine.json()["cursor"]),
        viewer.ask(client, **{"Accept-Encoding": "gzip"}),
    ]

    etags = {answer["ETag"] for answer in answers}

    assert len(etags) == 4
    assert not any(etag.startswith("W/") for etag in etags)


def test_the_gzipped_answer_is_the_plain_one_with_the_readers_own_seats(client):
    schedule = ScheduleFactory(seats=3)
    viewer, other = Viewer(schedule), Viewer(schedule)
    viewer.hold(1, 3)
    for each in (viewer, other):
        plain = each.ask(client)
        zipped = each.ask(client, **{"Accept-Encoding": "gzip"})
        assert zipped["Content-Encoding"] == "gzip"
        assert "Accept-Encoding" in zipped["Vary"]
        assert gzip.decompress(zipped.content) == plain.content


def test_the_states_of_a_large_hall_are_small_in_the_worst_case():
    states = random.Random(1).choices(range(3), k=20_000)
    body = urlsafe_b64encode(seat_snapshots.pack(bytes(states)))
    assert len(GzipHead(body).with_tail(b"[1,2,3,4]}")) < 6_000


def test_a_snapshot_is_the_same_after_it_was_in_redis():
    schedule = ScheduleFactory(seats=5, cooldown_seconds=3600)
    held(UserFactory(), schedule, 2)
    overdue(*held(UserFactory(), schedule, 3))
    release_expired_holds()
    bought(UserFactory(won=100_000), schedule, 5)
    before = seat_states._build(schedule.pk)
    assert set(before.until) == {1, 2}

    assert seat_snapshots.decode(schedule.pk, seat_snapshots.encode(before)) == before


# The fast path


def ask_fast(viewer, since=None, **headers):
    query = "" if since is None else f"?since={since}"
    return ask(viewer.path + query, **viewer.headers | headers)


@pytest.fixture
def inside():
    schedule = ScheduleFactory(seats=4)
    viewer = Viewer(schedule)
    index_build.build_missing()
    return viewer


def test_the_fast_path_gives_djangos_answer_without_sql(inside, client, django_assert_num_queries):
    inside.hold(2)
    slow = inside.ask(client)

    with django_assert_num_queries(0):
        status, headers, body = ask_fast(inside)

    assert (status, body) == (200, slow.json())
    for name in ("ETag", "Cache-Control", "Content-Type"):
        assert headers[name] == slow[name]
    with django_assert_num_queries(0):
        assert ask_fast(inside, **{"If-None-Match": slow["ETag"]})[0] == 304
        assert ask_fast(inside, since=body["cursor"])[2]["changes"] == []


def test_an_own_hold_is_seen_on_the_fast_path_without_sql(
    inside, frozen, django_assert_num_queries
):
    ask_fast(inside)
    inside.hold(2)

    with django_assert_num_queries(0):
        _status, _headers, body = ask_fast(inside)

    assert (unpack(body["states"], 4), body["mine"]) == ("0100", [1])


def test_a_browser_asks_with_the_credential_of_its_seat_page(
    inside, client, django_assert_num_queries
):
    client.force_login(inside.user)
    client.get(f"/schedules/{inside.schedule.pk}/seats/")
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())

    with django_assert_num_queries(0):
        status, _headers, body = ask(
            inside.path, **{"Cookie": cookies, "Queue-Token": str(inside.token)}
        )

    assert (status, body["mine"]) == (200, [])
    assert inside.path.startswith(client.cookies["line_credential"]["path"])


def test_who_is_not_inside_is_left_to_django(inside, client):
    schedule = inside.schedule
    stranger = Viewer(ScheduleFactory(seats=2))
    index_build.build_missing()
    stranger.path = inside.path
    refused = {
        "another room's token": stranger.headers,
        "another user's token": {**stranger.headers, "Queue-Token": str(inside.token)},
        "no token": {**inside.headers, "Queue-Token": ""},
    }
    for headers in refused.values():
        with pytest.raises(FellThrough):
            ask(inside.path, **headers)
        answer = client.get(inside.path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "queue_not_admitted")
    join_and_leave.leave(user=inside.user, token=inside.token)
    assert inside.ask(client).status_code == 403
    assert ConcertSchedule.objects.filter(pk=schedule.pk).exists()


def test_an_ended_session_is_left_to_django(inside):
    Session.objects.all().delete()
    flush()
    index_build.build_missing()
    with pytest.raises(FellThrough):
        ask_fast(inside)


def test_a_cancelled_schedule_is_refused(inside, client, fresh):
    ConcertSchedule.objects.update(
        cancelled_at=timezone.now(), cancelled_by=UserFactory(), cancel_reason="ill"
    )
    assert inside.ask(client).json()["code"] == "schedule_cancelled"
    with pytest.raises(FellThrough):
        ask_fast(inside)


def test_looking_is_counted_as_a_request_of_the_user(inside, settings):
    settings.REQUESTS_PER_USER = 2
    answers = [ask_fast(inside)[:2] for _request in range(3)]
    assert [status for status, _headers in answers] == [200, 200, 429]
    assert int(answers[2][1]["Retry-After"]) > 0


# The seats with all that the plan knows of them


def seats_path(viewer):
    return f"/api/v1/schedules/{viewer.schedule.pk}/seats/"


def test_the_seats_are_those_of_the_table(inside, client):
    held(UserFactory(), inside.schedule, 2)
    bought(UserFactory(won=100_000), inside.schedule, 3)

    found = client.get(seats_path(inside), headers=inside.headers).json()["seats"]

    fields = ("number", "label", "section", "row", "seat_in_row", "grade", "price", "status")
    assert found == list(inside.schedule.seats.order_by("number").values(*fields))


def test_the_seats_on_the_fast_path_are_djangos_without_sql(
    inside, client, django_assert_num_queries
):
    inside.hold(2)
    slow = client.get(seats_path(inside), headers=inside.headers)

    with django_assert_num_queries(0):
        status, headers, body = ask(seats_path(inside), **inside.headers)
        unchanged = ask(seats_path(inside), **inside.headers, **{"If-None-Match": slow["ETag"]})

    assert (status, body, headers["ETag"]) == (200, slow.json(), slow["ETag"])
    assert (unchanged[0], unchanged[2]) == (304, None)


@pytest.mark.parametrize(
    ("coding", "decompress"), [("br", brotli.decompress), ("gzip", gzip.decompress)]
)
def test_the_seats_are_compressed_once_for_each_snapshot(
    inside, client, frozen, monkeypatch, coding, decompress
):
    plain = client.get(seats_path(inside), headers=inside.headers)
    headers = inside.headers | {"Accept-Encoding": coding}
    small = client.get(seats_path(inside), headers=headers)
    assert small["Content-Encoding"] == coding
    assert decompress(small.content) == plain.content
    assert small["ETag"] != plain["ETag"]
    monkeypatch.setattr(seat_map_answers, "_write", None)

    assert client.get(seats_path(inside), headers=headers).content == small.content
    assert (
        client.get(
            seats_path(inside), headers=headers | {"If-None-Match": plain["ETag"]}
        ).status_code
        == 304
    )


def test_the_changes_on_the_fast_path_are_djangos_without_sql(
    inside, client, django_assert_num_queries
):
    path = f"{seats_path(inside)}changes/"
    before = client.get(path, headers=inside.headers).json()
    inside.hold(2)
    address = f"{path}?since={before['cursor']}"
    slow = client.get(address, headers=inside.headers)

    with django_assert_num_queries(0):
        status, headers, body = ask(address, **inside.headers)

    assert [(seat["number"], seat["status"]) for seat in body["seats"]] == [(2, "HELD")]
    assert (status, body, headers["ETag"]) == (200, slow.json(), slow["ETag"])


def test_an_own_hold_is_seen_among_the_changes(inside, client, frozen):
    path = f"{seats_path(inside)}changes/"
    before = client.get(path, headers=inside.headers)
    address = f"{path}?since={before.json()['cursor']}"
    unchanged = client.get(address, headers=inside.headers)
    assert unchanged.json()["seats"] == []
    inside.hold(2)

    again = client.get(address, headers=inside.headers | {"If-None-Match": unchanged["ETag"]})

    assert [(seat["number"], seat["status"]) for seat in again.json()["seats"]] == [(2, "HELD")]


def test_the_changes_are_compressed(inside, client):
    path = f"{seats_path(inside)}changes/"
    plain = client.get(path, headers=inside.headers)
    small = client.get(path, headers=inside.headers | {"Accept-Encoding": "br"})
    assert small["Content-Encoding"] == "br"
    assert brotli.decompress(small.content) == plain.content


def test_an_own_hold_is_seen_among_the_seats(inside, client, frozen):
    first = client.get(seats_path(inside), headers=inside.headers)
    inside.hold(2)

    again = client.get(
        seats_path(inside), headers=inside.headers | {"If-None-Match": first["ETag"]}
    )
    assert [seat["status"] for seat in again.json()["seats"]][:2] == ["AVAILABLE", "HELD"]


def test_a_hall_without_seats_is_an_empty_list(client):
    viewer = Viewer(ScheduleFactory(seats=0))
    assert client.get(seats_path(viewer), headers=viewer.headers).json() == {"seats": []}
    assert viewer.ask(client).json()["states"] == ""


def test_a_picture_that_differs_from_the_table_is_noticed(client):
    schedule = ScheduleFactory(seats=3)
    viewer = Viewer(schedule)
    picture = SeatPicture(schedule.pk)
    picture.apply(viewer.ask(client).json())
    assert differences(picture) == []

    held(UserFactory(), schedule, 2)

    assert differences(picture) == ["seat 2: 0 instead of 1"]
