"""A draft: its room is not published, so no buyer finds it or what is behind it."""

import datetime as dt

import pytest
from django.urls import reverse
from django.utils import timezone

from concerts.services.publication import publish_show
from concerts.services.seat_plans import present_version
from queueing.models import QueueToken, WaitingRoom
from queueing.services.admission import admit_waiting
from tests.factories import ScheduleFactory, UserFactory, WaitingRoomFactory, staff

pytestmark = pytest.mark.django_db


def make_draft():
    """The date of a draft that meets all checks."""
    room = WaitingRoomFactory(
        published_at=None, state="SCHEDULED", opens_at=timezone.now() - dt.timedelta(minutes=30)
    )
    return ScheduleFactory(concert__waiting_room=room, concert__title="밤의 노래")


@pytest.fixture
def draft():
    return make_draft()


def addresses(date):
    concert, room = date.concert, date.concert.waiting_room
    api = f"/api/v1/schedules/{date.pk}"
    return [
        f"/concerts/{concert.pk}/",
        f"/concerts/{concert.pk}/calendar.ics",
        f"/concerts/{concert.pk}/picture.png",
        f"/api/v1/concerts/{concert.pk}/",
        f"/api/v1/concerts/{concert.pk}/schedules/",
        f"{api}/",
        f"{api}/availability/",
        f"{api}/seat-plan/",
        f"{api}/seat-plans/{present_version(date.pk)}/",
        f"/api/v1/waiting-rooms/{room.slug}/",
        f"/api/v1/waiting-rooms/{room.slug}/front/",
        f"/rooms/{room.slug}/",
        f"/schedules/{date.pk}/reminder/",
        f"/schedules/{date.pk}/seats/",
    ]


def test_a_draft_is_at_no_address_of_buyers_until_it_is_published(client, draft):
    buyer = UserFactory()
    client.force_login(buyer)

    def found():
        lists = ("/", "/api/v1/concerts/", "/sitemap.xml")
        listed = [path for path in lists if str(draft.concert.pk) in str(client.get(path).content)]
        return listed, [path for path in addresses(draft) if client.get(path).status_code != 404]

    assert found() == ([], [])
    slug = draft.concert.waiting_room.slug
    assert client.post(f"/api/v1/waiting-rooms/{slug}/tokens/").status_code == 404
    client.post(f"/rooms/{slug}/")
    assert not QueueToken.objects.exists()
    admit_waiting()
    assert WaitingRoom.objects.get().state == "SCHEDULED"

    publish_show(concert_id=draft.concert.pk, actor=staff("Programme"))
    lists, pages = found()
    assert len(lists) == 3
    assert set(addresses(draft)) - set(pages) == set()


def test_a_draft_keeps_its_room_in_the_admin(client, draft):
    client.force_login(staff("Programme"))
    form = client.get(reverse("admin:concerts_concert_change", args=[draft.concert.pk]))
    assert "waiting_room" not in form.context["adminform"].form.fields
