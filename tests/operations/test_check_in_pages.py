"""The pages at /door/: without JavaScript, for the staff who may check in only."""

import hashlib
import re

import pytest
from django.conf import settings

from accounts.models import Activity
from concerts.models import StaffConcert
from payments.errors import UnknownCheckIn, UnknownSchedule
from payments.models import CheckIn, Ticket
from payments.services.check_ins import check_in, undo_check_in
from tests.factories import (
    CheckInStaffFactory,
    ScheduleFactory,
    StaffFactory,
    UserFactory,
    bought,
    scanned,
    scanned_offline,
)

pytestmark = pytest.mark.django_db

PAGES = ("", "show/", "guests/", "recent/", "conflicts/")


@pytest.fixture
def schedule():
    return ScheduleFactory(price=10_000, seats=3, doors_open=True)


@pytest.fixture
def ticket(schedule):
    return bought(UserFactory(won=30_000, name="박서연"), schedule, 2).tickets[0]


@pytest.fixture
def phone(client, schedule):
    """A member of the staff who has chosen the show and gate B."""
    client.force_login(CheckInStaffFactory(name="문지영"))
    client.post("/door/show/", {"show": str(schedule.pk), "gate": "B"})
    return client


def text(answer):
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def send(client, ticket):
    return client.post("/door/scan/", {"code": ticket.code}, headers={"Accept-Language": "en"})


@pytest.mark.parametrize("page", PAGES)
def test_no_page_is_for_visitors_buyers_or_staff_without_the_permission(client, page):
    assert client.get(f"/door/{page}")["Location"].startswith("/accounts/login/?next=/door/")
    for who in (UserFactory(), StaffFactory(), CheckInStaffFactory(is_staff=False)):
        client.force_login(who)
        assert client.get(f"/door/{page}").status_code == 403


def test_without_a_chosen_show_every_page_leads_to_the_choice(client, schedule):
    client.force_login(CheckInStaffFactory())
    for page in ("", "guests/", "recent/", "conflicts/"):
        assert client.get(f"/door/{page}")["Location"] == "/door/show/"
    assert str(schedule.pk) in client.get("/door/show/").content.decode()
    assert client.post("/door/show/", {"show": "x"}).status_code == 200


def test_staff_of_other_concerts_neither_see_the_show_nor_check_in_nor_undo(
    client, schedule, ticket
):
    other = CheckInStaffFactory.create()
    StaffConcert.objects.create(user=other, concert=ScheduleFactory().concert)
    made = scanned(ticket)
    client.force_login(other)

    assert str(schedule.pk) not in client.get("/door/show/").content.decode()
    with pytest.raises(UnknownSchedule):
        scanned(ticket, by=other)
    with pytest.raises(UnknownCheckIn):
        undo_check_in(check_in_id=made.pk, by=other, reason="x")


def test_a_forged_choice_is_no_choice(phone, schedule):
    phone.cookies["check-in"] = f"{schedule.pk}:A"

    assert phone.get("/door/")["Location"] == "/door/show/"


def test_a_code_from_a_hand_scanner_gets_the_full_screen_without_javascript(phone, ticket):
    first, again = text(send(phone, ticket)), text(send(phone, ticket))

    assert "Come in A-2 박서연" in first
    assert re.search(r"Used already Used at \d\d:\d\d at gate B", again)
    assert CheckIn.objects.get().gate == "B"


def test_a_refusal_says_why(phone, ticket):
    other = bought(UserFactory(won=10_000), ScheduleFactory(doors_open=True), 1).tickets[0]
    title = other.seat.schedule.concert.title

    assert f"Ticket of another date {title}, " in text(send(phone, other))
    assert "Unknown code" in text(send(phone, Ticket(code="x")))


def test_a_guest_is_found_by_name_and_let_in_with_a_reason(phone, ticket):
    found = phone.get("/door/guests/?name=서연")
    assert "A-2 박서연" in text(found)
    assert "A-2" not in text(phone.get("/door/guests/?name=김"))

    sent = {"ticket": str(ticket.pk), "reason": "code"}
    phone.post("/door/guests/", sent, headers={"Accept-Language": "en"})

    made = CheckIn.objects.get()
    assert (made.ticket_id, made.gate) == (ticket.pk, "B")
    assert made.by_hand_reason == "The code cannot be read"
    assert Activity.objects.get(act="check_in.by_hand").reason == "The code cannot be read"
    searches = Activity.objects.filter(act="guests.search").order_by("id")
    assert [each.new["found"] for each in searches] == [1, 0]


@pytest.mark.parametrize("ticket_id", ["", "x", "00000000-0000-0000-0000-000000000007"])
def test_letting_in_no_ticket_or_for_no_reason_changes_nothing(phone, ticket, ticket_id):
    phone.post("/door/guests/", {"ticket": ticket_id, "reason": "code"})
    phone.post("/door/guests/", {"ticket": str(ticket.pk), "reason": "x", "note": "\u200b"})

    assert not CheckIn.objects.exists()


def test_a_mistake_is_undone_with_a_reason(phone, ticket, schedule):
    staff = phone.get("/door/").wsgi_request.user
    made = check_in(code=ticket.code, schedule_id=schedule.pk, by=staff)
    address = f"/door/check-ins/{made.pk}/undo/"
    assert address in phone.get("/door/recent/").content.decode()
    assert "박서연" in text(phone.get(address))

    phone.post(address, {"reason": "person", "note": "Two friends"})

    made.refresh_from_db()
    assert made.undo_reason == "Two friends"


def test_conflicts_are_listed_by_the_time_of_the_scan(phone, ticket):
    scanned(ticket, gate="A")
    scanned_offline(ticket, gate="C", minutes_ago=9)

    page = text(phone.get("/door/conflicts/", headers={"Accept-Language": "en"}))

    assert re.search(
        r"A-2 박서연 let in twice \S+ KST · Gate C .* without a network .* Gate A", page
    )
    assert "Conflicts: 1" in text(phone.get("/door/", headers={"Accept-Language": "en"}))


def test_the_decoder_is_the_one_that_was_published():
    folder = settings.BASE_DIR / "static/vendor/qr"
    named = re.findall(r"^([0-9a-f]{64})  (\S+)$", (folder / "README.md").read_text(), re.M)

    assert len(named) == 2
    for digest, name in named:
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
