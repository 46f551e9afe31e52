"""The mails about a purchase: written in its transaction, composed when they are sent."""

import datetime as dt
from email.message import Message

import pytest
import zxingcpp
from django.utils import timezone
from django.utils.translation import override
from ical.calendar_stream import IcsCalendarStream
from PIL import Image

from accounts.email_links import Kind, Link
from accounts.errors import InsufficientBalance
from accounts.models import OutgoingMessage, User
from accounts.services.email_proof import prove_email
from accounts.services.outbox import new_message, queue, send_due
from concertbook.templatetags.times import when_text
from concerts.models import ConcertSchedule, ScheduleMove
from concerts.refund_policy import free_after_purchase_until
from payments.models import Ticket
from payments.services import move_news
from payments.services.checkout import pay_reservations
from payments.services.schedule_cancellation import cancel_schedule, refund_cancelled_schedules
from payments.services.ticket_cancellation import cancel_ticket
from payments.services.ticket_offers import accept_offer, offer_ticket
from tests.concurrency.threads import Gate, a_thread_waits_for_a_lock, background, until
from tests.factories import ScheduleFactory, StaffFactory, UserFactory, bought, held
from tests.mailbox import mails_to
from tests.payments.test_ticket_files import JAZZ

pytestmark = pytest.mark.django_db


@pytest.fixture
def schedule():
    return ScheduleFactory(doors_open=True, **JAZZ)


@pytest.fixture
def buyer():
    return member(won=100_000)


def member(won):
    """A user with this much, and no mail yet: not the receipt of the charge."""
    user = UserFactory(won=won, name="김하늘")
    OutgoingMessage.objects.filter(user=user).delete()
    return user


def last_mail(user, *, after=0):
    """The user's one mail after so many."""
    (mail,) = mails_to(user.email)[after:]
    return mail


def parts_of(mail, kind):
    """What a mailbox unpacks: name or content ID, and content."""
    parts: list[Message] = list(mail.message().walk())
    return {
        each.get_filename() or each["Content-ID"]: each.get_payload(decode=True)
        for each in parts
        if each.get_content_type() == kind
    }


def test_a_purchase_is_mailed_with_codes_that_can_be_scanned_a_pdf_and_a_calendar(
    buyer, schedule, tmp_path
):
    tickets = bought(buyer, schedule, 1, 2).tickets

    mail = last_mail(buyer)

    assert mail.subject == f"[예매 완료] {schedule.concert.title}"
    pictures = parts_of(mail, "image/png")
    for ticket, (name, png) in zip(tickets, pictures.items(), strict=True):
        (tmp_path / name).write_bytes(png)
        with Image.open(tmp_path / name) as picture:
            (code,) = zxingcpp.read_barcodes(picture.convert("L"))
        assert code.text == ticket.code
        assert f"cid:{name}" in str(mail.alternatives[0][0])
    (pdf,) = parts_of(mail, "application/pdf").values()
    assert pdf.startswith(b"%PDF")
    (calendar,) = parts_of(mail, "text/calendar").values()
    events = IcsCalendarStream.calendar_from_ics(calendar.decode()).events
    assert {event.uid for event in events} == {f"{each.pk}@concertbook" for each in tickets}
    assert f"/tickets/{tickets[0].pk}/" in str(mail.body)
    assert "20,000원" in str(mail.body)


def test_a_mail_shows_what_is_good_when_it_is_sent(buyer, schedule):
    first, second = bought(buyer, schedule, 1, 2).tickets
    cancel_ticket(user=buyer, ticket_id=first.pk)

    tickets, cancelled = mails_to(buyer.email)

    assert len(parts_of(tickets, "image/png")) == 1
    assert second.seat.label in str(tickets.body)
    assert cancelled.subject == f"[예매 취소] {schedule.concert.title}"


def test_an_address_that_is_not_confirmed_gets_no_code_and_all_once_it_is(schedule):
    stranger, other = UserFactory(won=50_000, email_verified_at=None), member(won=50_000)
    (ticket,) = bought(stranger, schedule, 1).tickets
    bought(other, schedule, 2)
    OutgoingMessage.objects.exclude(kind="tickets").delete()

    mail = last_mail(stranger)

    assert not mail.attachments
    assert ticket.code not in mail.message().as_string()
    assert f"/tickets/{ticket.pk}/" in str(mail.body)
    assert "/accounts/" in str(mail.body)

    link = Link(Kind.VERIFY, stranger.email, stranger)
    prove_email(link=link, origin="http://testserver")
    tickets = OutgoingMessage.objects.filter(user=stranger, kind="tickets")
    assert tickets.count() == 2, "nothing of the other's"

    mail = last_mail(stranger, after=1)
    assert len(parts_of(mail, "image/png")) == len(parts_of(mail, "application/pdf")) == 1
    ids = {each.extra_headers["Message-ID"] for each in mails_to(stranger.email)}
    assert len(ids) == 2, "a mailbox would drop the second of one"
    prove_email(link=link, origin="http://testserver")
    assert len(mails_to(stranger.email)) == 2, "what it had already"


@pytest.mark.django_db(transaction=True)
def test_a_mail_that_is_being_leased_while_the_address_is_confirmed_is_sent_again(schedule):
    stranger = UserFactory(won=50_000, email_verified_at=None)
    bought(stranger, schedule, 1)
    OutgoingMessage.objects.exclude(kind="tickets").delete()
    link = Link(Kind.VERIFY, stranger.email, stranger)

    # The sweep has read the user, and has not committed its lease.
    gate = Gate(after='FROM "accounts_user"')
    with background(send_due, gate) as sweep:
        gate.wait()
        with background(lambda: prove_email(link=link, origin="http://testserver")) as proof:
            until(lambda: proof.done() or a_thread_waits_for_a_lock())
            gate.open()
            assert isinstance(proof.result(), User)
        assert sweep.result() >= 1

    codes, whole = mails_to(stranger.email)
    assert not codes.attachments
    assert len(parts_of(whole, "image/png")) == 1


def test_a_purchase_is_mailed_with_the_time_until_which_cancelling_is_free(buyer):
    schedule = ScheduleFactory(concert__refund_policy="60:0 7:10 0:90")
    (ticket,) = bought(buyer, schedule, 1).tickets
    free_until = free_after_purchase_until(bought_at=ticket.created_at, start_at=schedule.start_at)

    with override("ko"):
        said = f"{when_text(free_until)}까지 무료"
    assert said in str(last_mail(buyer).body)


def test_a_purchase_that_was_given_back_is_not_mailed_any_more(buyer, schedule):
    (ticket,) = bought(buyer, schedule, 1).tickets
    cancel_ticket(user=buyer, ticket_id=ticket.pk)

    assert [mail.subject[:7] for mail in mails_to(buyer.email)] == ["[예매 취소]"]


def test_no_mail_shows_another_users_ticket(buyer, schedule):
    (ticket,) = bought(buyer, schedule, 1).tickets
    other = UserFactory()
    queue([new_message(kind="tickets", user=other, data={"tickets": [str(ticket.pk)]})])

    assert mails_to(other.email) == []


def test_a_cancellation_is_mailed_with_the_sum_and_the_fee_explained(buyer, schedule):
    (ticket,) = bought(buyer, schedule, 1).tickets
    long_ago = timezone.now() - dt.timedelta(days=30)
    terms = {"created_at": long_ago, "refund_policy": "25:0 0:30"}
    Ticket.objects.filter(pk=ticket.pk).update(**terms)
    mails_to(buyer.email)

    cancel_ticket(user=buyer, ticket_id=ticket.pk)

    mail = last_mail(buyer, after=1)
    said = str(mail.body)
    assert "7,000원" in said
    assert "3,000원" in said
    assert "티켓 금액의 30%" in said
    (calendar,) = parts_of(mail, "text/calendar").values()
    (event,) = IcsCalendarStream.calendar_from_ics(calendar.decode()).events
    assert event.status == "CANCELLED"


def test_a_payment_that_was_recorded_as_failed_is_mailed_once(schedule):
    poor = member(won=1_000)
    (hold,) = held(poor, schedule, 1)
    for _attempt in range(2):
        with pytest.raises(InsufficientBalance):
            pay_reservations(user=poor, reservation_ids=[hold.pk])

    mail = last_mail(poor)

    assert mail.subject == "결제가 완료되지 않았습니다"
    assert "좌석은" in str(mail.body)
    assert "/checkout/" in str(mail.body)
    assert "List-Unsubscribe" in mail.extra_headers


def test_a_failed_payment_that_succeeded_afterwards_is_not_mailed(schedule, buyer):
    (hold,) = held(buyer, schedule, 1)
    failed = new_message(kind="payment_failed", user=buyer, data={"payments": []})
    pay_reservations(user=buyer, reservation_ids=[hold.pk])
    queue([failed])

    assert [mail.subject[:7] for mail in mails_to(buyer.email)] == ["[예매 완료]"]


def test_each_buyer_of_a_cancelled_show_gets_one_mail_with_the_sum(buyer, schedule):
    bought(buyer, schedule, 1, 2)
    other = member(won=50_000)
    bought(other, schedule, 3)
    for user in (buyer, other):
        mails_to(user.email)

    cancel_schedule(schedule_id=schedule.pk, by=StaffFactory(), reason="태풍")
    while refund_cancelled_schedules():
        pass

    said = str(last_mail(buyer, after=1).body)
    assert "태풍" in said
    assert "20,000원" in said
    assert "10,000원" in str(last_mail(other, after=1).body)


# --- A show that is moved ------------------------------------------------------------------------


def move(schedule, **by):
    ConcertSchedule.objects.filter(pk=schedule.pk).update(
        start_at=schedule.start_at + dt.timedelta(**by),
        end_at=schedule.end_at + dt.timedelta(**by),
    )
    schedule.refresh_from_db()


def half_a_minute_later():
    """Let the moves be older than the wait: the database's clock cannot be frozen."""
    moves = ScheduleMove.objects.filter(told_at=None)
    for each in moves:
        moves.filter(pk=each.pk).update(moved_at=each.moved_at - move_news.WAIT)


def told():
    return OutgoingMessage.objects.filter(kind="show_moved")


def test_every_holder_of_a_moved_show_is_told_once_in_batches(buyer, schedule, monkeypatch):
    monkeypatch.setattr(move_news, "USERS_AT_ONCE", 1)
    old = timezone.localtime(schedule.start_at)
    holders = [buyer, member(won=50_000), member(won=50_000)]
    for number, holder in enumerate(holders, start=1):
        bought(holder, schedule, number)
        mails_to(holder.email)
    gave_back = member(won=50_000)
    cancel_ticket(user=gave_back, ticket_id=bought(gave_back, schedule, 4).tickets[0].pk)

    move(schedule, hours=1, minutes=7)
    assert move_news.tell_of_moves() == 0
    half_a_minute_later()
    later = member(won=50_000)
    bought(later, schedule, 5)

    assert move_news.tell_of_moves() == 3
    assert move_news.tell_of_moves() == 0
    assert set(told().values_list("user", flat=True)) == {each.pk for each in holders}
    said = str(last_mail(buyer, after=1).body)
    new = timezone.localtime(schedule.start_at)
    assert said.index(f"{new:%H:%M} KST") < said.index(f"{old:%H:%M} KST")


def test_the_buyer_of_a_ticket_that_was_handed_on_is_told_of_a_move_too(buyer, schedule):
    (ticket,) = bought(buyer, schedule, 1).tickets
    receiver, other = member(won=0), member(won=50_000)
    bought(other, schedule, 2)
    offer = offer_ticket(user=buyer, ticket_id=ticket.pk, email=receiver.email)
    accept_offer(user=receiver, offer_id=offer.pk)
    OutgoingMessage.objects.all().delete()

    move(schedule, days=1)
    half_a_minute_later()

    assert move_news.tell_of_moves() == 3
    theirs, mine = last_mail(receiver), last_mail(buyer)
    assert not any("전달하신" in str(last_mail(each).body) for each in (receiver, other))
    assert "전달하신" in str(mine.body)
    assert len(parts_of(theirs, "application/pdf")) == 1
    assert "수수료 없이" not in str(theirs.body)
    assert not mine.attachments
    assert "수수료 없이" in str(mine.body)


def test_a_move_that_is_corrected_before_it_was_told_is_not_told(buyer, schedule):
    bought(buyer, schedule, 1)
    move(schedule, days=1)
    move(schedule, days=-1)
    half_a_minute_later()

    assert move_news.tell_of_moves() == 0


def test_a_move_back_that_was_told_before_is_told_again(buyer, schedule):
    (ticket,) = bought(buyer, schedule, 1).tickets
    Ticket.objects.filter(pk=ticket.pk).update(created_at=timezone.now() - dt.timedelta(days=1))
    mails_to(buyer.email)
    for days in (1, -1):
        move(schedule, days=days)
        half_a_minute_later()
        assert move_news.tell_of_moves() == 1

    # The first is out of date by now.
    assert len(mails_to(buyer.email)) == 2


def test_a_schedule_that_was_never_held_is_moved_without_news(schedule):
    move(schedule, days=1)

    assert not ScheduleMove.objects.exists()
