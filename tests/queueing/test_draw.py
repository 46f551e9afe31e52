"""The draw at the opening: by a seed committed before, and verifiable by participants."""

import hashlib
import hmac
import re
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from queueing.models import Draw, QueueToken, WaitingRoom
from queueing.services import admission, draw_results, draw_verification, join_and_leave
from queueing.services.draw_verification import verify
from tests.factories import StaffFactory, UserFactory, WaitingRoomFactory

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).resolve().parents[2]


def line_of(room, n):
    users = UserFactory.create_batch(n)
    for user in users:
        join_and_leave.join(user=user, slug=room.slug)
    return users


def waiting_room(n, **fields):
    """A room that draws lots when it opens, and n people in its line."""
    room = WaitingRoomFactory(**{"shuffle": True, "state": "PAUSED", **fields})
    line_of(room, n)
    return room


def open_room(room):
    WaitingRoom.objects.filter(pk=room.pk).update(state="OPEN")
    return admission.admit(room_id=room.pk)


def drawn_room(n, **fields):
    room = waiting_room(n, **fields)
    open_room(room)
    return room


def line(room):
    return list(
        QueueToken.objects.filter(room=room).order_by("position").values_list("token", flat=True)
    )


def by_hand(room):
    """The order that the seed gives, computed with hmac."""
    seed = bytes(Draw.objects.get(room=room).seed)
    tokens = QueueToken.objects.filter(room=room).values_list("token", flat=True)
    return sorted(tokens, key=lambda token: hmac.digest(seed, token.bytes, "sha256"))


# --- The draw ------------------------------------------------------------------------------------


def test_a_room_that_shuffles_commits_to_a_seed_from_the_beginning():
    room, other = WaitingRoomFactory(shuffle=True), WaitingRoomFactory(shuffle=True)
    draw = Draw.objects.get(room=room)

    assert draw.commitment == hashlib.sha256(draw.seed).hexdigest()
    assert len(draw.seed) == 32
    assert draw.drawn_at is None
    assert draw.commitment != other.draw.commitment


def test_a_room_set_to_shuffle_later_commits_to_one_seed():
    room = WaitingRoomFactory()
    assert not Draw.objects.exists()

    for shuffle in (True, False, True):
        WaitingRoom.objects.filter(pk=room.pk).update(shuffle=shuffle)
        draw = Draw.objects.get()
        assert draw == Draw.objects.get(room=room, commitment=draw.commitment)


def test_the_line_stands_in_the_order_of_the_lots():
    room = waiting_room(30, capacity=7)
    came = line(room)

    let_in = open_room(room)

    assert line(room) == by_hand(room) != came
    assert let_in == 7
    assert list(QueueToken.objects.active().values_list("token", flat=True)) == by_hand(room)[:7]


def test_the_drawn_share_the_numbers_they_came_with():
    room = waiting_room(10)
    leaver = QueueToken.objects.order_by("position")[3]
    join_and_leave.leave(user=leaver.user, token=leaver.pk)
    before = dict(QueueToken.objects.waiting().values_list("token", "position"))

    open_room(room)

    after = dict(QueueToken.objects.active().values_list("token", "position"))
    assert sorted(after.values()) == sorted(before.values())
    assert dict(QueueToken.objects.active().values_list("token", "drawn_from")) == before
    leaver.refresh_from_db()
    assert (leaver.position, leaver.drawn_from) == (4, None)


def test_the_draw_is_recorded():
    room = drawn_room(5)
    done = Draw.objects.get(room=room)
    tokens = sorted(token.bytes for token in line(room))

    assert done.participants == 5
    assert done.participants_hash == hashlib.sha256(b"".join(tokens)).hexdigest()
    assert done.drawn_at > done.committed_at


def test_no_token_is_admitted_or_drawn_before_the_opening():
    room = waiting_room(3)

    admission.admit(room_id=room.pk)

    assert not QueueToken.objects.active().exists()
    assert Draw.objects.get(room=room).drawn_at is None


def test_the_first_join_after_the_opening_does_not_come_before_the_draw():
    room = waiting_room(20, capacity=1)
    WaitingRoom.objects.update(state="OPEN")

    late = UserFactory()
    join_and_leave.join(user=late, slug=room.slug)
    admission.admit(room_id=room.pk)

    assert QueueToken.objects.active().get().token == by_hand(room)[0]


def test_joins_after_the_draw_come_after_all_participants_in_their_order():
    room = drawn_room(8, capacity=1)

    late = [
        join_and_leave.join(user=user, slug=room.slug)[0].token
        for user in UserFactory.create_batch(3)
    ]

    assert line(room)[8:] == late


def test_lots_are_drawn_once():
    room = drawn_room(12, capacity=1)
    order, done = line(room), Draw.objects.values().get()
    WaitingRoom.objects.update(state="PAUSED")

    open_room(room)

    assert (line(room), Draw.objects.values().get()) == (order, done)


def test_a_room_without_joins_draws_without_participants():
    room = drawn_room(0)
    done = Draw.objects.get(room=room)
    line_of(room, 3)

    assert (done.participants, done.participants_hash) == (0, hashlib.sha256(b"").hexdigest())
    assert not QueueToken.objects.exclude(drawn_from=None).exists()
    assert verify(room).differences == []


def test_a_room_that_does_not_shuffle_is_not_queried_for_a_draw():
    room = waiting_room(5, shuffle=False)
    order = line(room)
    with CaptureQueriesContext(connection) as queries:
        open_room(room)

    assert line(room) == order
    assert not [query for query in queries if "queueing_draw" in query["sql"]]


def test_two_rooms_draw_by_themselves():
    one, other = waiting_room(4), waiting_room(4)

    open_room(one)

    assert Draw.objects.get(room=other).drawn_at is None
    assert not QueueToken.objects.filter(room=other).exclude(drawn_from=None).exists()


def test_a_failure_after_the_draw_rolls_the_draw_back():
    room = waiting_room(10)
    order = line(room)
    with mock.patch.object(admission, "_admit_first", side_effect=OSError), pytest.raises(OSError):  # noqa: PT011
        open_room(room)

    assert line(room) == order
    assert Draw.objects.get(room=room).drawn_at is None
    open_room(room)
    assert line(room) == by_hand(room)


# --- Verification --------------------------------------------------------------------------------


def swap(one, other):
    """Swap two positions by SQL."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE queueing_queuetoken SET position = CASE token WHEN %s THEN %s ELSE %s END"
            " WHERE token IN (%s, %s)",
            [one.pk, other.position, one.position, one.pk, other.pk],
        )


def verify_draw(slug, capsys):
    """The command's output, and its error."""
    try:
        call_command("verify_draw", slug)
    except CommandError as error:
        return capsys.readouterr().out, str(error)
    return capsys.readouterr().out, None


def test_an_unchanged_draw_is_verified(capsys):
    room = drawn_room(6)
    done = Draw.objects.get(room=room)

    said, failed = verify_draw(room.slug, capsys)

    assert failed is None
    assert "Every position is as drawn." in said
    for published in (done.commitment, bytes(done.seed).hex(), done.participants_hash):
        assert published in said
    assert re.search(r"^participants: +6$", said, re.MULTILINE)


def test_it_is_as_drawn_after_people_left_were_let_in_and_came(capsys):
    room = waiting_room(9, capacity=2)
    early, *_ = QueueToken.objects.order_by("position")
    join_and_leave.leave(user=early.user, token=early.pk)
    open_room(room)
    line_of(room, 2)
    for status in ("ACTIVE", "WAITING"):
        gone = QueueToken.objects.filter(status=status).first()
        join_and_leave.leave(user=gone.user, token=gone.pk)

    assert verify(room).differences == []


def test_two_swapped_places_are_found(capsys):
    room = drawn_room(6)
    one, other = QueueToken.objects.order_by("position")[1:3]
    swap(one, other)

    said, failed = verify_draw(room.slug, capsys)

    assert failed == "2 things are not as drawn."
    expected = f"position of {one.pk}: found {other.position}, expected {one.position}"
    assert expected in said.splitlines()
    assert "as drawn." not in said


def test_a_removed_participant_is_reported():
    room = drawn_room(4)
    QueueToken.objects.filter(pk=line(room)[0]).update(drawn_from=None)

    found = {difference.what for difference in verify(room).differences}

    assert {"number of participants", "hash of the participants"} <= found


def test_a_token_inserted_before_the_participants_is_found():
    room = drawn_room(4)
    place, _new = join_and_leave.join(user=UserFactory(), slug=room.slug)
    QueueToken.objects.filter(pk=place.token).update(position=0)

    (difference,) = verify(room).differences

    assert str(difference) == f"position of {place.token}: found 0, expected none, it was not drawn"


def test_another_seed_is_found():
    room = drawn_room(4)
    done = draw_results.get_draw(slug=room.slug)
    done.seed = bytes(32)
    with mock.patch.object(draw_verification, "get_draw", return_value=done):
        assert "commitment" in {difference.what for difference in verify(room).differences}


def test_a_draw_to_come_tells_no_seed(capsys):
    room = waiting_room(3)

    said, failed = verify_draw(room.slug, capsys)

    assert failed == "The lots are not drawn yet."
    assert room.draw.commitment in said
    assert bytes(room.draw.seed).hex() not in said


@pytest.mark.parametrize("slug", ["plain", "nowhere"])
def test_a_room_without_lots_has_nothing_to_verify(slug, capsys):
    WaitingRoomFactory(slug="plain")

    assert verify_draw(slug, capsys) == ("", f"No waiting room {slug} that draws lots.")


# --- The public API and page ---------------------------------------------------------------------


def api(room, rest=""):
    return f"/api/v1/waiting-rooms/{room.slug}/draw/{rest}"


def test_before_the_draw_the_commitment_is_public_and_the_seed_is_not(app, client):
    room = waiting_room(3)
    draw = Draw.objects.get(room=room)

    answer = app().get(api(room))

    assert answer.json() == {
        "commitment": draw.commitment,
        "committed_at": draw.committed_at.isoformat().replace("+00:00", "Z"),
        "drawn_at": None,
        "seed": None,
        "participants": None,
        "participants_hash": None,
    }
    for address in (api(room), f"/rooms/{room.slug}/draw/", f"/rooms/{room.slug}/"):
        assert bytes(draw.seed).hex() not in client.get(address).content.decode()


def test_after_the_draw_everything_is_public(app):
    room = drawn_room(3)
    done = Draw.objects.get(room=room)

    answer = app().get(api(room)).json()

    assert answer["seed"] == bytes(done.seed).hex()
    assert (answer["participants"], answer["participants_hash"]) == (3, done.participants_hash)
    assert answer["drawn_at"] is not None


@pytest.mark.parametrize("accept", ["*/*", "text/plain", "text/html,*/*;q=0.8"])
def test_the_list_has_every_participant_in_the_order_drawn(app, accept):
    room = drawn_room(5)
    order = line(room)
    line_of(room, 1)

    answer = app().get(api(room, "participants/"), headers={"accept": accept})

    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert b"".join(answer).decode() == "".join(f"{token}\n" for token in order)


@pytest.mark.parametrize("accept", ["*/*", "text/plain"])
def test_there_is_no_list_before_the_draw(app, accept):
    answer = app().get(api(waiting_room(3), "participants/"), headers={"accept": accept})

    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
    assert answer.json()["code"] == "not_found"


def test_a_room_that_does_not_shuffle_has_no_draw(app, client):
    turned_off = WaitingRoomFactory(shuffle=True)
    WaitingRoom.objects.filter(pk=turned_off.pk).update(shuffle=False)
    for room in (WaitingRoomFactory(), turned_off):
        for address in (api(room), api(room, "participants/"), f"/rooms/{room.slug}/draw/"):
            assert client.get(address).status_code == 404


@pytest.mark.parametrize("language", ["ko", "en"])
def test_the_page_shows_the_commitment_then_the_seed_and_the_list(client, language):
    room = waiting_room(3)
    address = f"/rooms/{room.slug}/draw/"
    draw = Draw.objects.get(room=room)

    before = client.get(address, headers={"accept-language": language}).content.decode()
    open_room(room)
    after = client.get(address, headers={"accept-language": language}).content.decode()

    assert draw.commitment in before
    assert draw.commitment in after
    assert api(room, "participants/") not in before
    assert api(room, "participants/") in after
    assert bytes(draw.seed).hex() in after


def test_a_participant_sees_the_own_token_and_then_the_own_number(client):
    room = waiting_room(5)
    mine = QueueToken.objects.order_by("position").last()
    client.force_login(mine.user)
    address = f"/rooms/{room.slug}/draw/lot/"

    before = client.get(address)
    open_room(room)
    after = client.get(address, headers={"accept-language": "en"})

    assert before.context["lot"] == draw_results.Lot(token=mine.pk, number=None)
    number = by_hand(room).index(mine.pk) + 1
    assert after.context["lot"] == draw_results.Lot(token=mine.pk, number=number)
    assert f"You were drawn as number {number} of 5." in after.content.decode()


def test_a_participant_who_left_and_rejoined_sees_the_lot_that_was_drawn(client):
    room = drawn_room(3, capacity=1)
    mine = QueueToken.objects.waiting().first()
    join_and_leave.leave(user=mine.user, token=mine.pk)
    join_and_leave.join(user=mine.user, slug=room.slug)
    client.force_login(mine.user)

    assert client.get(f"/rooms/{room.slug}/draw/lot/").context["lot"].token == mine.pk


def test_a_buyer_who_joined_after_the_draw_has_no_lot(client):
    room = drawn_room(3)
    late = UserFactory()
    join_and_leave.join(user=late, slug=room.slug)
    client.force_login(late)

    page = client.get(f"/rooms/{room.slug}/draw/lot/", headers={"accept-language": "en"})

    assert page.context["lot"] is None
    assert "You were not in line when lots were drawn" in page.content.decode()


def test_the_waiting_room_leads_to_the_draw_if_there_is_one(client):
    client.force_login(UserFactory())
    for shuffle in (True, False):
        room = WaitingRoomFactory(shuffle=shuffle)
        page = client.get(f"/rooms/{room.slug}/").content.decode()
        assert (f"/rooms/{room.slug}/draw/" in page) == shuffle


# --- The program in the docs ---------------------------------------------------------------------


def check(room, tmp_path, app, *mine, **forged):
    """Run the program in docs/draw.md on the API's answers, with ``forged`` values."""
    (program,) = re.findall(
        r"^```python\n(.*?)^```$", (ROOT / "docs/draw.md").read_text(), re.DOTALL | re.MULTILINE
    )
    listed = b"".join(app().get(api(room, "participants/"))).decode()
    published = {**app().get(api(room)).json(), "list": listed, **forged}
    (tmp_path / "check.py").write_text(program)
    (tmp_path / "list.txt").write_text(published["list"])
    figures = [published[name] for name in ("commitment", "seed", "participants_hash")]
    return subprocess.run(
        [sys.executable, "-I", "-X", "dev", "check.py", *figures, "list.txt", *map(str, mine)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_program_in_the_docs_agrees_with_a_real_draw(app, tmp_path):
    room = drawn_room(7)
    mine = line(room)[4]

    ran = check(room, tmp_path, app, mine)

    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.splitlines() == ["7 people stand in the order drawn.", f"{mine} is number 5."]


def test_the_program_in_the_docs_detects_forgeries(app, tmp_path):
    room = drawn_room(7)
    tokens = [f"{token}\n" for token in line(room)]
    stranger = UserFactory().pk

    assert "seed" in check(room, tmp_path, app, seed="00" * 32).stderr
    assert "list" in check(room, tmp_path, app, list="".join(tokens[1:])).stderr
    assert "order" in check(room, tmp_path, app, list="".join(reversed(tokens))).stderr
    assert "took no part" in check(room, tmp_path, app, stranger).stderr


# --- The admin -----------------------------------------------------------------------------------


@pytest.fixture
def operator(client):
    client.force_login(StaffFactory(is_superuser=True))
    return client


def figures(room, **fields):
    names = ("title", "capacity", "admit_per_minute", "active_seconds", "idle_seconds")
    return {**{name: getattr(room, name) for name in names}, **fields}


def room_page(room):
    return f"/admin/queueing/waitingroom/{room.pk}/change/"


def test_an_operator_can_set_a_room_to_shuffle_until_the_first_join(operator):
    room = WaitingRoomFactory()

    assert operator.post(room_page(room), figures(room, shuffle="on")).status_code == 302
    assert WaitingRoom.objects.get().shuffle
    line_of(room, 1)
    assert operator.post(room_page(room), figures(room, title="New")).status_code == 302

    room.refresh_from_db()
    assert (room.title, room.shuffle) == ("New", True)
    assert b'name="shuffle"' not in operator.get(room_page(room)).content


def test_an_operator_does_not_turn_the_shuffle_off_after_the_draw(operator):
    room = drawn_room(0)

    assert operator.post(room_page(room), figures(room)).status_code == 302

    assert WaitingRoom.objects.get().shuffle


def test_an_operator_never_sees_the_seed_but_is_led_to_the_public_page(operator):
    room = waiting_room(2)
    page = operator.get(f"/admin/queueing/draw/{room.pk}/change/").content.decode()

    assert room.draw.commitment in page
    assert f"/rooms/{room.slug}/draw/" in page
    for shape in (bytes(room.draw.seed).hex(), repr(bytes(room.draw.seed))):
        assert shape not in page


def test_a_room_set_to_shuffle_is_deleted_with_its_draw(operator):
    room = WaitingRoomFactory(shuffle=True)

    operator.post(f"/admin/queueing/waitingroom/{room.pk}/delete/", {"post": "yes"})

    assert not WaitingRoom.objects.exists()
    assert not Draw.objects.exists()
