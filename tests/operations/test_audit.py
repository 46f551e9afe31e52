"""manage.py audit: finds nothing in a healthy sale, and every violation made on purpose."""

import datetime as dt
import json
import re
import uuid
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F
from django.utils import timezone

from accounts.errors import ChargeDeclined, InsufficientBalance
from accounts.models import Balance, BalanceHistory, User
from accounts.services.charges import charge
from accounts.services.credits import give_credit
from concertbook.db.clock import database_now
from concerts.models import ConcertSchedule, Seat, SeatStatusHistory, save_status
from operations.services.audit import run_audit, run_checks
from operations.services.audit_checks import CHECKS
from operations.services.ledger_proof import read_totals
from payments.models import CheckIn, Payment, Refund, Reservation, Ticket, TicketOffer
from payments.services.checkout import pay_reservations
from payments.services.releases import release_expired_holds, release_reservation
from payments.services.schedule_cancellation import cancel_schedule, refund_cancelled_schedules
from payments.services.ticket_cancellation import cancel_ticket
from payments.services.ticket_offers import accept_offer, offer_ticket
from queueing.models import QueueToken, WaitingRoom
from queueing.services.join_and_leave import join
from queueing.services.rooms import set_pace
from tests.factories import ScheduleFactory, UserFactory, admitted, bought, held, overdue, scanned


class Sale:
    """A valid sale in which every operation has happened once."""

    def __init__(self):
        self.schedule = ScheduleFactory(seats=8, price=10_000, doors_open=True)
        self.room = self.schedule.concert.waiting_room
        self.buyer, self.poor, self.idler = UserFactory(won=100_000), UserFactory(), UserFactory()
        (overdue_hold,) = held(self.idler, self.schedule, 8)
        overdue(overdue_hold)
        self.was_inside_since(self.idler, minutes=20)
        release_expired_holds()
        (let_go,) = held(self.idler, self.schedule, 8)
        release_reservation(user=self.idler, reservation_id=let_go.pk)
        self.ticket, self.cancelled = bought(self.buyer, self.schedule, 1, 2).tickets
        cancel_ticket(user=self.buyer, ticket_id=self.cancelled.pk)
        with pytest.raises(ChargeDeclined):
            charge(user=self.buyer, amount=40_001)
        (self.hold,) = held(self.poor, self.schedule, 3)
        with pytest.raises(InsufficientBalance):
            pay_reservations(user=self.poor, reservation_ids=[self.hold.pk])
        self.failed = Payment.objects.get(status=Payment.Status.FAILED)

    def was_inside_since(self, user, *, minutes):
        since = timezone.now() - dt.timedelta(minutes=minutes)
        QueueToken.objects.filter(user=user).update(available_at=since)


@pytest.fixture
def sale(db):
    return Sale()


def lift_guards(*constraints):
    """Disable all triggers and drop these constraints until the end of the test's transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL session_replication_role = replica")
        for table, name in constraints:
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")
            cursor.execute(f"DROP INDEX IF EXISTS {name}")


def found():
    return {finding.check.name for finding in run_checks() if finding.violations}


def test_it_finds_nothing_in_a_healthy_sale(sale):
    assert found() == set()
    handed_on(sale)
    assert found() == set()


def sell_a_seat_twice(sale):
    lift_guards(("payments_reservation", "payments_reservation_one_live_per_seat"))
    Reservation.objects.create(
        user=sale.poor,
        seat=sale.hold.seat,
        schedule=sale.schedule,
        slot=2,
        price=sale.hold.price,
        created_at=sale.hold.created_at,
        expires_at=sale.hold.expires_at,
    )


def free_a_held_seat(sale):
    seat = Seat.objects.get(pk=sale.hold.seat_id)
    seat.release()
    lift_guards()
    save_status([seat], from_status="HELD", changed_by=None, reason="", now=timezone.now())


def hold_for_another_user(sale):
    lift_guards()
    Seat.objects.filter(pk=sale.hold.seat_id).update(held_by=sale.buyer)


def lose_a_ticket(sale):
    Ticket.objects.filter(pk=sale.ticket.pk).delete()


def forget_a_cancellation(sale):
    lift_guards()
    Ticket.objects.filter(pk=sale.cancelled.pk).update(status=Ticket.Status.ISSUED)


def forget_who_checked_in(sale):
    scanned(sale.ticket)
    lift_guards()
    Ticket.objects.filter(pk=sale.ticket.pk).update(used_by=sale.idler)


def lose_a_check_in(sale):
    scanned(sale.ticket)
    lift_guards()
    CheckIn.objects.all().delete()


def check_in_at_another_show(sale):
    scanned(sale.ticket)
    lift_guards()
    CheckIn.objects.update(schedule=ScheduleFactory(seats=0))


def cancel_without_refund(sale):
    seat = Seat.objects.get(pk=sale.ticket.seat_id)
    seat.release()
    lift_guards()
    save_status([seat], from_status="RESERVED", changed_by=None, reason="", now=timezone.now())
    Reservation.objects.filter(ticket=sale.ticket).update(status=Reservation.Status.CANCELLED)
    Ticket.objects.filter(pk=sale.ticket.pk).update(status=Ticket.Status.CANCELLED)


def refund_more_than_was_paid(sale):
    lift_guards()
    Refund.objects.update(fee=F("fee") + 1)


def compensate_for_no_fault(sale):
    """With a line in the ledger, so that only the compensation is wrong."""
    lift_guards()
    source, balance = uuid.uuid4(), Balance.objects.get(user=sale.buyer)
    Refund.objects.update(compensation=1_000, compensation_source=source)
    balance.add_line(type=BalanceHistory.Type.COMPENSATION, amount=1_000, source=source).save()
    balance.save()


def compensate_off_the_books(sale):
    causes = ConcertSchedule.CancelCause
    cancel_schedule(schedule_id=sale.schedule.pk, by=sale.idler, cause=causes.ORGANISER)
    refund_cancelled_schedules()
    lift_guards()
    refund = Refund.objects.get(compensation__gt=0)
    BalanceHistory.objects.filter(source=refund.compensation_source).update(
        type=BalanceHistory.Type.CANCELLATION
    )


def pay_a_credit_that_waits(sale):
    credit = give_credit(actor=sale.idler, user=sale.poor, amount=5_000, limit=0, reason="x")
    balance = Balance.objects.get(user=sale.poor)
    balance.add_line(type=BalanceHistory.Type.CREDIT, amount=5_000, source=credit.pk).save()
    balance.save()


def refund_a_payment_twice(sale):
    lift_guards(("payments_refund", "payments_refund_payment_id_key"))
    refund = Refund.objects.get()
    refund.pk, refund.amount, refund.fee = uuid.uuid4(), 0, refund.amount + refund.fee
    refund.save(force_insert=True)


def fail_a_payment_off_the_books(sale):
    Payment.objects.create(
        user=sale.poor,
        reservation=sale.hold,
        amount=10_000,
        status=Payment.Status.FAILED,
        reason="insufficient_balance",
        paid_at=timezone.now(),
    )


def book_a_payment_twice(sale):
    lift_guards(("accounts_balancehistory", "accounts_balancehistory_one_effect_per_source"))
    balance = Balance.objects.get(user=sale.poor)
    balance.add_line(
        type=BalanceHistory.Type.RESERVATION,
        amount=sale.failed.amount,
        source=sale.failed.pk,
        status=BalanceHistory.Status.FAILED,
    ).save()
    balance.save()


def lose_a_failed_payment(sale):
    sale.failed.delete()


def break_the_chain(sale):
    lift_guards()
    BalanceHistory.objects.filter(balance__user=sale.buyer, seq=2).update(
        balance_after=F("balance_after") + 1
    )


def number_a_line_wrongly(sale):
    lift_guards(("accounts_balancehistory", "accounts_balancehistory_figures_valid"))
    BalanceHistory.objects.filter(balance__user=sale.buyer, seq=1).update(seq=0)


def shift_money_between_balances(sale):
    lift_guards()
    Balance.objects.filter(user=sale.buyer).update(amount=F("amount") - 1)
    Balance.objects.filter(user=sale.poor).update(amount=F("amount") + 1)


def make_money(sale):
    lift_guards()
    Balance.objects.filter(user=sale.buyer).update(amount=F("amount") + 1)


def exceed_the_limit(sale):
    held(sale.poor, sale.schedule, 4, 5)
    lift_guards()
    ConcertSchedule.objects.filter(pk=sale.schedule.pk).update(purchase_limit=2)


def handed_on(sale):
    """The ticket, handed to a user with a hold; returns the code that ended."""
    old = sale.ticket.code
    offer = offer_ticket(user=sale.buyer, ticket_id=sale.ticket.pk, email=sale.poor.email)
    accept_offer(user=sale.poor, offer_id=offer.pk)
    lift_guards()
    return old


def receive_too_many(sale):
    handed_on(sale)
    ConcertSchedule.objects.filter(pk=sale.schedule.pk).update(purchase_limit=1)


def keep_a_ticket_that_was_handed_on(sale):
    handed_on(sale)
    Ticket.objects.filter(pk=sale.ticket.pk).update(user=sale.buyer)


def lose_the_first_step_of_a_chain(sale):
    handed_on(sale)
    TicketOffer.objects.update(number=2)


def admit_with_an_ended_code(sale):
    Ticket.objects.filter(pk=sale.ticket.pk).update(code=handed_on(sale))


def offer_a_cancelled_ticket(sale):
    lift_guards()
    TicketOffer.objects.create(
        ticket=sale.cancelled, giver=sale.buyer, email="x@example.com", offered_at=timezone.now()
    )


def hold_before_the_sale(sale):
    opening = timezone.now() + dt.timedelta(hours=1)
    ConcertSchedule.objects.filter(pk=sale.schedule.pk).update(reserve_from=opening)


def hold_after_the_sale(sale):
    closing = timezone.now() - dt.timedelta(minutes=30)
    ConcertSchedule.objects.filter(pk=sale.schedule.pk).update(reserve_until=closing)


def hold_before_being_let_in(sale):
    QueueToken.objects.filter(user=sale.poor).update(
        available_at=sale.hold.created_at + dt.timedelta(seconds=1)
    )


def hold_after_the_admission(sale):
    QueueToken.objects.filter(user=sale.poor).update(
        expires_at=sale.hold.created_at - dt.timedelta(seconds=1)
    )


def pay_after_the_hold(sale):
    lift_guards(("payments_reservation", "payments_reservation_confirmed_in_time"))
    Reservation.objects.filter(ticket=sale.ticket).update(confirmed_at=F("expires_at"))


def forget_to_release(sale):
    overdue(sale.hold)
    sale.was_inside_since(sale.poor, minutes=20)


def forget_the_refunds_of_a_cancelled_schedule(sale):
    ConcertSchedule.objects.filter(pk=sale.schedule.pk).update(
        cancelled_at=timezone.now() - dt.timedelta(minutes=61), cancelled_by=sale.idler
    )


def lose_a_history_line(sale):
    SeatStatusHistory.objects.filter(seat=sale.ticket.seat_id, seq=1).delete()


def contradict_the_history(sale):
    SeatStatusHistory.objects.filter(seat=sale.ticket.seat_id, seq=2).update(
        from_status="AVAILABLE", to_status="RESERVED"
    )


def let_in_too_many(sale):
    WaitingRoom.objects.filter(pk=sale.room.pk).update(capacity=1)
    place, _joined = join(user=UserFactory(), slug=sale.room.slug)
    now = database_now()
    QueueToken.objects.filter(pk=place.token).update(
        status=QueueToken.Status.ACTIVE, available_at=now, expires_at=now + dt.timedelta(minutes=5)
    )


def overtake(sale):
    early, late = UserFactory(), UserFactory()
    admitted(early, sale.schedule)
    admitted(late, sale.schedule)
    QueueToken.objects.filter(user=early).update(
        status=QueueToken.Status.WAITING, available_at=None, expires_at=None
    )


def let_a_rehearsals_buyer_into_the_sale(sale):
    lift_guards()
    User.objects.filter(pk=sale.idler.pk).update(rehearsal="rehearsal-1")


def delete_an_account_with_money(sale):
    lift_guards(("accounts_user", "accounts_user_deleted_names_no_person"))
    User.objects.filter(pk=sale.buyer.pk).update(deleted_at=timezone.now())


BROKEN = [
    (sell_a_seat_twice, {"seat_sold_twice"}),
    (free_a_held_seat, {"seat_differs_from_reservation"}),
    (hold_for_another_user, {"seat_differs_from_reservation"}),
    (lose_a_ticket, {"confirmed_without_payment_and_ticket"}),
    (forget_a_cancellation, {"ticket_without_confirmed_reservation"}),
    (forget_who_checked_in, {"ticket_differs_from_check_in"}),
    (lose_a_check_in, {"ticket_differs_from_check_in"}),
    (check_in_at_another_show, {"ticket_differs_from_check_in"}),
    (cancel_without_refund, {"paid_for_nothing"}),
    (refund_more_than_was_paid, {"refund_differs_from_payment"}),
    (compensate_for_no_fault, {"compensation_not_as_owed"}),
    (compensate_off_the_books, {"money_without_ledger_line"}),
    (refund_a_payment_twice, {"refund_differs_from_payment"}),
    (fail_a_payment_off_the_books, {"money_without_ledger_line"}),
    (book_a_payment_twice, {"money_without_ledger_line"}),
    (lose_a_failed_payment, {"ledger_line_without_source"}),
    (break_the_chain, {"ledger_broken"}),
    (number_a_line_wrongly, {"ledger_broken"}),
    (shift_money_between_balances, {"balance_differs_from_ledger"}),
    # The total follows from the other checks of money, so it never fails alone.
    (make_money, {"balance_differs_from_ledger", "money_does_not_add_up"}),
    # Each hold becomes a ticket.
    (exceed_the_limit, {"over_purchase_limit", "too_many_tickets"}),
    (receive_too_many, {"too_many_tickets"}),
    (keep_a_ticket_that_was_handed_on, {"ticket_not_its_last_receivers"}),
    (lose_the_first_step_of_a_chain, {"ticket_not_its_last_receivers"}),
    (admit_with_an_ended_code, {"ended_code_admits"}),
    (offer_a_cancelled_ticket, {"offer_without_its_ticket"}),
    (hold_before_the_sale, {"held_outside_the_sale"}),
    (hold_after_the_sale, {"held_outside_the_sale"}),
    (hold_before_being_let_in, {"held_without_admission"}),
    (hold_after_the_admission, {"held_without_admission"}),
    (pay_after_the_hold, {"paid_too_late"}),
    (forget_to_release, {"hold_overdue"}),
    (forget_the_refunds_of_a_cancelled_schedule, {"cancelled_schedule_unfinished"}),
    (lose_a_history_line, {"seat_history_broken"}),
    (contradict_the_history, {"seat_history_broken"}),
    (let_in_too_many, {"room_over_capacity"}),
    (overtake, {"overtaken_in_line"}),
    (let_a_rehearsals_buyer_into_the_sale, {"rehearsal_mixed_with_sale"}),
    (pay_a_credit_that_waits, {"ledger_line_without_source", "money_does_not_add_up"}),
    (delete_an_account_with_money, {"deleted_account_has_something"}),
]


@pytest.mark.negative_control
@pytest.mark.parametrize(("break_it", "checks"), BROKEN, ids=[each.__name__ for each, _ in BROKEN])
def test_it_finds_what_was_broken_and_nothing_else(sale, break_it, checks):
    break_it(sale)

    assert found() == checks


def test_every_check_is_broken_once_above():
    assert {name for _, checks in BROKEN for name in checks} == {check.name for check in CHECKS}


def test_a_hold_that_was_over_when_its_account_was_deleted_only_waits_for_its_sweep(sale):
    forget_to_release(sale)
    gone = sale.hold.user
    User.objects.filter(pk=gone.pk).update(
        deleted_at=timezone.now(), is_active=False, name="", email=None, email_verified_at=None
    )

    assert found() == {"hold_overdue"}


def test_a_line_of_type_other_needs_no_source_and_counts_in_the_total(sale):
    balance = Balance.objects.get(user=sale.poor)
    balance.add_line(type=BalanceHistory.Type.OTHER, amount=5_000, source=uuid.uuid4()).save()
    balance.save()

    assert found() == set()


def test_a_credit_is_money_with_a_source_and_counts_in_the_total(sale):
    give_credit(actor=sale.idler, user=sale.poor, amount=5_000, limit=5_000, reason="x")
    assert found() == set()
    assert read_totals().credited == 5_000


def test_a_schedule_that_is_just_being_refunded_is_no_violation(sale):
    cancel_schedule(schedule_id=sale.schedule.pk, by=sale.idler)

    assert found() == set()
    refund_cancelled_schedules()
    assert found() == set()


def test_it_names_three_examples_at_most(sale):
    for number in (4, 5, 6):
        bought(UserFactory(won=10_000), sale.schedule, number)
    Ticket.objects.all().delete()

    (finding,) = [finding for finding in run_checks() if finding.violations]

    assert finding.violations == 4
    confirmed = Reservation.objects.filter(status=Reservation.Status.CONFIRMED)
    assert len(finding.examples) == 3
    assert set(finding.examples) < {str(pk) for pk in confirmed.values_list("pk", flat=True)}


@pytest.mark.django_db(transaction=True)
def test_it_reads_one_snapshot_and_can_write_nothing():
    seen = []

    def note_mode(execute, sql, params, many, context):
        if sql.strip().startswith("SELECT count(*)") and not seen:
            with connection.connection.cursor() as cursor:
                for mode in (
                    "transaction_isolation",
                    "transaction_read_only",
                    "statement_timeout",
                    "enable_seqscan",
                ):
                    seen.append(cursor.execute(f"SHOW {mode}").fetchone()[0])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note_mode):
        findings = run_audit()

    assert seen == ["repeatable read", "on", "10min", "on"]
    assert [finding.check for finding in findings] == CHECKS


@pytest.mark.django_db(transaction=True)
def test_the_command_prints_a_table_and_ends_well_when_all_is_well():
    Sale()
    out = StringIO()

    call_command("audit", stdout=out)

    table, sums, ledger = out.getvalue().strip().split("\n\n")
    header, *lines = table.splitlines()
    assert header.split() == ["check", "violations", "examples"]
    assert [line.split() for line in lines] == [[check.name, "0"] for check in CHECKS]
    figures = dict(line.strip().rsplit(None, 1) for line in sums.splitlines())
    assert figures == {
        "charged": "100,000",
        "granted by OTHER lines": "0",
        "paid as compensation": "0",
        "given as credit": "0",
        "in balances": "90,000",
        "net sales": "10,000",
        "paid": "20,000",
        "refunded": "10,000",
        "difference, must be 0": "0",
    }
    last = BalanceHistory.objects.latest("pk").pk
    assert re.fullmatch(rf"ledger as of line {last}: 6 lines, sha256 [0-9a-f]{{64}}", ledger)


@pytest.mark.django_db(transaction=True)
def test_the_command_fails_and_names_the_violation():
    sale = Sale()
    lose_a_ticket(sale)
    out = StringIO()

    with pytest.raises(CommandError, match="1 violation"):
        call_command("audit", "--json", stdout=out)

    broken = [row for row in json.loads(out.getvalue())["checks"] if row["violations"]]
    assert [row["check"] for row in broken] == ["confirmed_without_payment_and_ticket"]
    assert broken[0]["examples"] == [str(sale.ticket.reservation_id)]


def test_a_waiting_token_behind_admitted_ones_is_no_violation(sale):
    WaitingRoom.objects.filter(pk=sale.room.pk).update(capacity=2)
    place, _joined = join(user=UserFactory(), slug=sale.room.slug)

    assert place.status == "WAITING"
    assert found() == set()


@pytest.mark.parametrize("capacity", [1, 2])
def test_a_capacity_lowered_below_those_inside_is_no_violation(sale, capacity):
    admitted(UserFactory(), sale.schedule)
    admitted(UserFactory(), sale.schedule)

    set_pace(room_id=sale.room.pk, admit_per_minute=100, capacity=capacity)

    assert found() == set()
    set_pace(room_id=sale.room.pk, admit_per_minute=100, capacity=100)
    admitted(UserFactory(), sale.schedule)
    set_pace(room_id=sale.room.pk, admit_per_minute=100, capacity=1)
    assert found() == set()


def test_a_room_raised_afterwards_hides_no_admission_past_its_capacity(sale):
    let_in_too_many(sale)
    WaitingRoom.objects.filter(pk=sale.room.pk).update(capacity=100)

    assert found() == {"room_over_capacity"}
