"""Rows of seats that were never held are removed in the admin."""

import pytest
from django.contrib.auth.models import Permission

from accounts.models import Activity
from concerts.models import Seat
from concerts.services.seat_generation import Block, generate_seats
from payments.services.releases import release_reservation
from tests.concertbook.test_admin_forms import browser_of, form_at, form_on, page, words
from tests.factories import ScheduleFactory, StaffFactory, UserFactory, held

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator():
    return browser_of(StaffFactory(is_superuser=True, name="First"))


@pytest.fixture
def hall():
    """Section Left with rows A and B of three seats each, section Box with row A of two."""
    schedule = ScheduleFactory(seats=0)
    blocks = [Block("Left", 2, 3, "R", 1_000), Block("Box", 1, 2, "VIP", 5_000)]
    generate_seats(schedule_id=schedule.pk, blocks=blocks)
    schedule.refresh_from_db()
    return schedule


def remaining(schedule):
    schedule.refresh_from_db()
    labels = list(schedule.seats.order_by("number").values_list("label", flat=True))
    assert schedule.seat_quantity == len(labels)
    return labels


def send(client, schedule, **ticked):
    address = page(schedule, "remove_seats")
    return client.post(address, form_at(client, address) | ticked, follow=True)


def test_ticked_rows_are_removed_counted_and_logged(operator, hall):
    done = send(operator, hall, row=["Left|B"])
    assert words(done) == ["3 seats were removed."]
    assert remaining(hall) == ["Left A-1", "Left A-2", "Left A-3", "Box A-1", "Box A-2"]
    assert Activity.objects.get(act="seats.remove").old == {"seats": 3, "rows": ["Left B"]}


def test_a_whole_section_is_removed(operator, hall):
    send(operator, hall, section=["section:Left"])
    assert remaining(hall) == ["Box A-1", "Box A-2"]


def test_a_row_that_a_buyer_ever_had_a_seat_of_is_kept(operator, hall):
    user = UserFactory()
    (reservation,) = held(user, hall, 4)
    release_reservation(user=user, reservation_id=reservation.pk)

    for ticked in ({"row": ["Left|B"]}, {"section": ["section:Left"]}):
        refused = send(operator, hall, **ticked)
        assert refused.status_code == 200
        assert len(remaining(hall)) == 8
    body = operator.get(page(hall, "remove_seats")).content.decode()
    assert "stays: 1 had a buyer" in body


def test_a_form_opened_before_the_first_hold_removes_nothing(operator, hall):
    address = page(hall, "remove_seats")
    form = form_at(operator, address) | {"row": ["Left|A", "Left|B"]}
    held(UserFactory(), hall, 4)
    assert operator.post(address, form).status_code == 200
    assert len(remaining(hall)) == 8


def test_a_removal_sent_twice_does_not_remove_the_seats_made_since(operator, hall):
    address = page(hall, "remove_seats")
    form = form_at(operator, address) | {"section": ["section:Box"]}
    operator.post(address, form, follow=True)

    at_once = operator.post(address, form, follow=True)
    generate_seats(schedule_id=hall.pk, blocks=[Block("Box", 1, 2, "VIP", 5_000)])
    later = operator.post(address, form, follow=True)

    for again in (at_once, later):
        assert words(again) == ["This form was sent before: the seats were removed then."]
    assert len(remaining(hall)) == 8


def test_a_removal_of_seats_that_a_colleague_changed_is_refused(operator, hall):
    colleague = browser_of(StaffFactory(is_superuser=True, name="Second"))
    address = page(hall, "remove_seats")
    form = form_at(operator, address) | {"row": ["Left|A"]}
    send(colleague, hall, row=["Left|B"])

    refused = operator.post(address, form)

    assert "had 8 seats, and now it has 5, changed by Second" in str(refused.context["form"].errors)
    assert form_on(refused)["row"] == "Left|A"
    assert len(remaining(hall)) == 5


def test_no_row_ticked_is_said(operator, hall):
    assert "tick at least one row" in str(send(operator, hall).context["form"].errors)


def test_an_operator_with_view_permission_removes_no_seats(hall):
    staff = StaffFactory()
    staff.user_permissions.add(Permission.objects.get(codename="view_concertschedule"))
    client = browser_of(staff)
    assert client.post(page(hall, "remove_seats"), {"row": ["Left|A"]}).status_code == 403
    assert Seat.objects.count() == 8
