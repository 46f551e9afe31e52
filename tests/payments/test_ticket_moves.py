"""Staff move a ticket to another seat: the old seat is sold again, and the old code ends."""

import pytest
from django.urls import reverse

from accounts.models import Activity, OutgoingMessage
from concerts.errors import SeatNotFound, SeatTaken
from concerts.models import Seat
from concerts.services.seat_blocks import block_seats
from operations.services.audit import run_checks
from operations.services.find import find
from payments.errors import AlreadyCancelled, CodeEnded, TicketUsed
from payments.models import Ticket
from payments.services.check_ins import check_in
from payments.services.ticket_cancellation import cancel_ticket
from payments.services.ticket_moves import move_ticket
from payments.services.ticket_offers import accept_offer, offer_ticket
from tests.factories import (
    ScheduleFactory,
    StaffFactory,
    UserFactory,
    balance_of,
    bought,
    held,
    scanned,
    staff,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def schedule():
    return ScheduleFactory(doors_open=True)


def ticket_of(user, schedule, number=1):
    return bought(user, schedule, number).tickets[0]


def move(ticket, to, actor=None):
    actor = actor or StaffFactory()
    return move_ticket(actor=actor, ticket_id=ticket.pk, to=to, reason="Broken seat")


def states(schedule):
    return dict(Seat.objects.filter(schedule=schedule).values_list("label", "status"))


def test_a_moved_ticket_admits_by_its_new_code_only_and_keeps_its_price(schedule):
    buyer = UserFactory(won=10_000)
    ticket = ticket_of(buyer, schedule)
    Seat.objects.filter(label="A-5").update(price=99_000)
    block_seats(
        actor=StaffFactory(), schedule_id=schedule.pk, numbers=[5], reason="x", blocked_for="House"
    )

    move(ticket, "a-5")

    moved = Ticket.objects.get()
    assert (moved.seat.label, moved.seat_number, moved.price) == ("A-5", 5, 10_000)
    assert (states(schedule)["A-1"], states(schedule)["A-5"]) == ("AVAILABLE", "RESERVED")
    with pytest.raises(CodeEnded):
        check_in(code=ticket.code, schedule_id=schedule.pk, by=StaffFactory(), gate="")
    (found,) = find(actor=staff("Owner"), text=ticket.code)
    assert (found.user, found.ended) == (buyer, True)
    assert OutgoingMessage.objects.filter(kind="ticket_moved", user=buyer).count() == 1
    assert Activity.objects.get(act="ticket.move").reason == "Broken seat"
    # The first seat is sold to another buyer, and the move is undone by a refund.
    ticket_of(UserFactory(won=10_000), schedule, 1)
    cancel_ticket(user=buyer, ticket_id=moved.pk)
    assert balance_of(buyer) == 10_000
    assert [found for found in run_checks() if found.violations] == []


def test_a_ticket_that_was_handed_on_is_moved_and_both_are_told(schedule):
    buyer, friend = UserFactory(won=10_000), UserFactory()
    ticket = ticket_of(buyer, schedule)
    offer = offer_ticket(user=buyer, ticket_id=ticket.pk, email=friend.email)
    accept_offer(user=friend, offer_id=offer.pk)

    move(ticket, "A-2")

    told = OutgoingMessage.objects.filter(kind="ticket_moved").values_list("user", flat=True)
    assert set(told) == {buyer.pk, friend.pk}
    assert [found for found in run_checks() if found.violations] == []


def test_a_ticket_moves_to_no_seat_that_a_buyer_has_and_not_once_it_is_over(schedule):
    ticket = ticket_of(UserFactory(won=10_000), schedule)
    held(UserFactory(), schedule, 2)
    for to, refusal in [("A-1", SeatTaken), ("A-2", SeatTaken), ("Z-1", SeatNotFound)]:
        with pytest.raises(refusal):
            move(ticket, to)
    scanned(ticket)
    with pytest.raises(TicketUsed):
        move(ticket, "A-3")
    other = ticket_of(UserFactory(won=10_000), schedule, 4)
    cancel_ticket(user=other.user, ticket_id=other.pk)
    with pytest.raises(AlreadyCancelled):
        move(other, "A-3")
    assert states(schedule)["A-3"] == "AVAILABLE"


def test_support_moves_a_person_and_is_asked_again_for_a_seat_that_is_taken(client, schedule):
    buyer = UserFactory(won=10_000)
    ticket = ticket_of(buyer, schedule)
    held(UserFactory(), schedule, 2)
    page = reverse("console:person_act", args=[buyer.pk, "move"]) + f"?row={ticket.pk}"
    client.force_login(staff("Support"))

    refused = client.post(page, {"to": "A-2", "reason": "Broken seat"})
    assert refused.context["form"].errors.keys() == {"to"}
    client.post(page, {"to": "A-3", "reason": "Broken seat"})
    assert Ticket.objects.get().seat.label == "A-3"
    seat = client.get(reverse("console:seat", args=[schedule.pk, 3])).content.decode()
    assert page.replace("&", "&amp;") in seat

    client.force_login(staff("Duty manager", "Finance"))
    seat = client.get(reverse("console:seat", args=[schedule.pk, 3])).content.decode()
    assert str(buyer) in seat
    assert "/move/" not in seat
    assert client.post(page, {"to": "A-4", "reason": "x"}).status_code == 403
    client.force_login(staff("Support", concerts=[ScheduleFactory().concert]))
    assert client.post(page, {"to": "A-4", "reason": "x"}).status_code == 404
    assert Ticket.objects.get().seat.label == "A-3"
