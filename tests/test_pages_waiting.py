"""The waiting room, in a browser."""

import pytest

from queueing.models import QueueToken, WaitingRoom
from queueing.services import admission, places
from tests.factories import ScheduleFactory, UserFactory, WaitingRoomFactory, admitted

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def full_room():
    """A room with one place, which is taken."""
    schedule = ScheduleFactory(concert__waiting_room__capacity=1)
    admitted(UserFactory(), schedule)
    return schedule.concert.waiting_room


def test_anonymous_people_log_in_first_and_come_back(client, full_room):
    address = f"/rooms/{full_room.slug}/?next=/checkout/"

    response = client.post(address)

    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/?next=/rooms/")
    assert "next%3D/checkout/" in response["Location"]


def test_somebody_who_joins_sees_their_place_and_keeps_it(client, full_room):
    client.force_login(UserFactory())
    places.join(user=UserFactory(), slug=full_room.slug)

    first = client.post(f"/rooms/{full_room.slug}/", follow=True)
    again = client.post(f"/rooms/{full_room.slug}/", follow=True)

    assert first.context["place"].ahead == 1
    assert again.context["place"].token == first.context["place"].token


def test_a_room_with_room_lets_in_and_moves_on_at_once(client):
    client.force_login(UserFactory())
    room = WaitingRoomFactory()

    response = client.post(f"/rooms/{room.slug}/?next=/checkout/")

    assert response["Location"] == "/checkout/"


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "javascript:x"])
def test_nobody_is_moved_on_to_another_site(client, elsewhere):
    client.force_login(UserFactory())
    room = WaitingRoomFactory()

    response = client.post(f"/rooms/{room.slug}/?next={elsewhere}", follow=True)

    assert response.status_code == 200
    assert response.context["place"].status == "ACTIVE"
    assert response.context["next"] == ""


def test_the_part_that_refreshes_asks_again_until_it_is_my_turn(client, full_room):
    me = UserFactory()
    client.force_login(me)
    place, _joined = places.join(user=me, slug=full_room.slug)
    address = f"/places/{place.token}/?next=/checkout/"

    waiting = client.get(address, headers={"HX-Request": "true"}).content.decode()
    WaitingRoom.objects.update(capacity=2)
    admission.admit_waiting()
    turn = client.get(address, headers={"HX-Request": "true"}).content.decode()

    assert waiting.lstrip().startswith("<section")
    assert 'hx-trigger="every 2s"' in waiting
    assert f'hx-get="{address.replace("/checkout/", "%2Fcheckout%2F")}"' in waiting
    assert "hx-get" not in turn
    assert 'data-next="/checkout/"' in turn


def test_somebody_elses_place_is_not_found(client, full_room):
    place, _joined = places.join(user=UserFactory(), slug=full_room.slug)
    client.force_login(UserFactory())

    assert client.get(f"/places/{place.token}/").status_code == 404
    client.post(f"/places/{place.token}/leave/")
    assert QueueToken.objects.get(pk=place.token).status == "WAITING"


def test_leaving_gives_the_place_up(client, full_room):
    me = UserFactory()
    client.force_login(me)
    place, _joined = places.join(user=me, slug=full_room.slug)

    client.post(f"/places/{place.token}/leave/")

    assert QueueToken.objects.get(pk=place.token).status == "EXPIRED"
    assert client.get(f"/rooms/{full_room.slug}/").context["place"] is None


def test_a_closed_room_cannot_be_joined(client):
    client.force_login(UserFactory())
    room = WaitingRoomFactory(state=WaitingRoom.State.CLOSED)

    page = client.post(f"/rooms/{room.slug}/", follow=True)

    assert "alert" in page.content.decode()
    assert not QueueToken.objects.exists()
