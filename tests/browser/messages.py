"""An example of every kind of message, made by what it tells of where that is short."""

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.utils import timezone

from accounts.errors import InsufficientBalance
from accounts.models import OutgoingMessage, User
from accounts.services.credits import give_credit
from accounts.services.outbox import new_message, queue
from concerts.models import ConcertSchedule, Seat
from operations.models import Export, ReportMail
from operations.services.exports import write_slice
from payments.models import Ticket
from payments.services import (
    move_news,
    schedule_cancellation,
    ticket_cancellation,
    ticket_moves,
    ticket_offers,
)
from payments.services.checkout import pay_reservations
from tests.browser.states import hall_of_grades, jazz
from tests.factories import StaffFactory, UserFactory, admitted, bought, held, staff
from tests.payments.test_letters import half_a_minute_later, move

Example = Callable[[], OutgoingMessage]
EXAMPLES: dict[str, Example] = {}


def example(make: Example) -> Example:
    """An example of the kind that the function is named after."""
    EXAMPLES[make.__name__] = make
    return make


def newest(kind: str) -> OutgoingMessage:
    return OutgoingMessage.objects.filter(kind=kind).latest("pk")


def queued(kind: str, user: User, **data: Any) -> OutgoingMessage:
    queue([new_message(kind=kind, user=user, data=data)])
    return newest(kind)


def buyer(*, won: int = 1_000_000) -> User:
    return UserFactory.create(won=won, name="김하늘")


def evening() -> ConcertSchedule:
    """A hall with grades, in twenty days, for which cancelling costs a tenth by now."""
    schedule = jazz(seats=0, refund_policy="25:0 7:10 3:20 1:30 0:90")
    hall_of_grades(schedule)
    days = dt.timedelta(days=10)
    ConcertSchedule.objects.filter(pk=schedule.pk).update(
        start_at=schedule.start_at - days,
        end_at=schedule.end_at - days,
        reserve_until=schedule.reserve_until - days,
    )
    schedule.refresh_from_db()
    return schedule


# --- The account ---------------------------------------------------------------------------------


@example
def verify() -> OutgoingMessage:
    return queued("verify", UserFactory.create(email_verified_at=None))


@example
def change() -> OutgoingMessage:
    return queued("change", buyer())


@example
def changed() -> OutgoingMessage:
    return queued("changed", buyer())


@example
def changed_to() -> OutgoingMessage:
    return queued("changed_to", buyer())


@example
def claim() -> OutgoingMessage:
    return queued("claim", UserFactory.create(email_verified_at=None))


@example
def reset() -> OutgoingMessage:
    return queued("reset", buyer())


@example
def password_changed() -> OutgoingMessage:
    return queued("password_changed", buyer())


@example
def top_up() -> OutgoingMessage:
    buyer(won=50_000)
    return newest("top_up")


@example
def credit() -> OutgoingMessage:
    give_credit(
        actor=StaffFactory.create(), user=buyer(), amount=20_000, limit=20_000, reason="늦은 입장"
    )
    return newest("credit")


@example
def written_before() -> OutgoingMessage:
    body = "한밤의 재즈: 김도윤 트리오\n\n예매가 20:00에 시작됩니다."
    return queued("written_before", buyer(), subject="예매가 곧 시작됩니다", body=body)


@example
def new_device() -> OutgoingMessage:
    return queued("new_device", buyer(), client=["KakaoTalk", "Android", "203.0.113.0/24"])


@example
def data_copy_ready() -> OutgoingMessage:
    return queued("data_copy_ready", buyer())


@example
def deletion_requested() -> OutgoingMessage:
    closes_at = timezone.now() + dt.timedelta(days=7)
    return queued("deletion_requested", UserFactory.create(closes_at=closes_at))


@example
def account_kept() -> OutgoingMessage:
    return queued("account_kept", buyer())


@example
def account_deleted() -> OutgoingMessage:
    kept_until = timezone.now() + dt.timedelta(days=5 * 365)
    return queued("account_deleted", buyer(), kept_until=kept_until.isoformat())


@example
def money_owed() -> OutgoingMessage:
    kept_until = timezone.now() + dt.timedelta(days=5 * 365)
    return queued("money_owed", buyer(), won=66_000, kept_until=kept_until.isoformat())


# --- The sale and the purchase -------------------------------------------------------------------


@example
def sale_opens() -> OutgoingMessage:
    schedule = jazz(opens_in=dt.timedelta(minutes=9))
    return queued("sale_opens", buyer(), schedule=str(schedule.pk))


@example
def turn() -> OutgoingMessage:
    user = buyer()
    return queued("turn", user, token=str(admitted(user, jazz()).pk))


@example
def tickets() -> OutgoingMessage:
    bought(buyer(), evening(), 1, 2)
    return newest("tickets")


@example
def payment_failed() -> OutgoingMessage:
    poor = buyer(won=10_000)
    (hold,) = held(poor, evening(), 1)
    try:
        pay_reservations(user=poor, reservation_ids=[hold.pk])
    except InsufficientBalance:
        return newest("payment_failed")
    raise AssertionError("The seat costs more.")


@example
def ticket_cancelled() -> OutgoingMessage:
    user = buyer()
    (ticket,) = bought(user, evening(), 1).tickets
    last_week = timezone.now() - dt.timedelta(days=7)
    Ticket.objects.filter(pk=ticket.pk).update(created_at=last_week)
    ticket_cancellation.cancel_ticket(user=user, ticket_id=ticket.pk)
    return newest("ticket_cancelled")


@example
def ticket_moved() -> OutgoingMessage:
    (ticket,) = bought(buyer(), evening(), 1).tickets
    free = Seat.objects.filter(schedule=ticket.seat.schedule_id, number=2).get().label
    ticket_moves.move_ticket(
        actor=StaffFactory.create(), ticket_id=ticket.pk, to=free, reason="A broken seat"
    )
    return newest("ticket_moved")


@example
def show_cancelled() -> OutgoingMessage:
    schedule = evening()
    bought(buyer(), schedule, 1, 2)
    cancel(schedule)
    return newest("show_cancelled")


@example
def show_moved() -> OutgoingMessage:
    schedule = evening()
    bought(buyer(), schedule, 1, 2)
    move(schedule, days=3, hours=1)
    half_a_minute_later()
    move_news.tell_of_moves()
    return newest("show_moved")


def cancel(schedule: ConcertSchedule) -> None:
    schedule_cancellation.cancel_schedule(
        schedule_id=schedule.pk,
        by=StaffFactory.create(),
        reason="연주자의 부상으로 공연을 열지 못하게 되었습니다.",
        cause=ConcertSchedule.CancelCause.ORGANISER,
    )
    schedule_cancellation.refund_cancelled_schedules()


# --- Handing on ----------------------------------------------------------------------------------


def offered() -> tuple[Any, User]:
    """An open offer of a ticket to a user, and this user."""
    giver, receiver = buyer(), UserFactory.create(name="이준호")
    (ticket,) = bought(giver, evening(), 1).tickets
    email = str(receiver.email)
    return ticket_offers.offer_ticket(user=giver, ticket_id=ticket.pk, email=email), receiver


def accepted() -> Any:
    offer, receiver = offered()
    ticket_offers.accept_offer(user=receiver, offer_id=offer.pk)
    return offer


@example
def ticket_offered() -> OutgoingMessage:
    offered()
    return newest("ticket_offered")


@example
def ticket_withdrawn() -> OutgoingMessage:
    offer, _receiver = offered()
    ticket_offers.withdraw_offer(user=offer.giver, ticket_id=offer.ticket_id)
    return newest("ticket_withdrawn")


@example
def ticket_accepted() -> OutgoingMessage:
    accepted()
    return newest("ticket_accepted")


@example
def ticket_received() -> OutgoingMessage:
    accepted()
    return newest("ticket_received")


@example
def ticket_declined() -> OutgoingMessage:
    offer, receiver = offered()
    ticket_offers.decline_offer(user=receiver, offer_id=offer.pk)
    return newest("ticket_declined")


@example
def received_ticket_cancelled() -> OutgoingMessage:
    cancel(accepted().ticket.reservation.schedule)
    return newest("received_ticket_cancelled")


# --- The staff -----------------------------------------------------------------------------------


@example
def report() -> OutgoingMessage:
    recipient = staff("Finance", name="김하늘")
    mail = ReportMail.objects.create(report="sales-by-day", span="week_before", weekday=0)
    export = Export.objects.create(
        user=recipient,
        report=mail.report,
        query="first=2026-11-23&last=2026-11-29",
        columns=[],
        format="xlsx",
        mail=mail,
    )
    write_slice()
    return queued("report", recipient, export=export.pk)
