"""A schedule is cancelled during its sale, and the sweep of refunds is killed anywhere."""

from functools import partial

import pytest
from django.db import connection, transaction

from accounts.models import Activity
from concerts.errors import ScheduleCancelled
from concerts.models import ConcertSchedule
from concerts.services.schedule_rules import require_sale_kept
from operations.services.audit import run_audit
from payments.errors import AlreadyCancelled, TicketUsed
from payments.models import CheckIn, Refund, Reservation, Ticket
from payments.services import schedule_cancellation
from payments.services.checkout import pay_reservations
from payments.services.holds import hold_seats
from payments.services.releases import release_expired_holds
from payments.services.schedule_cancellation import (
    cancel_schedule,
    progress_of,
    refund_cancelled_schedules,
)
from payments.services.ticket_cancellation import cancel_ticket
from tests.concerts.test_admin_programme import form_of, page
from tests.concurrency.threads import (
    Gate,
    Meeting,
    a_thread_waits_for_a_lock,
    background,
    race,
    until,
)
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
)

pytestmark = pytest.mark.django_db(transaction=True)

CLOCK = "SELECT clock_timestamp()"
HOLDINGS = "WITH moment"


@pytest.fixture
def schedule():
    return ScheduleFactory(price=10_000, seats=6, doors_open=True)


def cancelling(schedule, cause=ConcertSchedule.CancelCause.FORCE_MAJEURE):
    operator = StaffFactory()
    return lambda: cancel_schedule(schedule_id=schedule.pk, by=operator, cause=cause)


def sweep():
    while refund_cancelled_schedules():
        pass


def assert_all_have_their_money(*users, won=10_000):
    sweep()
    assert [balance_of(user) for user in users] == [won] * len(users)
    assert not Reservation.objects.live().exists()
    assert not Ticket.objects.exclude(status="CANCELLED").exists()


@pytest.mark.parametrize("_round", range(4))
def test_cancelling_a_schedule_during_a_payment(schedule, _round):
    user = UserFactory(won=10_000)
    (hold,) = held(user, schedule, 1)

    paid, done = race(
        lambda: pay_reservations(user=user, reservation_ids=[hold.pk]),
        cancelling(schedule),
        meeting=Meeting(CLOCK),
    )

    assert done is True
    assert type(paid).__name__ in {"Receipt", "ScheduleCancelled"}
    assert_all_have_their_money(user)


@pytest.mark.parametrize("_round", range(4))
def test_cancelling_a_schedule_during_a_hold(schedule, _round):
    user = UserFactory(won=10_000)
    admitted(user, schedule)

    taken, done = race(
        lambda: hold_seats(user=user, schedule_id=schedule.pk, numbers=[1]),
        cancelling(schedule),
        meeting=Meeting(CLOCK),
    )

    assert done is True
    assert type(taken).__name__ in {"list", "ScheduleCancelled"}
    assert_all_have_their_money(user)


def test_a_hold_that_read_the_rules_just_before_is_refused_by_the_database(schedule):
    user = UserFactory()
    admitted(user, schedule)
    gate = Gate(after=HOLDINGS)

    with background(
        lambda: hold_seats(user=user, schedule_id=schedule.pk, numbers=[1]), gate
    ) as holding:
        gate.wait()
        cancelling(schedule)()
        gate.open()
        assert type(holding.result()) is ScheduleCancelled
    assert not Reservation.objects.exists()


def test_a_payment_that_looked_just_before_is_refused_by_the_database(schedule):
    user = UserFactory(won=10_000)
    (hold,) = held(user, schedule, 1)
    gate = Gate(after=CLOCK)

    with background(lambda: pay_reservations(user=user, reservation_ids=[hold.pk]), gate) as paying:
        gate.wait()
        cancelling(schedule)()
        gate.open()
        assert type(paying.result()) is ScheduleCancelled
    assert balance_of(user) == 10_000
    assert_all_have_their_money(user)


def test_a_payment_that_commits_after_the_cancellation_is_refunded_all_the_same(schedule):
    user = UserFactory(won=10_000)
    (hold,) = held(user, schedule, 1)
    gate = Gate(after="INSERT INTO payments_ticket")

    with background(lambda: pay_reservations(user=user, reservation_ids=[hold.pk]), gate) as paying:
        gate.wait()
        cancelling(schedule)()
        assert refund_cancelled_schedules() == 0, "the buyer has the seat locked: not now"
        gate.open()
        assert type(paying.result()).__name__ == "Receipt"

    assert_all_have_their_money(user)


@pytest.mark.parametrize("_round", range(4))
def test_the_sweep_and_the_buyer_refund_one_ticket_once(schedule, _round):
    user = UserFactory(won=10_000)
    (ticket,) = bought(user, schedule, 1).tickets
    cancelling(schedule)()

    own, _freed = race(
        lambda: cancel_ticket(user=user, ticket_id=ticket.pk),
        refund_cancelled_schedules,
        meeting=Meeting(CLOCK),
    )

    assert type(own) in (Refund, AlreadyCancelled)
    assert_all_have_their_money(user)
    assert Refund.objects.get().fee == 0


@pytest.mark.parametrize("_round", range(4))
def test_a_ticket_checked_in_during_the_cancellation_is_refunded_too(schedule, _round):
    user, staff = UserFactory(won=10_000), StaffFactory()
    (ticket,) = bought(user, schedule, 1).tickets

    def cancel_and_sweep():
        cancelling(schedule)()
        sweep()

    entry, _none = race(lambda: scanned(ticket, by=staff), cancel_and_sweep, meeting=Meeting(CLOCK))

    assert type(entry) in (CheckIn, AlreadyCancelled)
    assert_all_have_their_money(user)
    with pytest.raises((AlreadyCancelled, TicketUsed)):
        scanned(ticket, by=staff)


def test_cancelling_while_the_schedule_is_edited(client, schedule):
    client.force_login(StaffFactory(is_superuser=True))
    edit = partial(client.post, page("change", schedule), form_of(schedule, price=12_000))
    gate = Gate(after='MIN("concerts_seatstatushistory"')

    with background(edit, gate) as edited:
        gate.wait()
        with background(cancelling(schedule)) as cancelled:
            until(lambda: a_thread_waits_for_a_lock() or cancelled.done())
            gate.open()
            assert edited.result().status_code == 302
            assert cancelled.result() is True

    schedule.refresh_from_db()
    assert schedule.price == 12_000
    assert schedule.cancelled_at


def test_a_form_that_changes_nothing_brings_no_cancelled_schedule_back(client, schedule):
    client.force_login(StaffFactory(is_superuser=True))
    same = form_of(schedule, cooldown_seconds=schedule.cooldown_seconds)
    save = partial(client.post, page("change", schedule), same)
    gate = Gate(after='"_check"')

    with background(save, gate) as saved:
        gate.wait()
        with background(cancelling(schedule)) as cancelled:
            until(lambda: a_thread_waits_for_a_lock() or cancelled.done())
            gate.open()
            assert saved.result().status_code == 302
            assert cancelled.result() is True

    schedule.refresh_from_db()
    assert schedule.cancelled_at


def test_cancelling_waits_while_a_program_checks_the_rules_and_writes_them(schedule):
    names = "reserve_from", "reserve_until", "purchase_limit"
    rules = {name: getattr(schedule, name) for name in names}

    def edit():
        with transaction.atomic():
            require_sale_kept(schedule_id=schedule.pk, **rules)

    gate = Gate(after='MIN("concerts_seatstatushistory"')
    with background(edit, gate) as edited:
        gate.wait()
        with background(cancelling(schedule)) as cancelled:
            until(lambda: a_thread_waits_for_a_lock() or cancelled.done())
            assert not cancelled.done()
            gate.open()
            assert edited.result() is None
            assert cancelled.result() is True


def test_two_operators_at_once_cancel_once(schedule):
    meeting = Meeting(at='FROM "concerts_concertschedule"')
    results = race(cancelling(schedule), cancelling(schedule), meeting=meeting)
    assert sorted(results) == [False, True]


def test_concurrent_sweeps_refund_every_buyer_once(schedule):
    users = [UserFactory(won=20_000) for _ in range(3)]
    for number, user in enumerate(users, start=1):
        bought(user, schedule, number, number + 3)
    cancelling(schedule)()

    results = race(*[sweep] * 4)

    assert results == [None] * 4
    assert Refund.objects.count() == 6
    assert_all_have_their_money(*users, won=20_000)


def test_the_end_of_the_refunds_is_logged_once_also_by_sweeps_after_one_that_was_killed(
    schedule, monkeypatch
):
    bought(UserFactory(won=20_000), schedule, 1)
    cancelling(schedule)()
    with monkeypatch.context() as killed:
        killed.setattr(schedule_cancellation, "_note_ends", lambda: None)
        sweep()
    assert not Activity.objects.filter(act="schedule.refunded").exists()

    # After the look for the entry of another sweep.
    race(sweep, sweep, meeting=Meeting(at='FROM "payments_refund"'))

    assert Activity.objects.get(act="schedule.refunded").new["refunds"] == 1


def test_the_sweep_of_holds_and_that_of_refunds_do_not_meet_badly(schedule):
    holds = [held(UserFactory(), schedule, number)[0] for number in (1, 2, 3)]
    overdue(*holds[:2])
    cancelling(schedule)()

    race(release_expired_holds, sweep, release_expired_holds, sweep)

    ended = set(Reservation.objects.values_list("status", flat=True))
    assert ended <= {"EXPIRED", "CANCELLED"}


class Killed(BaseException):
    """Stands for kill -9: a BaseException, so that no handler of the product catches it."""


def killed_at(statement):
    """Sweep, and die after this many statements; True when the sweep ended before that."""
    seen = 0

    def die(execute, sql, *args):
        nonlocal seen
        result = execute(sql, *args)
        seen += 1
        if seen == statement:
            raise Killed
        return result

    try:
        with connection.execute_wrapper(die):
            refund_cancelled_schedules()
    except Killed:
        return False
    return True


def test_a_sweep_killed_after_any_statement_continues_without_a_second_refund(
    schedule, monkeypatch
):
    monkeypatch.setattr(schedule_cancellation, "BUYERS_AT_ONCE", 1)
    users = [UserFactory(won=20_000) for _ in range(3)]
    for number, user in enumerate(users, start=1):
        bought(user, schedule, number)
        held(user, schedule, number + 3)
    cancelling(schedule, ConcertSchedule.CancelCause.ORGANISER)()

    statement, refunded = 0, 0
    while True:
        statement += 1
        lived = killed_at(statement)
        assert not [finding for finding in run_audit() if finding.violations]
        progress = progress_of(schedule_id=schedule.pk)
        assert (progress.tickets, progress.won) == (3, 30_000)
        assert progress.won_compensated == progress.won_refunded // 10
        assert progress.refunded >= refunded
        refunded = progress.refunded
        if lived:
            break

    assert statement > 15, "it was killed in the middle of things"
    assert refunded == 3
    assert Refund.objects.count() == 3
    assert_all_have_their_money(*users, won=21_000)
