"""The list of tickets: the next show first, and what is over or cancelled last."""

import datetime as dt

import pytest
from django.utils import timezone

from concerts.models import ConcertSchedule
from payments.services import schedule_cancellation, ticket_cancellation
from tests.factories import ScheduleFactory, StaffFactory, UserFactory, bought

pytestmark = pytest.mark.django_db


def buy(user, title, *, days):
    """One ticket for a show in so many days, or so many days ago."""
    schedule = ScheduleFactory(concert__title=title)
    (ticket,) = bought(user, schedule, 1).tickets
    start_at = timezone.now() + dt.timedelta(days=days)
    ConcertSchedule.objects.filter(pk=schedule.pk).update(
        reserve_from=start_at - dt.timedelta(days=30),
        reserve_until=start_at,
        start_at=start_at,
        end_at=start_at + dt.timedelta(hours=2),
    )
    return ticket


@pytest.mark.parametrize("address", ["/tickets/", "/tickets/?page=1"])
def test_the_next_show_is_first_and_past_and_cancelled_ones_are_last(client, address):
    user = UserFactory(won=100_000)
    buy(user, "later", days=20)
    buy(user, "long ago", days=-20)
    given_back = buy(user, "given back", days=3)
    buy(user, "soon", days=2)
    called_off = buy(user, "called off", days=4)
    buy(user, "lately", days=-1)
    ticket_cancellation.cancel_ticket(user=user, ticket_id=given_back.pk)
    schedule_cancellation.cancel_schedule(
        schedule_id=called_off.reservation.schedule_id, by=StaffFactory()
    )
    client.force_login(user)

    listed = client.get(address).context["page"].object_list

    titles = [ticket.reservation.schedule.concert.title for ticket in listed]
    assert titles == ["soon", "later", "called off", "given back", "lately", "long ago"]


def test_a_show_that_was_moved_says_so(client):
    user = UserFactory(won=100_000)
    buy(user, "moved", days=20)
    bought(user, ScheduleFactory(concert__title="as announced"), 1)
    client.force_login(user)

    page = client.get("/tickets/", headers={"Accept-Language": "en"}).content.decode()

    assert page.count("New date") == 1
