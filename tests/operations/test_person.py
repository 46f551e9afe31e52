"""A person's page: the verdict in a sentence, the timeline, and what staff can do."""

import datetime as dt
import uuid

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import translation

from accounts.gateway import GatewayAnswer
from accounts.models import Activity, Balance, Charge, Credit, User, UserSession
from accounts.services.charges import settle_charge
from accounts.services.payouts import pay_out
from concertbook.db.clock import database_now
from operations.services.find import find
from operations.services.timeline import read_timeline
from operations.services.verdict import verdict_on
from payments.errors import HoldExpired
from payments.models import Reservation, Ticket
from payments.services.checkout import pay_reservations
from payments.services.releases import release_expired_holds
from payments.services.ticket_cancellation import cancel_ticket
from payments.services.ticket_offers import accept_offer, offer_ticket
from queueing.models import QueueToken, WaitingRoom
from queueing.services import join_and_leave
from tests.factories import (
    ScheduleFactory,
    StaffFactory,
    UserFactory,
    admitted,
    balance_of,
    bought,
    held,
    overdue,
    scanned,
    staff,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _in_english():
    with translation.override("en"):
        yield


def rules(user):
    return [sentence.rule for sentence in verdict_on(user)]


def charged(user, amount, *, approved=True, code=""):
    charge = Charge.objects.create(user=user, amount=amount)
    settle_charge(charge_id=charge.pk, answer=GatewayAnswer(approved=approved, reason=code))
    return charge


# The verdict ------------------------------------------------------------------------------------


def test_charged_and_the_hold_ended_says_when_and_that_the_money_is_in_the_balance():
    user = UserFactory()
    (reservation,) = held(user, ScheduleFactory(), 1)
    charged(user, 50_000)
    overdue(reservation)
    release_expired_holds()
    # As if the charge was made within the time of the hold.
    Charge.objects.update(created_at=Reservation.objects.get().created_at)
    Reservation.objects.update(expires_at=Charge.objects.get().charged_at)

    sentence = verdict_on(user)[0]

    charge, ended = Charge.objects.get(), Reservation.objects.get().expires_at
    assert sentence.rule == "charged_and_hold_ended"
    assert f"Charged ₩50,000 at {local(charge.charged_at)}" in sentence.text
    assert f"ended at {local(ended)}; the money is in the balance (₩50,000)" in sentence.text


def local(moment):
    return moment.astimezone(dt.timezone(dt.timedelta(hours=9))).strftime("%Y-%m-%d %H:%M:%S")


def test_money_that_was_charged_and_not_spent_is_in_the_balance():
    assert rules(UserFactory(won=10_000)) == ["in_the_balance"]


def test_a_charge_that_was_paid_out_is_not_said_to_be_in_the_balance():
    user = UserFactory(won=10_000)
    pay_out(user=user, amount=10_000)
    assert rules(user) == []


def test_a_declined_charge_says_why():
    user = UserFactory()
    charged(user, 10_000, approved=False, code="limit_exceeded")
    (sentence,) = verdict_on(user)
    assert sentence.rule == "charge_refused"
    assert "Over the card's limit" in sentence.text


def test_a_charge_without_an_answer_is_pending():
    user = UserFactory()
    Charge.objects.create(user=user, amount=10_000)
    assert rules(user) == ["charge_pending"]


def test_a_late_payment_says_that_the_hold_had_expired():
    user = UserFactory(won=10_000)
    (reservation,) = held(user, ScheduleFactory(), 1)
    overdue(reservation)
    with pytest.raises(HoldExpired):
        pay_reservations(user=user, reservation_ids=[reservation.pk])
    assert "payment_failed" in rules(user)
    assert any("The hold had expired" in each.text for each in verdict_on(user))


def test_a_hold_that_ended_unpaid_and_one_that_lasts():
    user, schedule = UserFactory(), ScheduleFactory()
    first, _second = held(user, schedule, 1, 2)
    Reservation.objects.filter(pk=first.pk).update()
    assert rules(user)[0] == "holds"
    overdue(*Reservation.objects.all())
    assert "hold_ended" in rules(user)


def test_a_ticket_and_its_check_in():
    user = UserFactory(won=10_000)
    ticket = bought(user, ScheduleFactory(doors_open=True), 1).tickets[0]
    assert rules(user)[0] == "has_ticket"
    scanned(ticket, gate="B")
    sentence = verdict_on(user)[0]
    assert sentence.rule == "checked_in"
    assert sentence.text.endswith("at gate B.")


def test_a_refund_says_what_came_back_and_what_it_cost():
    user = UserFactory(won=10_000)
    ticket = bought(user, ScheduleFactory(), 1).tickets[0]
    cancel_ticket(user=user, ticket_id=ticket.pk)
    sentence = next(each for each in verdict_on(user) if each.rule == "refunded")
    assert "₩10,000 to the balance, fee ₩0 (Cancelled by the buyer)" in sentence.text


def test_a_ticket_that_was_handed_on_is_told_to_both():
    giver, receiver = UserFactory(won=10_000), UserFactory()
    ticket = bought(giver, ScheduleFactory(), 1).tickets[0]
    offer = offer_ticket(user=giver, ticket_id=ticket.pk, email=receiver.email)
    accept_offer(user=receiver, offer_id=offer.pk)
    assert receiver.email in verdict_on(giver)[0].text
    assert rules(giver)[0] == "handed_on"
    assert rules(receiver)[0] == "received"
    assert giver.email in verdict_on(receiver)[0].text


def test_who_waits_and_who_may_choose():
    user, schedule = UserFactory(), ScheduleFactory()
    WaitingRoom.objects.update(state="PAUSED")
    join_and_leave.join(user=user, slug=schedule.concert.waiting_room.slug)
    assert rules(user) == ["waits"]
    WaitingRoom.objects.update(state="OPEN")
    schedule, inside = ScheduleFactory(), UserFactory()
    admitted(inside, schedule)
    assert rules(inside) == ["is_inside"]


def test_a_turn_that_was_over_without_a_purchase():
    user, schedule = UserFactory(), ScheduleFactory()
    token = admitted(user, schedule)
    join_and_leave.leave(user=user, token=token.pk)
    assert rules(user) == ["line_left"]


def test_a_verdict_is_about_one_person():
    other = UserFactory(won=10_000)
    bought(other, ScheduleFactory(), 1)
    charged(other, 10_000)
    charged(other, 10_000, approved=False)
    admitted(other, ScheduleFactory())
    assert rules(UserFactory()) == []


# The timeline -----------------------------------------------------------------------------------


def test_the_timeline_has_all_that_happened_in_pages(django_assert_num_queries):
    user = UserFactory(won=20_000)
    schedule = ScheduleFactory(doors_open=True)
    tickets = bought(user, schedule, 1, 2).tickets
    scanned(tickets[0], gate="A")
    cancel_ticket(user=user, ticket_id=tickets[1].pk)
    with django_assert_num_queries(3):
        timeline = read_timeline(user=user)
    found = {event.what for event in timeline.events}
    assert found >= {
        *("account.created", "charge.asked", "charge.made", "line.joined", "line.admitted"),
        *("line.paid", "hold.began", "payment.made", "ticket.issued", "check_in.made"),
        *("refund.made", "message.queued"),
    }
    times = [event.at for event in timeline.events]
    assert times == sorted(times, reverse=True)
    assert timeline.older is None
    earlier = read_timeline(user=user, before=times[3])
    assert all(event.at < times[3] for event in earlier.events)
    assert read_timeline(user=UserFactory()).events[0].what == "account.created"


# The page and its acts --------------------------------------------------------------------------


@pytest.fixture
def support(client):
    """A member of the staff with the permissions that each test names."""

    def log_in(*codenames):
        member = StaffFactory()
        needed = {"view_user", *codenames}
        permissions = Permission.objects.filter(codename__in=needed)
        assert {each.codename for each in permissions} == needed
        member.user_permissions.set(permissions)
        client.force_login(User.objects.get(pk=member.pk))
        client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
        return client

    return log_in


def act(client, user, name, row=None, **values):
    address = reverse("admin:index") + f"people/{user.pk}/{name}/"
    return client.post(f"{address}?row={row}", {"reason": "The hall was dark", **values})


def page_of(user):
    return reverse("console:person", args=[user.pk])


def test_the_page_answers_in_few_queries(support, django_assert_max_num_queries):
    user = UserFactory(won=30_000)
    schedule = ScheduleFactory(doors_open=True)
    tickets = bought(user, schedule, 1, 2, 3).tickets
    scanned(tickets[0])
    client = support("refund_ticket")
    client.get(page_of(user))
    with django_assert_max_num_queries(24):
        page = client.get(page_of(user))
    assert page.status_code == 200
    assert page.content.count(b"/refund/?row=") == 2


@pytest.mark.parametrize("text", ["x", "2026-01-01", "9999-99-99T00:00:00Z", ""])
def test_a_time_that_is_none_is_not_found(support, text):
    assert support().get(page_of(UserFactory()), {"before": text}).status_code == 404


def test_the_search_leads_to_the_one_person_it_finds(support):
    user = UserFactory(email="minji@example.com")
    client = support()
    found = client.get(reverse("console:find"), {"q": "minji@"})
    assert found.headers["Location"] == page_of(user)
    UserFactory(email="minji@example.org")
    assert client.get(reverse("console:find"), {"q": "minji@"}).status_code == 200


def test_the_search_lists_what_was_found_to_those_who_see_no_people(client):
    member, buyer = StaffFactory(), UserFactory(won=10_000)
    ticket = bought(buyer, ScheduleFactory(), 1).tickets[0]
    member.user_permissions.add(Permission.objects.get(codename="view_ticket"))
    client.force_login(User.objects.get(pk=member.pk))
    assert client.get(reverse("console:find"), {"q": str(ticket.pk)}).status_code == 200


def test_a_refund_by_the_policy_moves_the_money_once_and_is_logged(support):
    user = UserFactory(won=10_000)
    ticket = bought(user, ScheduleFactory(), 1).tickets[0]
    client = support("refund_ticket")
    asked = client.get(reverse("console:person_act", args=[user.pk, "refund"]), {"row": ticket.pk})
    assert "₩10,000" in asked.content.decode()
    for _try in range(2):
        act(client, user, "refund", ticket.pk)
    assert balance_of(user) == 10_000
    assert Ticket.objects.get().status == "CANCELLED"
    entry = Activity.objects.get(act="ticket.refund")
    assert (entry.reason, entry.new) == ("The hall was dark", {"amount": 10_000, "fee": 0})


def test_a_refund_in_full_waives_the_fee_also_after_the_beginning(support):
    user = UserFactory(won=10_000)
    schedule = ScheduleFactory()
    ticket = bought(user, schedule, 1).tickets[0]
    now = database_now()
    type(schedule).objects.filter(pk=schedule.pk).update(
        reserve_until=now - dt.timedelta(hours=1), start_at=now - dt.timedelta(minutes=5)
    )
    client = support("refund_ticket", "refund_in_full")
    refused = act(client, user, "refund", ticket.pk)
    assert "The concert has begun" in refused.content.decode()
    assert act(client, user, "refund-in-full", ticket.pk).status_code == 302
    assert balance_of(user) == 10_000
    assert Activity.objects.get(act="ticket.refund_in_full").new["fee"] == 0


def test_who_refunds_is_asked_again_who_they_are(support, settings):
    settings.CONFIRM_SECONDS = 600
    user = UserFactory(won=10_000)
    ticket = bought(user, ScheduleFactory(), 1).tickets[0]
    client = support("refund_ticket", "refund_in_full", "help_user")
    for name in ("refund", "refund-in-full"):
        answer = act(client, user, name, ticket.pk)
        assert answer.headers["Location"].startswith(reverse("account_confirm"))
    assert Ticket.objects.get().status == "ISSUED"
    assert act(client, user, "end-sessions").headers["Location"] == page_of(user)


def test_a_hold_is_released_and_does_not_count_as_given_up(support):
    user = UserFactory()
    (reservation,) = held(user, ScheduleFactory(), 1)
    act(support("release_reservation"), user, "release", reservation.pk)
    reservation.refresh_from_db()
    assert reservation.status == "CANCELLED"
    assert reservation.seat.history.first().reason == "let_go_by_staff"
    assert "hold.let_go_by_staff" in {each.what for each in read_timeline(user=user).events}


def test_the_access_to_an_account_is_ended_and_given_back(support, client):
    user = UserFactory()
    browser = type(client)()
    browser.force_login(user)
    desk = support("help_user", "deactivate_user")
    act(desk, user, "end-sessions")
    assert not UserSession.objects.filter(user=user).exists()
    act(desk, user, "deactivate")
    user.refresh_from_db()
    assert not user.is_active
    act(desk, user, "activate")
    act(desk, user, "send-reset-link")
    assert user.messages.get().kind == "reset"
    acts = list(Activity.objects.order_by("pk").values_list("act", flat=True))
    assert acts == ["user.end_sessions", "user.deactivate", "user.activate", "user.send_reset_link"]


def test_a_credit_above_the_limit_of_the_role_is_approved_by_another_role(client, settings):
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    buyer, give = UserFactory(won=1_000), "give-credit"
    address = reverse("console:person_act", args=[buyer.pk, give])
    client.force_login(staff("Support"))
    assert b'name="amount"' in client.get(address).content
    small = client.get(f"{address}?amount=30000")
    assert "₩30,000 goes to the balance, which is then ₩31,000" in small.content.decode()
    large = client.get(f"{address}?amount=30001")
    assert "₩30,001 waits until a second person approves it" in large.content.decode()
    for text in ("", "0", "1000001", "x", "9" * 50):
        answer = client.post(f"{address}?amount={text}", {"reason": "Late doors"})
        assert answer.status_code == 200, text
    assert not Credit.objects.exists()
    client.post(f"{address}?amount=30001", {"reason": "Late doors"})
    credit = Credit.objects.get()
    assert act(client, buyer, "approve-credit", credit.pk).status_code == 403
    assert page_of(buyer) not in client.get("/admin/").content.decode()

    for role in ("Finance", "Support lead"):
        client.force_login(staff(role))
        today = client.get("/admin/").content.decode()
        assert f'href="{page_of(buyer)}"' in today, role
    for row in (uuid.uuid4(), "x"):
        assert act(client, buyer, "approve-credit", row).status_code == 404
    assert act(client, UserFactory(), "approve-credit", credit.pk).status_code == 404
    settings.CONFIRM_SECONDS = 600
    for name in ("approve-credit", give):
        answer = act(client, buyer, name, credit.pk)
        assert answer.headers["Location"].startswith(reverse("account_confirm"))
    settings.CONFIRM_SECONDS = 0
    assert f"approve-credit/?row={credit.pk}" in client.get(page_of(buyer)).content.decode()
    assert act(client, buyer, "approve-credit", credit.pk).status_code == 302
    assert balance_of(buyer) == 31_001
    assert "decided already" in act(client, buyer, "refuse-credit", credit.pk).content.decode()
    events = {each.what for each in read_timeline(user=buyer).events}
    assert {"money.credit", "staff"} <= events


def test_a_message_is_sent_again(support):
    user = UserFactory(won=10_000)
    bought(user, ScheduleFactory(), 1)
    message = user.messages.first()
    type(message).objects.update(status="FAILED")
    act(support("resend_message"), user, "resend", message.pk)
    message.refresh_from_db()
    assert message.status == "QUEUED"


@pytest.mark.parametrize(
    "name",
    [
        *("refund", "refund-in-full", "release", "resend", "end-sessions", "send-reset-link"),
        *("deactivate", "activate", "give-credit", "approve-credit", "refuse-credit"),
    ],
)
def test_every_act_needs_its_permission_and_a_reason(support, name):
    user = UserFactory(won=10_000)
    ticket = bought(user, ScheduleFactory(), 1).tickets[0]
    assert act(support(), user, name, ticket.pk).status_code == 403
    assert not Activity.objects.filter(actor__is_staff=True).exists()
    assert Ticket.objects.get().status == "ISSUED"


def test_an_act_without_a_reason_does_nothing(support):
    user = UserFactory(won=10_000)
    ticket = bought(user, ScheduleFactory(), 1).tickets[0]
    assert act(support("refund_ticket"), user, "refund", ticket.pk, reason=" ").status_code == 200
    assert Ticket.objects.get().status == "ISSUED"


@pytest.mark.parametrize("row", ["", "x", "9" * 40, "00000000-0000-0000-0000-000000000000"])
def test_another_persons_row_is_not_found(support, row):
    owner, other = UserFactory(won=10_000), UserFactory()
    ticket = bought(owner, ScheduleFactory(), 1).tickets[0]
    client = support("refund_ticket", "resend_message")
    for key in (row, ticket.pk):
        assert act(client, other, "refund", key).status_code == 404
    assert act(client, other, "resend", row).status_code == 404


def test_another_persons_hold_or_message_is_not_found(support):
    owner, other = UserFactory(won=10_000), UserFactory()
    (reservation,) = held(owner, ScheduleFactory(), 1)
    bought(owner, ScheduleFactory(), 1)
    client = support("release_reservation", "resend_message")
    assert act(client, other, "release", reservation.pk).status_code == 404
    assert act(client, other, "resend", owner.messages.first().pk).status_code == 404


def test_staff_of_certain_concerts_find_and_refund_their_tickets_only(client):
    buyer = UserFactory(won=20_000)
    mine, other = (bought(buyer, ScheduleFactory(), 1).tickets[0] for _each in range(2))
    limited = staff("Support", concerts=[mine.reservation.schedule.concert])
    client.force_login(limited)
    assert act(client, buyer, "refund", other.pk).status_code == 404
    assert client.get(page_of(buyer)).content.count(b"/refund/?row=") == 1
    assert act(client, buyer, "refund", mine.pk).status_code == 302
    assert [each.pk for each in find(actor=limited, text=str(mine.pk))] == [mine.pk]
    assert find(actor=limited, text=str(other.pk)) == find(actor=limited, text=other.code) == []


def test_staff_do_not_end_the_access_of_other_staff(support):
    client = support("help_user", "deactivate_user", "grant_credit")
    other = StaffFactory()
    for name in ("end-sessions", "send-reset-link", "deactivate", "give-credit"):
        assert act(client, other, name).status_code == 403


def test_a_buyer_sees_no_page_of_a_person(client):
    client.force_login(UserFactory())
    assert client.get(page_of(UserFactory())).status_code == 302
    assert Balance.objects.count() == QueueToken.objects.count() == 0
