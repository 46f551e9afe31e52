"""A seat plan out as CSV and in again: each bad row is named, and what would change is shown."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from accounts.models import Activity
from concerts.models import Seat
from concerts.services.seat_plans import present_version
from concerts.services.seat_table import COLUMNS
from tests.factories import ScheduleFactory, UserFactory, bought, staff

pytestmark = pytest.mark.django_db
HEADING = ",".join(COLUMNS)


@pytest.fixture
def client(client):
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    client.force_login(staff("Programme"))
    return client


@pytest.fixture
def schedule():
    """Seats A-1 to A-3, of which A-1 is sold."""
    schedule = ScheduleFactory(seats=3)
    bought(UserFactory(won=10_000), schedule, 1)
    return schedule


def ask(client, schedule, *lines, **values):
    """The page that shows what would change."""
    if lines:
        content = "\n".join(lines).encode()
        values["file"] = SimpleUploadedFile("seats.csv", content)
    return client.post(reverse("console:seat_plan", args=[schedule.pk]), values)


def confirm(client, schedule):
    page = reverse("console:seat_plan", args=[schedule.pk])
    return client.post(page, {"reason": "A new floor"})


def parts(shown):
    return {str(name): lines for name, _count, lines in shown.context["parts"]}


def seats_of(schedule):
    seats = Seat.objects.filter(schedule=schedule).order_by("row", "seat_in_row")
    return list(seats.values_list("label", "grade", "price", "kind"))


def test_a_plan_comes_back_from_its_file_unchanged(client, schedule):
    file = client.get(reverse("console:seat_plan_csv", args=[schedule.pk]))

    assert file.content.decode("utf-8-sig").splitlines()[:2] == [
        HEADING,
        ",A,1,A-1,R,10000,standard",
    ]
    shown = ask(client, schedule, *file.content.decode().splitlines())
    assert "Nothing would change" in shown.content.decode()


def test_each_bad_row_is_named_and_nothing_changes(client, schedule):
    shown = ask(
        client,
        schedule,
        HEADING,
        ",A,x,A-1,R,10000,standard",
        ",A,2,A-2,R,0,standard",
        ",A,3,A-3,R,10000,sofa",
        ",A,4,A-4",
        ",A,5,A-5,R,10000,",
        ",A,5,A-6,R,10000,",
    )

    assert [(row.line, row.why) for row in shown.context["bad"]] == [
        (2, "seat_in_row is no whole number from 1 to 9,999."),
        (3, "price is no whole number from 1 to 1,000,000,000."),
        (4, "kind is none of standard, wheelchair, companion, restricted."),
        (5, "It has another number of cells than the first line."),
        (7, "It is the same seat as in line 6."),
    ]
    confirm(client, schedule)
    for content in ("", "a,b", 'a"\0'):
        assert ask(client, schedule, content or "\n").context["bad"]
    assert len(seats_of(schedule)) == 3


def test_a_file_shows_its_difference_and_makes_it(client, schedule):
    shown = ask(
        client,
        schedule,
        HEADING,
        ",A,1,A-1,VIP,90000,standard",
        ",A,3,A-2,R,10000,companion",
        "1층,B,1,,S,5000,wheelchair",
    )

    # A-3 takes the label of a seat that goes.
    assert parts(shown) == {
        "New": ["1층 B-1"],
        "Changed": ["A-3: label A-3 → A-2, kind standard → companion"],
        "Removed": ["A-2"],
        "Not changed, as a buyer holds or has them": ["A-1: grade R → VIP, price 10000 → 90000"],
    }
    assert confirm(client, schedule).status_code == 302

    assert seats_of(schedule) == [
        ("A-1", "R", 10_000, "standard"),
        ("A-2", "R", 10_000, "companion"),
        ("1층 B-1", "S", 5_000, "wheelchair"),
    ]
    schedule.refresh_from_db()
    assert schedule.seat_quantity == 3
    assert Activity.objects.get(act="seats.import").reason == "A new floor"
    # What was shown is not done to a plan that has changed since.
    ask(client, schedule, HEADING, ",A,1,A-1,R,10000,standard")
    Seat.objects.filter(label="1층 B-1").update(price=1)
    assert "Seats were added or removed" in confirm(client, schedule).content.decode()
    assert Seat.objects.filter(schedule=schedule).count() == 3


def test_a_plan_is_copied_from_another_date_and_taken_from_before(client, schedule):
    other = ScheduleFactory(concert=schedule.concert, seats=2)
    before = present_version(other.pk)

    copied = ask(client, other, date=str(schedule.pk))
    assert parts(copied) == {"New": ["A-3"]}
    confirm(client, other)
    assert Seat.objects.filter(schedule=other).count() == 3
    present_version(other.pk)
    taken = ask(client, other, version=before)
    assert parts(taken) == {"Removed": ["A-3"]}
    elsewhere = ScheduleFactory()
    assert ask(client, other, date=str(elsewhere.pk)).context["source"].errors
    client.force_login(staff("Programme", concerts=[elsewhere.concert]))
    assert ask(client, other, version=before).status_code == 404
    client.force_login(staff("Duty manager"))
    seats = client.get(reverse("console:seats", args=[other.pk])).content.decode()
    assert reverse("console:seat_plan", args=[other.pk]) not in seats.replace(".csv", "")
    assert ask(client, other, version=before).status_code == 403
