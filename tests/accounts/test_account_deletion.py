"""The end of an account: what refuses it, what undoes it, what is left."""

import datetime as dt
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db.models import F
from django.test import Client

from accounts.app_tokens import issue_tokens
from accounts.errors import AccountClosing, AccountInUse, WrongPassword
from accounts.models import (
    BalanceHistory,
    Charge,
    KeptIdentity,
    OutgoingMessage,
    User,
    UserSession,
)
from accounts.services import activity
from accounts.services.account_deletion import (
    GIVEN_BACK,
    GIVEN_UP,
    KEPT,
    erase_due_accounts,
    forget_kept_identities,
    request_deletion,
    undo_deletion,
)
from accounts.services.charges import charge
from accounts.services.owed_money import tell_owed_money
from concertbook.db.clock import database_now
from concerts.models import ConcertSchedule
from operations.services.audit import run_checks
from operations.services.ledger_proof import hash_ledger
from payments.models import Payment, Ticket, TicketOffer
from payments.services.schedule_cancellation import cancel_schedule, refund_cancelled_schedules
from payments.services.ticket_offers import accept_offer, offer_ticket, withdraw_offer
from tests.factories import (
    CONSENTS,
    PASSWORD,
    ScheduleFactory,
    StaffFactory,
    UserFactory,
    balance_of,
    bought,
    held,
)
from tests.mailbox import mails_to

pytestmark = pytest.mark.django_db(transaction=True)

ENGLISH = {"Accept-Language": "en"}


def asked(user, **given):
    return request_deletion(user=user, password=PASSWORD, **given)


def subjects_to(email):
    return [mail.subject for mail in mails_to(email)]


def found_by_audit():
    return {finding.check.name for finding in run_checks() if finding.violations}


def log_in(user, password=PASSWORD):
    browser = Client(headers=ENGLISH)
    browser.post("/accounts/login/", {"login": user.email, "password": password})
    return browser


def end_grace(user):
    User.objects.filter(pk=user.pk).update(closes_at=database_now())


def former_buyer(won=10_000):
    """An account that has spent all of its money on a show that is over."""
    user, schedule = UserFactory(won=won, language="en"), ScheduleFactory(price=10_000)
    bought(user, schedule, 1)
    now = database_now()
    ConcertSchedule.objects.filter(pk=schedule.pk).update(
        reserve_from=now - dt.timedelta(hours=5),
        reserve_until=now - dt.timedelta(hours=4),
        start_at=now - dt.timedelta(hours=3),
        end_at=now - dt.timedelta(hours=1),
    )
    return user


def a_ticket(user):
    bought(user, ScheduleFactory(price=10_000), 1)


def a_hold(user):
    held(user, ScheduleFactory(), 1)


def a_pending_charge(user):
    Charge.objects.create(user=user, amount=1)


@pytest.mark.parametrize(
    ("won", "leave", "codes"),
    [
        (10_000, a_ticket, ["tickets"]),
        (0, a_hold, ["holds"]),
        (0, a_pending_charge, ["charge_pending"]),
        (5_000, lambda user: None, ["balance"]),
        (15_000, a_ticket, ["tickets", "balance"]),
    ],
    ids=["a ticket", "a hold", "a pending top-up", "money", "money and a ticket"],
)
def test_an_account_that_would_lose_something_is_not_deleted(won, leave, codes):
    user = UserFactory(won=won)
    leave(user)

    with pytest.raises(AccountInUse) as refused:
        asked(user)

    assert [each["code"] for each in refused.value.extra["obstacles"]] == codes
    assert User.objects.get(pk=user.pk).closes_at is None


def handed_on():
    """A ticket's giver, who paid it, its receiver, and the offer."""
    giver, receiver = UserFactory(won=10_000), UserFactory()
    (ticket,) = bought(giver, ScheduleFactory(price=10_000), 1).tickets
    offer = offer_ticket(user=giver, ticket_id=ticket.pk, email=receiver.email)
    accept_offer(user=receiver, offer_id=offer.pk)
    return giver, receiver, offer


def test_a_ticket_that_was_handed_on_keeps_both_accounts():
    giver, receiver, _offer = handed_on()

    for user, code in ((giver, "tickets_handed_on"), (receiver, "tickets")):
        with pytest.raises(AccountInUse) as refused:
            asked(user)
        assert [each["code"] for each in refused.value.extra["obstacles"]] == [code]


def test_offers_of_tickets_forget_the_address_of_a_deleted_account():
    user, stranger = UserFactory(), UserFactory(email="other@example.com")
    giver = UserFactory(won=30_000)
    tickets = bought(giver, ScheduleFactory(price=10_000), 1, 2, 3).tickets
    for ticket, receiver in zip(tickets, (user, user, stranger), strict=True):
        offer_ticket(user=giver, ticket_id=ticket.pk, email=receiver.email)
    withdraw_offer(user=giver, ticket_id=tickets[0].pk)
    asked(user)
    end_grace(user)

    assert erase_due_accounts() == 1

    left = TicketOffer.objects.values_list("email", "status")
    assert sorted(left) == [("", "DECLINED"), ("", "WITHDRAWN"), (stranger.email, "OPEN")]


@pytest.mark.parametrize("role", ["is_staff", "is_superuser"])
def test_a_member_of_the_staff_is_not_deleted(role):
    with pytest.raises(AccountInUse):
        asked(UserFactory(**{role: True}))


def test_what_other_accounts_have_is_no_obstacle():
    for won, leave in ((10_000, a_ticket), (0, a_hold), (0, a_pending_charge)):
        leave(UserFactory(won=won))

    assert asked(UserFactory())


def test_another_password_deletes_nothing():
    with pytest.raises(WrongPassword):
        request_deletion(user=UserFactory(), password="x")


def test_a_buyer_with_a_show_to_come_reads_why_and_is_answered_409(client):
    user = UserFactory(won=10_000)
    a_ticket(user)
    client.force_login(user)

    shown = client.get("/accounts/delete/", headers=ENGLISH)
    refused = client.post("/accounts/delete/", {"password": PASSWORD}, headers=ENGLISH)

    for page, status in ((shown, 200), (refused, 409)):
        assert page.status_code == status
        assert "You have 1 ticket for a show to come." in page.content.decode()
        assert 'href="/tickets/"' in page.content.decode()


def test_the_request_ends_every_session_and_a_log_in_within_the_days_of_grace_undoes_it(client):
    user = former_buyer()
    issue_tokens(user)
    client.force_login(user)

    page = client.post("/accounts/delete/", {"password": PASSWORD}, headers=ENGLISH, follow=True)

    assert "will be deleted on" in page.content.decode()
    assert not UserSession.objects.exists()
    user.refresh_from_db()
    grace = dt.timedelta(days=settings.DELETION_GRACE_DAYS)
    assert abs(user.closes_at - database_now() - grace) < dt.timedelta(minutes=1)
    assert subjects_to(user.email)[-1] == "Your account will be deleted"
    assert erase_due_accounts() == 0
    account = log_in(user).get("/accounts/", headers=ENGLISH)
    assert "Your account stays" in account.content.decode()
    user.refresh_from_db()
    assert user.closes_at is None


def test_money_is_given_up_expressly_and_comes_back_with_the_account():
    user = UserFactory(won=5_000)
    with pytest.raises(AccountInUse):
        asked(user, give_up=4_999)

    asked(user, give_up=5_000)
    assert balance_of(user) == 0
    log_in(user)

    assert balance_of(user) == 5_000
    lines = BalanceHistory.objects.filter(balance__user=user).order_by("seq")
    assert [(line.reason, line.delta) for line in lines[1:]] == [
        (GIVEN_UP, -5_000),
        (GIVEN_BACK, 5_000),
    ]
    assert found_by_audit() == set()


def test_the_password_of_the_account_only_undoes_the_deletion():
    user = former_buyer()
    asked(user)

    log_in(user, "another password")

    assert User.objects.get(pk=user.pk).closes_at is not None


def test_afterwards_no_row_names_the_person_and_what_the_law_keeps_is_apart():
    user = former_buyer()
    name, email = user.name, user.email
    changed = {"old": {"name": "before"}, "new": {"name": name}}
    activity.record(actor=StaffFactory(), act="row.change", target=user, **changed)
    last = Payment.objects.get(user=user)
    before = hash_ledger(as_of=BalanceHistory.objects.latest("pk").pk)
    audited = found_by_audit()
    asked(user)
    end_grace(user)

    assert erase_due_accounts() == 1

    user = User.objects.get(pk=user.pk)
    assert (user.email, user.name, user.language, user.is_active) == (None, "", "", False)
    assert user.deleted_at is not None
    assert not user.has_usable_password()
    entry = activity.entries_of(user).get()
    assert (entry.target_text, entry.old, entry.new) == ("", None, None)
    assert entry.actor_name
    assert Ticket.objects.get(user=user).user.name == ""
    assert hash_ledger(as_of=before.as_of) == before
    kept = KeptIdentity.objects.get()
    assert (kept.name, kept.email) == (name, email)
    show_ends = ConcertSchedule.objects.get().end_at
    assert kept.kept_until == max(show_ends, last.paid_at) + KEPT
    assert found_by_audit() == audited
    assert subjects_to(email)[-1] == "Your account is deleted"
    assert not OutgoingMessage.objects.filter(user=user).exists()


def test_the_address_opens_a_new_account_that_is_empty(client):
    user = former_buyer()
    asked(user)
    end_grace(user)
    erase_due_accounts()
    form = {"email": user.email, "password1": PASSWORD, "name": "새 사람", **CONSENTS}

    assert client.post("/accounts/signup/", form).status_code == 302

    assert "새 사람" in client.get("/accounts/").content.decode()
    assert not client.get("/tickets/").context["page"].object_list


def test_an_account_that_never_bought_leaves_no_name_at_all():
    user = UserFactory()
    asked(user)
    end_grace(user)

    erase_due_accounts()

    assert not KeptIdentity.objects.exists()


def test_the_kept_identity_is_deleted_when_its_term_is_over():
    user = former_buyer()
    asked(user)
    end_grace(user)
    erase_due_accounts()
    assert forget_kept_identities() == 0
    KeptIdentity.objects.update(kept_until=database_now())

    assert forget_kept_identities() == 1

    assert not KeptIdentity.objects.exists()
    assert Payment.objects.filter(user=user).exists()


@pytest.fixture
def refunded():
    """A former buyer whose show was cancelled after the account's end, and the address."""
    user = former_buyer()
    asked(user)
    end_grace(user)
    assert erase_due_accounts() == 1
    schedule, staff = ConcertSchedule.objects.get(), StaffFactory()
    cancel_schedule(schedule_id=schedule.pk, by=staff, cause=ConcertSchedule.CancelCause.ORGANISER)
    refund_cancelled_schedules()
    return user, balance_of(user)


def test_money_that_comes_back_after_the_end_finds_its_way(refunded):
    user, owed = refunded
    assert owed > 0
    KeptIdentity.objects.update(kept_until=database_now())
    assert forget_kept_identities() == 0, "money is owed"

    assert (tell_owed_money(), tell_owed_money()) == (1, 0)

    assert subjects_to(user.email)[-1] == "돌려드릴 돈이 있습니다"
    assert KeptIdentity.objects.get().kept_until > database_now() + KEPT - dt.timedelta(hours=1)
    listed = StringIO()
    call_command("payout", stdout=listed)
    assert f"{owed:,} won  {user.pk}  {user.email}" in listed.getvalue()
    audited = found_by_audit()
    call_command("payout", user.email, str(owed), stdout=StringIO())
    assert balance_of(user) == 0
    assert found_by_audit() == audited
    KeptIdentity.objects.update(kept_until=database_now())
    assert forget_kept_identities() == 1


def test_a_payout_names_one_of_two_accounts_of_an_address_by_its_id(refunded):
    user, owed = refunded
    anew = UserFactory(email=user.email, won=300)
    with pytest.raises(CommandError, match=str(user.pk)):
        call_command("payout", user.email, "300")

    call_command("payout", str(anew.pk), "300", stdout=StringIO())
    call_command("payout", str(user.pk), str(owed), stdout=StringIO())

    assert (balance_of(anew), balance_of(user)) == (0, 0)


def test_the_admin_lists_the_money_that_is_owed(refunded, admin_client):
    _user, owed = refunded

    listed = admin_client.get("/admin/accounts/keptidentity/?owed=yes").content.decode()

    assert f"{owed:,}" in listed


def test_what_was_given_up_comes_back_also_after_a_refund():
    user = former_buyer()
    charge(user=user, amount=500)
    asked(user, give_up=balance_of(user))
    schedule, before = ConcertSchedule.objects.get(), balance_of(user)
    cancel_schedule(schedule_id=schedule.pk, by=StaffFactory())
    refund_cancelled_schedules()
    refund = balance_of(user) - before
    assert refund > 0

    undo_deletion(user=user)

    assert balance_of(user) >= refund + 500


def test_an_account_that_got_money_within_the_days_of_grace_is_kept():
    user = UserFactory(won=700, language="en")
    end_grace(user)

    assert erase_due_accounts() == 0

    user.refresh_from_db()
    assert (user.closes_at, user.deleted_at) == (None, None)
    assert balance_of(user) == 700
    assert "was not deleted" in subjects_to(user.email)[-1]


def test_a_closing_account_begins_no_top_up():
    user = UserFactory()
    asked(user)

    with pytest.raises(AccountClosing):
        charge(user=user, amount=1_000)

    assert not Charge.objects.exists()


def test_an_operator_does_not_revive_a_deleted_account(admin_client):
    user = UserFactory()
    asked(user)
    end_grace(user)
    erase_due_accounts()

    page = admin_client.get(f"/admin/accounts/user/{user.pk}/change/")

    assert page.status_code == 200
    with pytest.raises(Exception, match="accounts_user_deleted_names_no_person"):
        User.objects.filter(pk=user.pk).update(is_active=True)


def test_the_sweep_takes_the_accounts_whose_time_has_come_only():
    due, later = UserFactory(), UserFactory()
    asked(due)
    asked(later)
    end_grace(due)
    User.objects.filter(pk=later.pk).update(closes_at=F("closes_at") - dt.timedelta(hours=1))

    assert erase_due_accounts() == 1

    later.refresh_from_db()
    assert later.deleted_at is None


def test_money_that_was_paid_out_is_in_the_ledger_and_leaves_the_account_free():
    user = UserFactory(won=5_000)
    with pytest.raises(CommandError):
        call_command("payout", user.email, "5001")

    call_command("payout", user.email, "5000", stdout=StringIO())

    assert balance_of(user) == 0
    assert found_by_audit() == set()
    assert asked(user)
