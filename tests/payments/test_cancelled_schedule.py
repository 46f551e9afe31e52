"""A cancelled schedule sells nothing more, and refunds every buyer in full."""

import datetime as dt
import uuid

import pytest
from django.contrib.auth.models import Permission
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.urls import reverse
from django.utils import timezone

from accounts.models import Activity, BalanceHistory
from concertbook.db.rows import Insert, write_rows
from concertbook.errors import NotFound
from concerts.errors import ScheduleCancelled
from concerts.models import Concert, ConcertSchedule, Seat, SeatStatusHistory
from concerts.services.schedule_rules import require_sale_kept
from concerts.services.seat_editing import SeatDetails, edit_seat
from concerts.services.seat_generation import Block, generate_seats
from operations.services.audit import run_checks
from payments.errors import AlreadyCancelled
from payments.models import Refund, Reservation, Ticket
from payments.services import schedule_cancellation
from payments.services.checkout import begin_payment, pay_reservations
from payments.services.holds import hold_seats
from payments.services.schedule_cancellation import (
    cancel_schedule,
    progress_of,
    refund_cancelled_schedules,
)
from payments.services.ticket_cancellation import cancel_ticket
from tests.concerts.test_admin_programme import concert_form
from tests.factories import (
    ScheduleFactory,
    StaffFactory,
    UserFactory,
    admitted,
    balance_of,
    bought,
    held,
    scanned,
)

pytestmark = pytest.mark.django_db

Cause = ConcertSchedule.CancelCause


@pytest.fixture
def schedule():
    return ScheduleFactory(price=10_000, doors_open=True, concert__refund_policy="365:50 0:100")


@pytest.fixture
def operator():
    return StaffFactory(is_superuser=True)


def bought_long_ago(user, schedule, *numbers):
    """Move the purchase into the past, so that cancelling a ticket would cost a fee."""
    tickets = bought(user, schedule, *numbers).tickets
    long_ago = timezone.now() - dt.timedelta(days=30)
    Ticket.objects.filter(pk__in=[each.pk for each in tickets]).update(created_at=long_ago)
    return tickets


def cancel(schedule, operator, reason="Storm", cause=Cause.FORCE_MAJEURE):
    return cancel_schedule(schedule_id=schedule.pk, by=operator, reason=reason, cause=cause)


def sweep():
    while refund_cancelled_schedules():
        pass


def test_every_buyer_is_refunded_in_full_under_every_policy(schedule, operator):
    buyers = [UserFactory(won=50_000) for _ in range(3)]
    for number, buyer in enumerate(buyers, start=1):
        bought_long_ago(buyer, schedule, number, number + 3)

    cancel(schedule, operator)
    sweep()

    assert [balance_of(buyer) for buyer in buyers] == [50_000] * 3
    refunds = Refund.objects.values_list("amount", "fee", "reason", "refunded_by")
    assert set(refunds) == {(10_000, 0, "schedule_cancelled", operator.pk)}
    assert set(Ticket.objects.values_list("status", flat=True)) == {"CANCELLED"}
    assert not Reservation.objects.live().exists()
    lines = BalanceHistory.objects.filter(type="CANCELLATION")
    assert set(lines.values_list("reason", flat=True)) == {"schedule_cancelled"}
    assert not [finding for finding in run_checks() if finding.violations]


@pytest.mark.django_db(transaction=True)
def test_a_buyers_refunds_are_written_in_the_order_of_the_purchases(schedule, operator):
    user = UserFactory(won=50_000)
    for number in range(1, 5):
        Seat.objects.filter(schedule=schedule, number=number).update(price=number * 1_000)
    receipts = [bought(user, schedule, 4), bought(user, schedule, 3, 1, 2)]
    store_in_reverse([payment for receipt in receipts for payment in receipt.payments])

    cancel(schedule, operator)
    sweep()

    lines = BalanceHistory.objects.filter(balance__user=user).order_by("seq")
    paid, given_back = (
        list(lines.filter(type=type).values_list("amount", flat=True))
        for type in ("RESERVATION", "CANCELLATION")
    )
    assert given_back == paid == [4_000, 1_000, 2_000, 3_000]


def store_in_reverse(payments):
    """Store rows so that a query without an order returns the last one first."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        for payment in reversed(payments):
            cursor.execute("DELETE FROM payments_payment WHERE id = %s", [payment.pk])
            write_rows(Insert([payment]))


def test_a_used_ticket_is_refunded_too_and_keeps_when_it_was_used(schedule, operator):
    user = UserFactory(won=10_000)
    (ticket,) = bought_long_ago(user, schedule, 1)
    scanned(ticket, by=operator, gate="2")

    cancel(schedule, operator)
    sweep()

    ticket.refresh_from_db()
    assert (ticket.status, ticket.gate) == ("CANCELLED", "2")
    assert ticket.used_at is not None
    assert balance_of(user) == 10_000


def test_holds_end_and_nothing_is_offered_again(app, schedule, operator):
    user = UserFactory()
    (hold,) = held(user, schedule, 1)

    cancel(schedule, operator)
    sweep()

    hold.refresh_from_db()
    assert hold.status == "CANCELLED"
    assert Seat.objects.get(number=1, schedule=schedule).status == "AVAILABLE"
    last = SeatStatusHistory.objects.latest("pk")
    assert (last.reason, last.changed_by) == ("schedule_cancelled", operator)
    shown = app(user).get(f"/api/v1/schedules/{schedule.pk}/").json()
    assert (shown["seats_available"], shown["cancel_reason"]) == (0, "Storm")
    assert shown["cancelled_at"] is not None
    refused = app(user).get(f"/api/v1/schedules/{schedule.pk}/seats/")
    assert (refused.status_code, refused.json()["code"]) == (403, "schedule_cancelled")


def test_nothing_is_held_paid_or_extended_from_the_commit_on(schedule, operator):
    user = UserFactory(won=50_000)
    (hold,) = held(user, schedule, 1)

    cancel(schedule, operator)

    for refused in (
        lambda: hold_seats(user=user, schedule_id=schedule.pk, numbers=[2]),
        lambda: pay_reservations(user=user, reservation_ids=[hold.pk]),
        lambda: begin_payment(user=user, reservation_ids=[hold.pk]),
    ):
        with pytest.raises(ScheduleCancelled):
            refused()
    sweep()
    with pytest.raises(ScheduleCancelled):
        pay_reservations(user=user, reservation_ids=[hold.pk])
    assert balance_of(user) == 50_000
    assert BalanceHistory.objects.filter(type="RESERVATION").count() == 0


def test_check_ins_are_refused_from_the_commit_on(schedule, operator):
    (ticket,) = bought(UserFactory(won=10_000), schedule, 1).tickets

    cancel(schedule, operator)

    with pytest.raises(AlreadyCancelled):
        scanned(ticket, by=operator)


def test_a_buyer_who_is_faster_than_the_sweep_pays_no_fee_either(app, schedule, operator):
    user = UserFactory(won=10_000)
    (ticket,) = bought_long_ago(user, schedule, 1)
    ConcertSchedule.objects.filter(pk=schedule.pk).update(
        start_at=timezone.now() - dt.timedelta(minutes=5), reserve_until=timezone.now()
    )
    Ticket.objects.update(start_at=timezone.now() - dt.timedelta(minutes=5))

    cancel(schedule, operator)
    quote = app(user).get(f"/api/v1/tickets/{ticket.pk}/refund-quote/").json()
    refund = cancel_ticket(user=user, ticket_id=ticket.pk)

    assert (quote["amount"], quote["fee"], quote["basis"], quote["until"]) == (
        10_000,
        0,
        "schedule_cancelled",
        None,
    )
    assert (refund.amount, refund.fee, refund.refunded_by) == (10_000, 0, user)
    assert progress_of(schedule_id=schedule.pk).is_done


def test_a_ticket_cancelled_before_keeps_its_refund(schedule, operator):
    user = UserFactory(won=10_000)
    (ticket,) = bought_long_ago(user, schedule, 1)
    schedule.refresh_from_db()
    cancel_ticket(user=user, ticket_id=ticket.pk)
    after_fee = balance_of(user)

    cancel(schedule, operator)
    sweep()

    assert balance_of(user) == after_fee < 10_000


def test_cancelling_again_changes_nothing(schedule, operator):
    user = UserFactory(won=10_000)
    bought(user, schedule, 1)

    assert cancel(schedule, operator)
    sweep()
    assert not cancel(schedule, StaffFactory(), reason="Another reason")
    sweep()

    schedule.refresh_from_db()
    assert (schedule.cancelled_by, schedule.cancel_reason) == (operator, "Storm")
    assert balance_of(user) == 10_000
    assert Refund.objects.count() == 1


def test_a_schedule_that_is_not_there_is_not_cancelled(operator):
    with pytest.raises(NotFound):
        cancel_schedule(schedule_id=operator.pk, by=operator)


def test_other_schedules_go_on(schedule, operator):
    other = ScheduleFactory(concert=schedule.concert, price=10_000)
    user = UserFactory(won=20_000)
    bought(user, schedule, 1)
    (kept,) = bought(user, other, 1).tickets

    cancel(schedule, operator)
    sweep()

    kept.refresh_from_db()
    assert kept.status == "ISSUED"
    assert balance_of(user) == 10_000


def test_a_round_has_an_end_and_the_next_goes_on(schedule, operator, monkeypatch):
    monkeypatch.setattr(schedule_cancellation, "BUYERS_AT_ONCE", 2)
    monkeypatch.setattr(schedule_cancellation, "BATCHES_AT_ONCE", 1)
    for number in range(1, 6):
        bought(UserFactory(won=10_000), schedule, number)
    cancel(schedule, operator)

    assert [refund_cancelled_schedules() for _ in range(4)] == [2, 2, 1, 0]


def test_progress_counts_tickets_money_and_holds(schedule, operator, monkeypatch):
    monkeypatch.setattr(schedule_cancellation, "BUYERS_AT_ONCE", 1)
    monkeypatch.setattr(schedule_cancellation, "BATCHES_AT_ONCE", 1)
    for number in (1, 2):
        bought(UserFactory(won=10_000), schedule, number)
    held(UserFactory(), schedule, 3)
    before = progress_of(schedule_id=schedule.pk)
    assert (before.left, before.won_left, before.holds, before.refunded) == (2, 20_000, 1, 0)

    cancel(schedule, operator)
    seen = []
    while refund_cancelled_schedules():
        progress = progress_of(schedule_id=schedule.pk)
        assert (progress.tickets, progress.won) == (2, 20_000)
        seen.append((progress.refunded, progress.won_refunded, progress.is_done))

    assert seen[-1] == (2, 20_000, True)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE accounts_balance SET amount = amount + 1 WHERE user_id = %s",
        "DELETE FROM payments_payment WHERE user_id = %s",
    ],
)
def test_a_buyer_with_damaged_records_does_not_delay_other_refunds(
    schedule, operator, caplog, damage
):
    poor, fine = UserFactory(won=10_000), UserFactory(won=10_000)
    bought(poor, schedule, 1)
    bought(fine, schedule, 2)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(damage, [poor.pk])

    cancel(schedule, operator)
    refund_cancelled_schedules()

    assert balance_of(fine) == 10_000
    assert progress_of(schedule_id=schedule.pk).left == 1
    assert Ticket.objects.get(user=poor).status == "ISSUED"
    assert str(poor.pk) in caplog.text


@pytest.mark.django_db(transaction=True)
def test_the_sweep_reaches_all_buyers_behind_any_number_of_damaged_ones(
    schedule, operator, monkeypatch
):
    monkeypatch.setattr(schedule_cancellation, "BUYERS_AT_ONCE", 2)
    monkeypatch.setattr(schedule_cancellation, "BATCHES_AT_ONCE", 1)
    buyers = sorted(UserFactory.create_batch(6, won=10_000), key=lambda user: user.pk)
    for number, buyer in enumerate(buyers, 1):
        bought(buyer, schedule, number)
    *damaged, fine = buyers
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        for buyer in damaged:
            cursor.execute("DELETE FROM payments_payment WHERE user_id = %s", [buyer.pk])

    cancel(schedule, operator)
    for _round in range(60):
        refund_cancelled_schedules()

    assert balance_of(fine) == 10_000
    assert progress_of(schedule_id=schedule.pk).left == len(damaged)


# --- The organiser's fault --------------------------------------------------------------------


@pytest.fixture
def odd(schedule):
    """A schedule with a seat of a price that a tenth does not divide evenly."""
    Seat.objects.filter(schedule=schedule, number=1).update(price=10_001)
    return schedule


def lines_of(user):
    lines = BalanceHistory.objects.filter(balance__user=user).order_by("seq")
    return [(line.type, line.amount, line.delta) for line in lines][-2:]


def test_by_the_organisers_fault_buyers_get_a_tenth_on_top_rounded_up(app, odd, operator):
    user = UserFactory(won=20_000)
    (ticket,) = bought_long_ago(user, odd, 1)

    cancel(odd, operator, cause=Cause.ORGANISER)
    before = progress_of(schedule_id=odd.pk)
    sweep()
    after = progress_of(schedule_id=odd.pk)

    assert lines_of(user) == [("CANCELLATION", 10_001, 10_001), ("COMPENSATION", 1_001, 1_001)]
    assert balance_of(user) == 21_001
    refund = Refund.objects.get()
    assert (refund.amount, refund.fee, refund.compensation) == (10_001, 0, 1_001)
    assert BalanceHistory.objects.get(source=refund.compensation_source).amount == 1_001
    assert (before.won, before.compensation_left, before.won_compensated) == (10_001, 1_001, 0)
    assert (after.won, after.compensation_left, after.won_compensated) == (10_001, 0, 1_001)
    told = app(user).get(f"/api/v1/tickets/{ticket.pk}/").json()
    assert (told["refund"]["amount"], told["refund"]["compensation"]) == (10_001, 1_001)
    assert not [finding for finding in run_checks() if finding.violations]


def test_a_buyer_who_is_faster_than_the_sweep_is_compensated_too(app, odd, operator):
    user = UserFactory(won=20_000)
    (ticket,) = bought_long_ago(user, odd, 1)

    cancel(odd, operator, cause=Cause.ORGANISER)
    quote = app(user).get(f"/api/v1/tickets/{ticket.pk}/refund-quote/").json()
    cancel_ticket(user=user, ticket_id=ticket.pk)
    sweep()

    assert (quote["amount"], quote["fee"], quote["compensation"]) == (10_001, 0, 1_001)
    assert lines_of(user) == [("CANCELLATION", 10_001, 10_001), ("COMPENSATION", 1_001, 1_001)]


def test_a_ticket_given_back_before_has_no_part_in_the_compensation(odd, operator):
    user = UserFactory(won=20_000)
    (ticket,) = bought_long_ago(user, odd, 1)
    cancel_ticket(user=user, ticket_id=ticket.pk)

    cancel(odd, operator, cause=Cause.ORGANISER)
    sweep()

    assert not BalanceHistory.objects.filter(type="COMPENSATION").exists()


def test_the_buyer_reads_the_compensation_on_ticket_order_and_balance(client, odd, operator):
    user = UserFactory(won=20_000)
    (ticket,) = bought(user, odd, 1).tickets
    client.force_login(user)
    cancel(odd, operator, cause=Cause.ORGANISER)

    def page(address):
        return client.get(address, headers={"Accept-Language": "en"}).content.decode()

    assert "10% of the price is added as compensation" in page(f"/tickets/{ticket.pk}/")
    assert "+₩1,001" in page(f"/tickets/{ticket.pk}/cancel/")
    sweep()
    assert "₩1,001 was added as compensation" in page(f"/tickets/{ticket.pk}/")
    assert "−₩1,001" in page(f"/orders/{ticket.reservation_id}/")
    assert "+₩1,001" in page("/balance/?type=COMPENSATION")


# --- The database itself ----------------------------------------------------------------------


def refused_by(name, act):
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        act()
    assert refusal.value.__cause__.diag.constraint_name == name


def test_a_cancellation_is_for_good(schedule, operator):
    cancel(schedule, operator)
    rows = ConcertSchedule.objects.filter(pk=schedule.pk)

    for change in (
        {"cancelled_at": None, "cancelled_by": None, "cancel_reason": ""},
        {"cancel_reason": "Another"},
        {"cancelled_by": StaffFactory()},
    ):
        refused_by(
            "concerts_schedule_cancellation_is_final", lambda change=change: rows.update(**change)
        )


def test_a_cancelled_schedule_must_name_its_operator(schedule):
    rows = ConcertSchedule.objects.filter(pk=schedule.pk)
    refused_by(
        "concerts_concertschedule_cancelled_has_operator",
        lambda: rows.update(cancelled_at=timezone.now()),
    )


def test_no_reservation_of_a_cancelled_schedule_is_made_or_confirmed(schedule, operator):
    (hold,) = held(UserFactory(), schedule, 1)
    admitted(hold.user, schedule)
    cancel(schedule, operator)

    refused_by(
        "payments_no_sale_in_cancelled_schedule",
        lambda: Reservation.objects.create(
            user=hold.user,
            seat=Seat.objects.get(schedule=schedule, number=2),
            schedule=schedule,
            slot=2,
            price=10_000,
            created_at=hold.created_at,
            expires_at=hold.expires_at,
        ),
    )
    refused_by(
        "payments_no_sale_in_cancelled_schedule",
        lambda: Reservation.objects.filter(pk=hold.pk).update(
            status="CONFIRMED", confirmed_at=hold.created_at
        ),
    )


def test_a_used_or_cancelled_ticket_keeps_its_state(schedule, operator):
    used, cancelled = bought(UserFactory(won=20_000), schedule, 1, 2).tickets
    scanned(used, by=operator)
    cancel_ticket(user=cancelled.user, ticket_id=cancelled.pk)

    for ticket, status in (
        (used, {"status": "CANCELLED"}),
        (used, {"status": "ISSUED", "used_at": None}),
        (cancelled, {"status": "ISSUED"}),
        (cancelled, {"status": "USED", "used_at": timezone.now()}),
    ):
        rows = Ticket.objects.filter(pk=ticket.pk)
        refused_by(
            "payments_ticket_status_transitions", lambda rows=rows, to=status: rows.update(**to)
        )


def test_no_fee_is_kept_when_the_schedule_was_cancelled(schedule, operator):
    receipt = bought(UserFactory(won=10_000), schedule, 1)
    refused_by(
        "payments_refund_in_full_when_schedule_cancelled",
        lambda: Refund.objects.create(
            payment=receipt.payments[0],
            amount=9_000,
            fee=1_000,
            refunded_by=operator,
            reason="schedule_cancelled",
            created_at=timezone.now(),
        ),
    )


# --- Pages of buyers --------------------------------------------------------------------------


def test_the_buyer_reads_it_on_the_ticket_before_and_after_the_refund(client, schedule, operator):
    user = UserFactory(won=10_000)
    (ticket,) = bought(user, schedule, 1).tickets
    client.force_login(user)
    cancel(schedule, operator, reason="Storm <b>warning</b>")
    english = {"Accept-Language": "en"}

    before = client.get(f"/tickets/{ticket.pk}/", headers=english).content.decode()
    sweep()
    after = client.get(f"/tickets/{ticket.pk}/", headers=english).content.decode()

    for page in (before, after):
        assert "This performance was cancelled." in page
        assert "Storm &lt;b&gt;warning&lt;/b&gt;" in page
        assert "qr.svg" not in page
        assert f"/tickets/{ticket.pk}/cancel/" not in page
    assert "You are being refunded in full: ₩10,000" in before
    assert "You were refunded in full: ₩10,000" in after
    assert "Performance cancelled" in client.get("/tickets/", headers=english).content.decode()


def test_the_concert_page_says_so_and_offers_no_way_into_the_line(client, schedule, operator):
    cancel(schedule, operator)
    page = client.get(f"/concerts/{schedule.concert_id}/", headers={"Accept-Language": "en"})

    assert "Performance cancelled" in page.content.decode()
    assert "Storm" in page.content.decode()
    assert "Join the line" not in page.content.decode()
    assert not client.get("/?on_sale=on").context["page"].object_list
    assert client.get("/").context["page"].object_list[0].sale == "cancelled"


def test_the_seat_page_says_so(client, schedule, operator):
    user = UserFactory()
    admitted(user, schedule)
    client.force_login(user)
    cancel(schedule, operator)

    page = client.get(f"/schedules/{schedule.pk}/seats/", headers={"Accept-Language": "en"})

    assert page.status_code == 403
    assert "This performance was cancelled" in page.content.decode()


def test_the_api_tells_that_it_was_cancelled_and_what_came_back(app, schedule, operator):
    user = UserFactory(won=20_000)
    (ticket,) = bought(user, schedule, 1).tickets
    other = bought(user, ScheduleFactory(price=10_000), 1).tickets[0]
    cancel(schedule, operator)
    sweep()
    client = app(user)

    one = client.get(f"/api/v1/tickets/{ticket.pk}/").json()
    listed = {each["id"]: each for each in client.get("/api/v1/tickets/").json()["results"]}

    assert listed[str(ticket.pk)] == one
    assert one["schedule_cancelled_at"] is not None
    assert one["status"] == "CANCELLED"
    assert (one["refund"]["amount"], one["refund"]["fee"]) == (10_000, 0)
    assert one["refund"]["reason"] == "schedule_cancelled"
    assert listed[str(other.pk)]["refund"] is None
    assert listed[str(other.pk)]["schedule_cancelled_at"] is None


# --- The operator -----------------------------------------------------------------------------

CONFIRMED = {"_form_submitted": "on", "cause": "force_majeure", "reason": "태풍"}


def page(action, schedule):
    return reverse(f"admin:concerts_concertschedule_{action}", args=[schedule.pk])


def test_the_operator_is_told_what_it_means_and_sees_it_done(client, schedule, operator):
    bought(UserFactory(won=10_000), schedule, 1)
    held(UserFactory(), schedule, 2)
    client.force_login(operator)
    english = {"Accept-Language": "en"}

    dialog = client.get(page("cancel", schedule), headers=english).content.decode()
    assert "₩10,000" in dialog
    assert "+₩1,000" in dialog
    assert not ConcertSchedule.objects.get().cancelled_at
    done = client.post(page("cancel", schedule), CONFIRMED, headers=english)
    assert done["HX-Redirect"] == page("refunds", schedule)

    waiting = client.get(page("refunds", schedule), headers=english).content.decode()
    assert "0 of 1 tickets refunded" in waiting
    assert 'http-equiv="refresh"' in waiting
    sweep()
    finished = client.get(page("refunds", schedule), headers=english).content.decode()
    assert "1 of 1 tickets refunded" in finished
    assert 'http-equiv="refresh"' not in finished
    record = client.get(page("change", schedule), headers=english).content.decode()
    assert "1 of 1 tickets, ₩10,000 of ₩10,000" in record
    assert "태풍" in record
    entry = Activity.objects.get(act="schedule.cancel")
    assert (entry.actor, entry.target_key) == (operator, str(schedule.pk))
    assert "태풍" in entry.reason
    refunded = Activity.objects.get(act="schedule.refunded")
    assert (refunded.actor, refunded.target_key) == (None, str(schedule.pk))
    assert (refunded.new["refunds"], refunded.new["amount"]) == (1, 10_000)


@pytest.mark.parametrize("missing", [{"reason": " "}, {"cause": ""}, {"cause": "whim"}])
def test_the_dialog_wants_a_cause_and_a_reason_for_the_buyers(client, schedule, operator, missing):
    client.force_login(operator)

    answer = client.post(page("cancel", schedule), CONFIRMED | missing)

    assert answer.status_code == 200
    assert ConcertSchedule.objects.get().cancelled_at is None


def test_the_operator_sees_what_the_organisers_fault_cost(client, schedule, operator):
    bought(UserFactory(won=10_000), schedule, 1)
    client.force_login(operator)

    english = {"Accept-Language": "en"}
    fault = CONFIRMED | {"cause": "organiser"}
    client.post(page("cancel", schedule), fault, headers=english)
    sweep()

    progress = client.get(page("refunds", schedule), headers=english).content.decode()
    record = client.get(page("change", schedule), headers=english).content.decode()
    assert "the organiser&#x27;s fault" in progress
    assert "₩1,000" in progress
    assert "compensation ₩1,000 of ₩1,000" in record
    assert Activity.objects.get(act="schedule.cancel").new == {"cancel_cause": "organiser"}


def test_the_dialog_sent_twice_cancels_once(client, schedule, operator):
    client.force_login(operator)

    answers = [client.post(page("cancel", schedule), CONFIRMED) for _ in range(2)]

    assert {answer["HX-Redirect"] for answer in answers} == {page("refunds", schedule)}
    assert Activity.objects.filter(act="schedule.cancel").count() == 1


def test_an_operator_who_may_change_schedules_may_not_cancel_them(client, schedule):
    staff = StaffFactory()
    staff.user_permissions.set(
        Permission.objects.filter(
            codename__in=["view_concertschedule", "change_concertschedule"],
        )
    )
    client.force_login(staff)

    assert client.get(page("cancel", schedule)).status_code == 403
    assert client.post(page("cancel", schedule), CONFIRMED).status_code == 403
    assert page("cancel", schedule) not in client.get(page("change", schedule)).content.decode()
    assert not ConcertSchedule.objects.get().cancelled_at


def test_the_permission_to_cancel_is_enough_to_cancel(client, schedule):
    staff = StaffFactory()
    staff.user_permissions.set(
        Permission.objects.filter(codename__in=["view_concertschedule", "cancel_concertschedule"])
    )
    client.force_login(staff)

    assert page("cancel", schedule) in client.get(page("change", schedule)).content.decode()
    client.post(page("cancel", schedule), CONFIRMED)

    assert ConcertSchedule.objects.get().cancelled_by == staff


def test_a_cancelled_schedule_is_read_only(client, schedule, operator):
    cancel(schedule, operator)
    client.force_login(operator)

    assert client.get(page("change", schedule)).status_code == 200
    assert client.post(page("change", schedule), {"price": "1"}).status_code == 403
    assert client.get(page("generate", schedule)).status_code == 403


def test_the_seats_of_a_cancelled_schedule_are_unchanged(client, schedule, operator):
    cancel(schedule, operator)
    seat = schedule.seats.first()
    block = Block(section="far", rows=1, seats_per_row=1, grade="S", price=1)

    with pytest.raises(ScheduleCancelled):
        generate_seats(schedule_id=schedule.pk, blocks=[block])
    with pytest.raises(ScheduleCancelled):
        edit_seat(seat_id=seat.pk, details=SeatDetails("another", "", "", 1))
    client.force_login(operator)
    address = reverse("admin:concerts_seat_change", args=[seat.pk])
    assert client.post(address, {"label": "another", "price": "1"}).status_code == 403


@pytest.mark.parametrize("strange", ["abc", "0", str(uuid.UUID(int=0))])
def test_a_schedule_that_is_not_there_has_no_dialog(client, operator, strange):
    client.force_login(operator)
    address = reverse("admin:concerts_concertschedule_cancel", args=[strange])

    assert client.post(address, CONFIRMED).status_code == 404
    assert client.get(address).status_code in (200, 404)


def test_a_schedule_cancelled_while_its_form_is_sent_is_not_changed(schedule, operator):
    cancel(schedule, operator)

    with pytest.raises(ValidationError):
        require_sale_kept(
            schedule_id=schedule.pk,
            reserve_from=schedule.reserve_from,
            reserve_until=schedule.reserve_until,
            purchase_limit=schedule.purchase_limit,
        )


def test_a_cancelled_schedule_is_read_only_on_its_concerts_page_too(client, schedule, operator):
    cancel(schedule, operator)
    other = ScheduleFactory(concert=schedule.concert)
    client.force_login(operator)

    answer = client.post(
        reverse("admin:concerts_concert_change", args=[schedule.concert.pk]),
        concert_form(schedule.concert, price=30_000, title="가을 콘서트"),
    )

    assert answer.status_code == 302
    assert Concert.objects.get().title == "가을 콘서트"
    schedules = ConcertSchedule.objects.in_bulk()
    assert (schedules[schedule.pk].price, schedules[other.pk].price) == (10_000, 30_000)


def test_an_operator_without_view_permission_sees_no_refunds(client, schedule, operator):
    cancel(schedule, operator)
    staff = StaffFactory()
    staff.user_permissions.set(Permission.objects.filter(codename="view_seat"))
    client.force_login(staff)

    assert client.get(page("refunds", schedule)).status_code == 403


def test_there_are_no_refunds_to_watch_before(client, schedule, operator):
    client.force_login(operator)

    assert client.get(page("refunds", schedule)).status_code == 404
    assert page("refunds", schedule) not in client.get(page("change", schedule)).content.decode()
