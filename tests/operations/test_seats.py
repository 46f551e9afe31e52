"""The seats of a date: choosing them, blocking, changing, releasing and removing them."""

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from accounts.models import Activity
from concerts.errors import SeatTaken
from concerts.models import Seat
from concerts.services.offers import Sale
from concerts.services.performances import find_performances
from concerts.services.seat_selection import as_ranges, select_seats
from operations.services.audit import run_checks
from payments.models import Reservation
from payments.services.holds import hold_seats
from tests.factories import (
    ScheduleFactory,
    StaffFactory,
    UserFactory,
    admitted,
    bought,
    fill,
    held,
    staff,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(client):
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


@pytest.fixture
def sale():
    """Of ten seats A-1 to A-10, A-1 is sold and A-2 held."""
    schedule = ScheduleFactory()
    bought(UserFactory(won=10_000), schedule, 1)
    held(UserFactory(), schedule, 2)
    return schedule


def do(client, schedule, act, **values):
    return client.post(reverse("console:seats_act", args=[schedule.pk, act]), values)


def status_of(schedule, number):
    return Seat.objects.get(schedule=schedule, number=number).status


def test_seats_are_chosen_by_number_label_row_section_grade_and_range():
    schedule = ScheduleFactory()
    fill(schedule, sections=2, rows=2, seats_per_row=3, grade="VIP")

    def found(names="", numbers=""):
        chosen = select_seats(schedule_id=schedule.pk, names=names, numbers=numbers)
        return as_ranges(chosen.numbers), list(chosen.unknown)

    assert found(numbers="1-2,9,5000-6000") == ("1-2,9", [])
    assert found("a-1, A-3\n1층 2구역 b-3") == ("1,3,22", [])
    assert found("A-2 ~ A‑4") == ("2-4", [])
    assert found("1층 1구역 B") == ("14-16", [])
    assert found("1층 2구역; Z-9; A-1 ~ 1층 1구역 A-2") == ("17-22", ["Z-9", "A-1 ~ 1층 1구역 A-2"])
    assert found("vip") == ("11-22", [])
    with pytest.raises(ValueError, match="1;2"):
        found(numbers="1;2")


def test_a_block_names_what_it_cannot_do_and_does_the_rest(client, sale):
    client.force_login(staff("Programme", email="ops@example.com"))

    preview = do(client, sale, "block", names="A", numbers="")
    assert "8 seats: A-3, A-4" in preview.content.decode()
    assert "1 seat stays as it is (sold): A-1" in preview.content.decode()
    assert "1 seat stays as it is (held by a buyer): A-2" in preview.content.decode()
    assert not Activity.objects.filter(act="seats.block").exists()
    numbers = preview.context["numbers"]
    done = do(client, sale, "block", numbers=numbers, blocked_for="Promoter", reason="Contract")
    assert done.status_code == 302

    blocked = Seat.objects.filter(schedule=sale, status="BLOCKED", blocked_for="Promoter")
    assert blocked.count() == 8
    entry = Activity.objects.get(act="seats.block")
    assert (entry.reason, entry.target_key) == ("Contract", str(sale.pk))
    assert entry.new["seats"] == [f"A-{number}" for number in range(3, 11)]
    page = client.get(reverse("console:seats", args=[sale.pk])).content.decode()
    assert "Promoter (8)" in page
    # Another member of the staff, as each page names the one who reads it.
    client.force_login(staff("Duty manager"))
    history = client.get(reverse("console:seat", args=[sale.pk, 3])).content.decode()
    assert "Available → Blocked" in history
    assert "Contract" in history
    assert "ops@example.com" in history
    assert [found for found in run_checks() if found.violations] == []


def test_a_blocked_seat_is_sold_to_nobody_until_it_is_unblocked(client):
    schedule, buyer = ScheduleFactory(seats=1), UserFactory()
    client.force_login(staff("Duty manager"))
    do(client, schedule, "block", names="A-1", reason="Broken")

    admitted(buyer, schedule)
    with pytest.raises(SeatTaken):
        hold_seats(user=buyer, schedule_id=schedule.pk, numbers=[1])
    assert find_performances(schedule.concert).get().sale == Sale.SOLD_OUT
    do(client, schedule, "unblock", names="A-1", reason="Repaired")

    hold_seats(user=buyer, schedule_id=schedule.pk, numbers=[1])
    lines = Seat.objects.get().history.order_by("seq").values_list("to_status", flat=True)
    assert list(lines) == ["BLOCKED", "AVAILABLE", "HELD"]


def test_grade_price_and_kind_change_of_seats_that_no_buyer_has(client, sale):
    client.force_login(staff("Programme"))

    nothing = do(client, sale, "edit", numbers="1-3", reason="Sight line")
    assert "Say what to change" in nothing.content.decode()
    do(client, sale, "edit", numbers="1-3", price=5_000, kind="restricted", reason="Sight line")

    prices = Seat.objects.filter(schedule=sale).order_by("number").values_list("price", "kind")
    assert list(prices[:3]) == [(10_000, "standard")] * 2 + [(5_000, "restricted")]
    history = client.get(reverse("console:seat", args=[sale.pk, 3])).content.decode()
    assert "5000, restricted" in history
    assert "Sight line" in history
    untouched = client.get(reverse("console:seat", args=[sale.pk, 4])).content.decode()
    assert "Sight line" not in untouched


def test_holds_are_released_and_seats_without_history_removed(client, sale):
    client.force_login(staff("Owner"))

    do(client, sale, "release", names="A", reason="Test holds")
    assert status_of(sale, 2) == "AVAILABLE"
    assert Reservation.objects.filter(schedule=sale, status="CANCELLED").count() == 1
    do(client, sale, "remove", names="A", reason="Camera place")

    assert list(Seat.objects.filter(schedule=sale).values_list("number", flat=True)) == [1, 2]
    sale.refresh_from_db()
    assert sale.seat_quantity == 2
    assert {entry.reason for entry in Activity.objects.filter(act__startswith="seats.re")} == {
        "Test holds",
        "Camera place",
    }


def test_a_choice_that_is_not_clear_changes_nothing(client, sale):
    client.force_login(staff("Programme"))
    for values, said in [
        ({}, "Choose seats on the map"),
        ({"names": "A-3, Q-7"}, "Q-7"),
        ({"numbers": "x"}, "no numbers of seats"),
        ({"numbers": "1" * 31_000}, "too long"),
    ]:
        answer = do(client, sale, "block", reason="Why", **values)
        assert said in answer.content.decode()
    assert not Seat.objects.filter(status="BLOCKED").exists()


def test_an_act_needs_its_permission_and_the_concert(client, sale):
    looker = StaffFactory()
    looker.user_permissions.add(Permission.objects.get(codename="view_seat"))
    client.force_login(looker)
    page = client.get(reverse("console:seats", args=[sale.pk])).content.decode()
    assert "formaction" not in page
    buyer = Reservation.objects.get(seat__number=1).user
    sold = client.get(reverse("console:seat", args=[sale.pk, 1])).content.decode()
    assert str(buyer) not in sold
    assert buyer.email not in sold
    for act in ("block", "unblock", "edit", "release", "remove"):
        assert do(client, sale, act, names="A-3", reason="Why").status_code == 403

    client.force_login(staff("Owner", concerts=[ScheduleFactory().concert]))
    for address in (
        reverse("console:seats", args=[sale.pk]),
        reverse("console:seat", args=[sale.pk, 3]),
    ):
        assert client.get(address).status_code == 404
    assert do(client, sale, "block", names="A-3", reason="Why").status_code == 404
    assert not Seat.objects.filter(status="BLOCKED").exists()
