"""The end of an account against whatever else happens to the account at the same moment."""

import pytest

from accounts.errors import AccountClosing, AccountInUse, InsufficientBalance
from accounts.models import Charge, KeptIdentity, User
from accounts.services.account_deletion import (
    erase_due_accounts,
    request_deletion,
    undo_deletion,
)
from accounts.services.charges import charge
from accounts.services.owed_money import tell_owed_money
from concertbook.db.clock import database_now
from payments.models import Ticket
from payments.services.checkout import pay_reservations
from payments.services.holds import hold_seats
from payments.services.ticket_offers import accept_offer, offer_ticket
from tests.concurrency.threads import Gate, background, race
from tests.factories import (
    PASSWORD,
    ScheduleFactory,
    UserFactory,
    admitted,
    balance_of,
    bought,
    held,
)

pytestmark = pytest.mark.django_db(transaction=True)

BALANCE_LOCKED = 'FROM "accounts_balance"'
USER_LOCKED = 'FROM "accounts_user"'


def deleting(user, **given):
    return lambda: request_deletion(user=user, password=PASSWORD, **given)


def closes(user):
    return User.objects.get(pk=user.pk).closes_at is not None


def test_a_purchase_that_is_under_way_is_seen_by_the_deletion():
    user = UserFactory(won=10_000)
    (hold,) = held(user, ScheduleFactory(price=10_000), 1)
    gate = Gate(BALANCE_LOCKED)

    with background(lambda: pay_reservations(user=user, reservation_ids=[hold.pk]), gate) as paid:
        gate.wait()
        with background(deleting(user, give_up=10_000)) as deleted:
            gate.open()
            assert isinstance(deleted.result(), AccountInUse)
        assert paid.result().tickets

    assert not closes(user)


def test_a_purchase_behind_the_deletion_finds_no_money():
    user, schedule = UserFactory(won=10_000), ScheduleFactory(price=10_000)
    token = admitted(user, schedule).pk
    request_deletion(user=user, password=PASSWORD, give_up=10_000)

    # Requests that were authenticated before.
    (hold,) = hold_seats(user=user, schedule_id=schedule.pk, numbers=[1], token=token)
    with pytest.raises(InsufficientBalance):
        pay_reservations(user=user, reservation_ids=[hold.pk])

    assert not Ticket.objects.exists()


def test_a_top_up_at_the_same_moment_is_seen_or_refused():
    for _round in range(5):
        user = UserFactory()

        deleted, charged = race(deleting(user), lambda user=user: charge(user=user, amount=1_000))

        if closes(user):
            assert isinstance(charged, AccountClosing)
            assert balance_of(user) == 0
        else:
            assert isinstance(deleted, AccountInUse)
            assert balance_of(user) == 1_000


def test_a_top_up_waits_for_a_deletion_that_has_read_the_charges():
    user, gate = UserFactory(), Gate(USER_LOCKED)

    with background(deleting(user), gate) as deleted:
        gate.wait()
        with background(lambda: charge(user=user, amount=1_000)) as charged:
            gate.open()
            assert isinstance(charged.result(), AccountClosing)
        deleted.result()

    assert closes(user)
    assert not Charge.objects.exists()


def offered_to(receiver):
    giver = UserFactory(won=10_000)
    (ticket,) = bought(giver, ScheduleFactory(price=10_000), 1).tickets
    return offer_ticket(user=giver, ticket_id=ticket.pk, email=receiver.email)


def test_a_ticket_that_is_accepted_behind_the_deletion_stays_where_it_is():
    receiver = UserFactory()
    offer, gate = offered_to(receiver), Gate(USER_LOCKED)

    with background(deleting(receiver), gate) as deleted:
        gate.wait()
        with background(lambda: accept_offer(user=receiver, offer_id=offer.pk)) as accepted:
            gate.open()
            assert isinstance(accepted.result(), AccountClosing)
        deleted.result()

    assert closes(receiver)
    assert Ticket.objects.get().user_id == offer.giver_id


def test_a_ticket_that_is_accepted_before_the_deletion_refuses_it():
    receiver = UserFactory()
    offer, gate = offered_to(receiver), Gate('UPDATE "payments_ticket"')

    with background(lambda: accept_offer(user=receiver, offer_id=offer.pk), gate) as accepted:
        gate.wait()
        with background(deleting(receiver)) as deleted:
            gate.open()
            assert isinstance(deleted.result(), AccountInUse)
        accepted.result()

    assert not closes(receiver)
    assert Ticket.objects.get().user_id == receiver.pk


def test_a_log_in_and_the_sweep_at_the_same_moment_keep_or_delete_the_account():
    for _round in range(5):
        user = UserFactory(won=500)
        request_deletion(user=user, password=PASSWORD, give_up=500)
        User.objects.filter(pk=user.pk).update(closes_at=database_now())

        kept, erased = race(lambda user=user: undo_deletion(user=user), erase_due_accounts)

        after = User.objects.get(pk=user.pk)
        assert (kept, erased) in {(True, 0), (False, 1)}
        assert (after.deleted_at is None, after.is_active) == (kept, kept)
        assert balance_of(user) == (500 if kept else 0)


def test_two_sweeps_erase_an_account_once():
    user = UserFactory()
    User.objects.filter(pk=user.pk).update(closes_at=database_now())

    assert sorted(race(erase_due_accounts, erase_due_accounts)) == [0, 1]


def test_two_log_ins_give_the_money_back_once():
    user = UserFactory(won=500)
    request_deletion(user=user, password=PASSWORD, give_up=500)

    assert race(*[lambda: undo_deletion(user=user)] * 2) == [True, True]

    assert balance_of(user) == 500


def test_two_sweeps_tell_of_owed_money_once():
    user, now = UserFactory(won=500), database_now()
    KeptIdentity.objects.create(user=user, email=user.email, deleted_at=now, kept_until=now)
    gate = Gate('FROM "accounts_keptidentity"')

    with background(tell_owed_money, gate) as first:
        gate.wait()
        assert tell_owed_money() == 0
        gate.open()
        assert first.result() == 1
