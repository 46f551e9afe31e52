"""A ticket is offered to an address; accepted, it has another holder and another code."""

import datetime as dt

import pytest
from django.core import mail
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.models import OutgoingMessage, User
from accounts.services.outbox import send_due
from concertbook.errors import NotFound
from concerts.errors import ScheduleCancelled
from concerts.models import ConcertSchedule
from payments.errors import (
    AlreadyCancelled,
    AlreadyOffered,
    CodeEnded,
    EmailNotConfirmed,
    HandedOnTooOften,
    HandingOnClosed,
    HandingOnOff,
    NotTheBuyer,
    OfferedToOneself,
    OfferedTooOften,
    OfferOver,
    PurchaseLimitExceeded,
    TicketUsed,
    TooManyTickets,
    UnknownOffer,
)
from payments.models import Ticket, TicketOffer
from payments.services.holds import hold_seats
from payments.services.schedule_cancellation import cancel_schedule, refund_cancelled_schedules
from payments.services.seat_quota import seat_quota
from payments.services.ticket_cancellation import cancel_ticket, quote_refund
from payments.services.ticket_offers import (
    accept_offer,
    decline_offer,
    end_offers,
    get_offer,
    offer_ticket,
    offers_to,
    withdraw_offer,
)
from payments.services.tickets import my_tickets
from tests.factories import (
    ScheduleFactory,
    StaffFactory,
    UserFactory,
    admitted,
    balance_of,
    bought,
    scanned,
)

pytestmark = pytest.mark.django_db


class Gift:
    """A buyer with a ticket, and a friend."""

    def __init__(self):
        self.schedule = ScheduleFactory(price=10_000, doors_open=True, purchase_limit=2)
        self.buyer, self.friend = UserFactory(won=100_000), UserFactory(won=100_000)
        (self.ticket,) = bought(self.buyer, self.schedule, 1).tickets

    def offer(self, *, by=None, to=None, ticket=None):
        return offer_ticket(
            user=by or self.buyer,
            ticket_id=(ticket or self.ticket).pk,
            email=(to or self.friend).email,
        )

    def hand_on(self, *, by=None, to=None):
        offer = self.offer(by=by, to=to)
        return accept_offer(user=to or self.friend, offer_id=offer.pk)

    def change(self, **fields):
        ConcertSchedule.objects.filter(pk=self.schedule.pk).update(**fields)


@pytest.fixture
def gift():
    return Gift()


def test_an_accepted_ticket_has_a_new_holder_and_a_new_code_and_its_payment_stays(gift):
    moved = gift.hand_on()

    assert moved.user == gift.friend
    assert moved.code != gift.ticket.code
    assert moved.reservation.user == gift.buyer
    assert list(my_tickets(user=gift.friend)) == [moved]
    assert not my_tickets(user=gift.buyer)
    offer = TicketOffer.objects.get()
    assert (offer.number, offer.giver, offer.receiver) == (1, gift.buyer, gift.friend)


def test_the_old_code_ends_and_the_new_one_admits_the_new_holder(gift):
    moved = gift.hand_on()

    with pytest.raises(CodeEnded):
        scanned(gift.ticket)
    assert scanned(moved).ticket.user == gift.friend


def test_an_offer_waits_for_the_account_of_its_address(gift):
    offer = offer_ticket(user=gift.buyer, ticket_id=gift.ticket.pk, email=" New@Example.com ")
    newcomer = UserFactory(email="new@example.com", email_verified_at=None)

    with pytest.raises(EmailNotConfirmed):
        accept_offer(user=newcomer, offer_id=offer.pk)
    assert offers_to(user=newcomer) == []
    User.objects.filter(pk=newcomer.pk).update(email_verified_at=timezone.now())
    newcomer.refresh_from_db()
    assert offers_to(user=newcomer) == [offer]
    assert accept_offer(user=newcomer, offer_id=offer.pk).user == newcomer


def test_accepting_and_offering_again_answer_the_same(gift):
    offer = gift.offer()
    assert gift.offer() == offer
    moved = accept_offer(user=gift.friend, offer_id=offer.pk)

    again = accept_offer(user=gift.friend, offer_id=offer.pk)

    assert (again, again.code) == (moved, moved.code)


def test_an_offer_is_for_its_address_only(gift):
    offer = gift.offer()

    for someone in (gift.buyer, UserFactory()):
        with pytest.raises(UnknownOffer):
            accept_offer(user=someone, offer_id=offer.pk)
        with pytest.raises(UnknownOffer):
            get_offer(user=someone, offer_id=offer.pk)
    with pytest.raises(NotFound):
        gift.offer(by=gift.friend, to=UserFactory())


def cancelled_with_its_schedule(gift):
    cancel_schedule(schedule_id=gift.schedule.pk, by=StaffFactory())


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (lambda gift: gift.change(may_hand_on=False), HandingOnOff),
        (lambda gift: gift.change(hand_on_minutes=20 * 24 * 60), HandingOnClosed),
        (lambda gift: scanned(gift.ticket), TicketUsed),
        (lambda gift: cancel_ticket(user=gift.buyer, ticket_id=gift.ticket.pk), AlreadyCancelled),
        (cancelled_with_its_schedule, ScheduleCancelled),
    ],
    ids=["off", "closed", "used", "cancelled", "schedule cancelled"],
)
def test_a_ticket_is_not_handed_on(gift, change, refusal):
    offer = gift.offer()
    change(gift)

    with pytest.raises((refusal, OfferOver)):
        accept_offer(user=gift.friend, offer_id=offer.pk)
    TicketOffer.objects.filter(is_open=True).update(status="ENDED", ended_at=timezone.now())
    with pytest.raises(refusal):
        gift.offer()
    assert Ticket.objects.get().user == gift.buyer


def test_offers_that_are_refused(gift):
    with pytest.raises(OfferedToOneself):
        gift.offer(to=gift.buyer)
    with pytest.raises(ValidationError):
        offer_ticket(user=gift.buyer, ticket_id=gift.ticket.pk, email="nobody")
    gift.offer()
    with pytest.raises(AlreadyOffered):
        gift.offer(to=UserFactory())
    gift.buyer.email_verified_at = None
    with pytest.raises(EmailNotConfirmed):
        gift.offer()


def test_a_ticket_changes_hands_so_many_times(gift, settings):
    settings.HAND_ONS_PER_TICKET = 2
    gift.hand_on()
    gift.hand_on(by=gift.friend, to=gift.buyer)

    with pytest.raises(HandedOnTooOften):
        gift.offer()


def test_offers_have_a_limit_per_hour(gift, settings):
    settings.OFFERS_PER_HOUR = 1
    gift.offer()
    withdraw_offer(user=gift.buyer, ticket_id=gift.ticket.pk)

    with pytest.raises(OfferedTooOften):
        gift.offer()


def test_a_receiver_stays_within_the_purchase_limit(gift):
    bought(gift.friend, gift.schedule, 2, 3)
    offer = gift.offer()

    with pytest.raises(TooManyTickets):
        accept_offer(user=gift.friend, offer_id=offer.pk)
    cancel_ticket(user=gift.friend, ticket_id=my_tickets(user=gift.friend)[0].pk)
    assert accept_offer(user=gift.friend, offer_id=offer.pk).user == gift.friend


def test_received_tickets_count_when_the_receiver_buys_and_bought_ones_when_the_giver_does(gift):
    gift.hand_on()
    quota = seat_quota(user=gift.friend, schedule=gift.schedule)
    assert (quota.allowance, quota.bought, quota.received) == (1, 0, 1)

    for user, seat in ((gift.friend, 4), (gift.buyer, 5)):
        admitted(user, gift.schedule)
        hold_seats(user=user, schedule_id=gift.schedule.pk, numbers=[seat])
        with pytest.raises(PurchaseLimitExceeded):
            hold_seats(user=user, schedule_id=gift.schedule.pk, numbers=[6])


def test_the_seat_page_says_that_a_received_ticket_counts(gift, client):
    gift.hand_on()
    admitted(gift.friend, gift.schedule)
    client.force_login(gift.friend)

    page = client.get(f"/schedules/{gift.schedule.pk}/seats/", headers={"Accept-Language": "en"})

    assert page.context["quota"].allowance == 1
    assert "A person may have 2: 1 were handed to you." in page.content.decode()


def test_only_a_buyer_who_has_the_ticket_cancels_it_and_gets_the_money(gift):
    gift.hand_on()

    with pytest.raises(NotTheBuyer):
        quote_refund(user=gift.friend, ticket_id=gift.ticket.pk)
    with pytest.raises(NotTheBuyer):
        cancel_ticket(user=gift.friend, ticket_id=gift.ticket.pk)
    with pytest.raises(NotFound):
        cancel_ticket(user=gift.buyer, ticket_id=gift.ticket.pk)
    gift.hand_on(by=gift.friend, to=gift.buyer)
    assert cancel_ticket(user=gift.buyer, ticket_id=gift.ticket.pk).amount == 10_000
    assert (balance_of(gift.buyer), balance_of(gift.friend)) == (100_000, 100_000)


def test_a_cancelled_schedule_refunds_the_buyer_of_a_ticket_that_was_handed_on(gift):
    gift.hand_on()
    cancel_schedule(schedule_id=gift.schedule.pk, by=StaffFactory())

    assert refund_cancelled_schedules() == 1
    assert (balance_of(gift.buyer), balance_of(gift.friend)) == (100_000, 100_000)
    (ticket,) = my_tickets(user=gift.friend)
    assert (ticket.status, ticket.refund) == ("CANCELLED", None)


def refunded_with_its_schedule(gift):
    cancelled_with_its_schedule(gift)
    refund_cancelled_schedules()


def closed(gift):
    gift.change(hand_on_minutes=20 * 24 * 60)
    end_offers()


@pytest.mark.parametrize(
    "end",
    [
        lambda gift: scanned(gift.ticket),
        lambda gift: cancel_ticket(user=gift.buyer, ticket_id=gift.ticket.pk),
        refunded_with_its_schedule,
        closed,
    ],
    ids=["used", "cancelled", "refunded with its schedule", "closed"],
)
def test_an_offer_ends_by_itself(gift, end):
    offer = gift.offer()
    assert end_offers() == 0

    end(gift)

    offer.refresh_from_db()
    assert offer.status == "ENDED"
    assert offers_to(user=gift.friend) == []
    with pytest.raises(OfferOver):
        accept_offer(user=gift.friend, offer_id=offer.pk)


def test_a_declined_or_withdrawn_offer_is_over_and_the_ticket_can_be_offered_again(gift):
    declined = gift.offer()
    decline_offer(user=gift.friend, offer_id=declined.pk)
    withdrawn = gift.offer()
    withdraw_offer(user=gift.buyer, ticket_id=gift.ticket.pk)

    for offer in (declined, withdrawn):
        with pytest.raises(OfferOver):
            accept_offer(user=gift.friend, offer_id=offer.pk)
    with pytest.raises(NotFound):
        withdraw_offer(user=gift.buyer, ticket_id=gift.ticket.pk)
    assert decline_offer(user=gift.friend, offer_id=declined.pk).status == "DECLINED"
    assert gift.hand_on().user == gift.friend


def test_an_overdue_offer_is_not_shown_before_the_sweep(gift):
    gift.offer()
    soon = timezone.now() + dt.timedelta(hours=4)
    gift.change(reserve_until=soon, start_at=soon, end_at=soon + dt.timedelta(hours=2))

    assert offers_to(user=gift.friend) == []


# --- Messages ------------------------------------------------------------------------------------


def sent(kind):
    """The mails of this kind that are sent now, in plain text, by their recipient."""
    OutgoingMessage.objects.exclude(kind=kind).delete()
    mail.outbox.clear()
    send_due()
    return {each.to[0]: str(each.message().as_string()) for each in mail.outbox}


def test_the_receiver_and_the_giver_are_told_in_order(gift):
    offer = gift.offer()
    withdraw_offer(user=gift.buyer, ticket_id=gift.ticket.pk)
    decline_offer(user=gift.friend, offer_id=gift.offer().pk)
    gift.hand_on()

    OutgoingMessage.objects.exclude(data__has_key="offer").delete()
    told = OutgoingMessage.objects.order_by("pk").values_list("kind", "recipient")
    giver, receiver = gift.buyer.email, gift.friend.email
    assert list(told) == [
        ("ticket_offered", receiver),
        ("ticket_withdrawn", receiver),
        ("ticket_offered", receiver),
        ("ticket_declined", giver),
        ("ticket_offered", receiver),
        ("ticket_accepted", giver),
        ("ticket_received", receiver),
    ]
    OutgoingMessage.objects.filter(data__offer=str(offer.pk)).delete()
    send_due()
    # Offers that are over and a ticket that is kept no longer are no news.
    assert [each.to for each in mail.outbox] == [[giver], [receiver]]
    files = [part.get_content_type() for part in mail.outbox[1].message().walk()]
    assert {"image/png", "application/pdf", "text/calendar"} <= set(files)


def test_the_mail_of_an_offer_leads_to_its_page_and_a_name_cannot_be_a_link(gift):
    User.objects.filter(pk=gift.buyer.pk).update(name="win.example.com/now")
    offer = gift.offer()

    text = sent("ticket_offered")[gift.friend.email]

    assert f"/tickets/offers/{offer.pk}/" in text
    assert "win.example" not in text


def test_the_holder_of_a_received_ticket_is_told_that_the_schedule_is_cancelled(gift):
    gift.hand_on()
    refunded_with_its_schedule(gift)

    assert list(sent("received_ticket_cancelled")) == [gift.friend.email]


# --- Pages and API -------------------------------------------------------------------------------


def test_the_pages_lead_from_the_offer_to_the_ticket(gift, client):
    hand_on = f"/tickets/{gift.ticket.pk}/offer/"
    client.force_login(gift.buyer)
    assert hand_on in client.get(f"/tickets/{gift.ticket.pk}/").content.decode()
    assert client.get(hand_on).status_code == 200
    assert client.post(hand_on, {"email": "x"}).status_code == 200
    assert client.post(hand_on, {"email": gift.friend.email}).status_code == 302
    assert gift.friend.email in client.get(f"/tickets/{gift.ticket.pk}/").content.decode()
    assert client.get(hand_on).status_code == 409

    offer = TicketOffer.objects.get()
    client.force_login(gift.friend)
    assert str(offer.pk) in client.get("/tickets/").content.decode()
    assert gift.buyer.name in client.get(f"/tickets/offers/{offer.pk}/").content.decode()
    accepted = client.post(f"/tickets/offers/{offer.pk}/accept/", follow=True)
    page = accepted.content.decode()
    assert accepted.redirect_chain == [(f"/tickets/{gift.ticket.pk}/", 302)]
    assert "/cancel/" not in page
    assert "/orders/" not in page
    assert client.get(f"/tickets/{gift.ticket.pk}/cancel/").status_code == 409

    client.force_login(gift.buyer)
    order = client.get(f"/orders/{gift.ticket.reservation_id}/")
    assert order.status_code == 200
    assert f"/tickets/{gift.ticket.pk}/" not in order.content.decode()
    assert client.get(f"/tickets/{gift.ticket.pk}/").status_code == 404


def test_the_pages_withdraw_and_decline(gift, client):
    offer = gift.offer()
    client.force_login(gift.buyer)
    client.post(f"/tickets/{gift.ticket.pk}/offer/withdraw/")
    client.force_login(gift.friend)
    assert client.get(f"/tickets/offers/{offer.pk}/").status_code == 410
    client.post(f"/tickets/offers/{gift.offer().pk}/decline/")

    assert [each.status for each in TicketOffer.objects.all()] == ["DECLINED", "WITHDRAWN"]


def test_an_answer_to_an_offer_does_not_tell_whether_the_address_has_an_account(gift, app):
    phone = app(gift.buyer)
    address = f"/api/v1/tickets/{gift.ticket.pk}/offer/"

    answers = []
    for email in (gift.friend.email, "stranger@example.com"):
        answer = phone.post(address, {"email": email}, format="json")
        answers.append({**answer.json(), "id": "", "email": "", "offered_at": ""})
        assert (answer.status_code, phone.delete(address).status_code) == (201, 204)

    assert answers[0] == answers[1]


def test_the_api_hands_a_ticket_on(gift, app):
    phone, friends = app(gift.buyer), app(gift.friend)
    address = f"/api/v1/tickets/{gift.ticket.pk}/offer/"
    assert phone.get(address).status_code == 404
    wrong = phone.post(address, {"email": '"x"@example.com'}, format="json")
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (400, "email")
    offered = phone.post(address, {"email": gift.friend.email}, format="json")
    assert phone.get(address).json() == offered.json()

    (mine,) = friends.get("/api/v1/tickets/offers/").json()["offers"]
    assert mine == offered.json() == friends.get(f"/api/v1/tickets/offers/{mine['id']}/").json()
    ticket = friends.post(f"/api/v1/tickets/offers/{mine['id']}/accept/")

    assert (ticket.status_code, ticket.json()["id"]) == (200, str(gift.ticket.pk))
    assert ticket.json() == friends.get(f"/api/v1/tickets/{gift.ticket.pk}/").json()
    cancelled = friends.post(
        f"/api/v1/tickets/{gift.ticket.pk}/cancel/", headers={"Idempotency-Key": "k"}
    )
    assert (cancelled.status_code, cancelled.json()["code"]) == (409, "not_the_buyer")
    declined = friends.post(f"/api/v1/tickets/offers/{mine['id']}/decline/")
    assert (declined.status_code, declined.json()["code"]) == (410, "offer_over")
