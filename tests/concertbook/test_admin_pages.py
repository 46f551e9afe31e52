"""The admin as a whole: every page answers, permissions, and read-only models."""

import datetime as dt
import hashlib

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import (
    Activity,
    Balance,
    BalanceHistory,
    Business,
    Charge,
    Consent,
    Credit,
    DataCopy,
    Document,
    EndedSession,
    IdempotencyKey,
    KeptIdentity,
    MutedNotice,
    OutgoingMessage,
    Passkey,
    PushSubscription,
    SecondFactor,
    User,
    UserSession,
)
from accounts.services.credits import give_credit
from accounts.services.documents import publish
from accounts.services.outbox import new_message, queue
from concerts.models import (
    Concert,
    ConcertSchedule,
    Poster,
    Reminder,
    ScheduleMove,
    Seat,
    SeatPlan,
    SeatStatusHistory,
    StaffConcert,
)
from operations.models import Export, ExportChunk, ReportMail
from payments.models import (
    CheckIn,
    CheckInConflict,
    Payment,
    Refund,
    Reservation,
    Ticket,
    TicketMove,
    TicketOffer,
)
from payments.services.ticket_cancellation import cancel_ticket
from payments.services.ticket_offers import accept_offer, offer_ticket
from queueing.models import Draw, QueueEntryHistory, QueueToken, RoomCapacity, WaitingRoom
from tests.factories import (
    ScheduleFactory,
    StaffFactory,
    UserFactory,
    bought,
    held,
    scanned,
    scanned_offline,
)

pytestmark = pytest.mark.django_db

READ_ONLY = [
    Activity,
    Balance,
    BalanceHistory,
    Charge,
    Credit,
    Export,
    IdempotencyKey,
    OutgoingMessage,
    KeptIdentity,
    Consent,
    Draw,
    QueueEntryHistory,
    QueueToken,
    SeatStatusHistory,
    Reservation,
    Payment,
    Refund,
    Ticket,
    TicketOffer,
    CheckIn,
    CheckInConflict,
]
EDITED = [User, Business, Document, WaitingRoom, Concert, ConcertSchedule, Seat, ReportMail]
OURS = [*READ_ONLY, *EDITED]
# Without a page: a second factor is a secret; a copy of one's data is the user's own, as is a
# browser that shows push messages; a move is told on its schedule's page; a session's key gives
# access to the account, the pieces of an export are downloaded as one file, the history of a room
# shows its capacities, a seat plan
# repeats what the seats say, a reminder is its user's own, a poster is shown on its concert's page,
# and the concerts that a member of the staff works for on theirs.
WITHOUT_PAGES = {
    TicketMove,
    UserSession,
    EndedSession,
    MutedNotice,
    DataCopy,
    PushSubscription,
    SecondFactor,
    Passkey,
    ScheduleMove,
    ExportChunk,
    Poster,
    Reminder,
    RoomCapacity,
    SeatPlan,
    StaffConcert,
}


def name_of(model):
    return model.__name__


@pytest.fixture
def operator(client):
    client.force_login(StaffFactory(is_superuser=True))
    return client


@pytest.fixture
def _a_sale():
    play_a_sale()


def play_a_sale():
    """Create at least one row of every model: bought, cancelled, held, and a saved answer."""
    buyer, holder = UserFactory(won=100_000), UserFactory()
    schedule = ScheduleFactory(doors_open=True)
    receipt = bought(buyer, schedule, 1, 2)
    cancel_ticket(user=buyer, ticket_id=receipt.tickets[0].pk)
    offer = offer_ticket(user=buyer, ticket_id=receipt.tickets[1].pk, email=holder.email)
    ticket = accept_offer(user=holder, offer_id=offer.pk)
    scanned(ticket)
    scanned_offline(ticket)
    held(holder, schedule, 3)
    IdempotencyKey.objects.create(user=buyer, key="k", request_hash="0" * 64, answer=b"{}")
    queue([new_message(kind="changed", user=buyer)])
    give_credit(actor=StaffFactory(), user=buyer, amount=1_000, limit=0, reason="x")
    KeptIdentity.objects.create(
        user=holder, name="x", email="buyer@x", deleted_at=timezone.now(), kept_until=timezone.now()
    )
    Consent.objects.create(user=buyer, document="terms", version=1)
    publish(kind="terms", text_ko="x", effective_on=dt.date(2026, 1, 1))
    Business.objects.create(name_ko="x")
    seed = bytes(32)
    commitment = hashlib.sha256(seed).hexdigest()
    Draw.objects.create(room=schedule.concert.waiting_room, seed=seed, commitment=commitment)
    Export.objects.create(user=StaffFactory(), model="accounts.Charge", columns=["id"])
    ReportMail.objects.create(report="guests", concert=schedule.concert)


def page(model, action, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{action}", args=args)


def test_every_model_of_ours_has_pages():
    mine = {
        model
        for label in ("accounts", "queueing", "concerts", "payments", "operations")
        for model in apps.get_app_config(label).get_models()
    }
    assert mine - WITHOUT_PAGES == set(OURS)
    assert mine - WITHOUT_PAGES <= set(admin.site._registry)


@pytest.mark.usefixtures("_a_sale")
@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("model", OURS, ids=name_of)
def test_list_search_and_page_of_a_row_answer(operator, model, language):
    row = model.objects.first()
    assert row is not None
    addresses = [
        page(model, "changelist"),
        page(model, "changelist") + "?q=buyer",
        page(model, "changelist") + "?q=" + str(row.pk)[:8],
        page(model, "change", row.pk),
        page(model, "history", row.pk),
    ]
    for address in addresses:
        response = operator.get(address, headers={"accept-language": language})
        assert response.status_code == 200, address


@pytest.mark.parametrize("model", [User, WaitingRoom, Concert, ConcertSchedule], ids=name_of)
def test_pages_to_add_answer(operator, model):
    assert operator.get(page(model, "add")).status_code == 200


@pytest.mark.usefixtures("_a_sale")
def test_the_index_page_leads_to_every_model(operator):
    body = operator.get(reverse("admin:index")).content.decode()
    for model in OURS:
        assert page(model, "changelist") in body


@pytest.mark.usefixtures("_a_sale")
def test_a_user_is_found_by_address_and_by_name(operator):
    buyer = Payment.objects.first().user
    buyer.name = "홍길동"
    buyer.save()
    for word in (buyer.email, "홍길동"):
        found = operator.get(page(Payment, "changelist"), {"q": word})
        assert found.context["cl"].result_count == 2
    none = operator.get(page(Payment, "changelist"), {"q": "unknown@example.com"})
    assert none.context["cl"].result_count == 0


def test_no_list_takes_more_queries_for_more_rows(operator):
    play_a_sale()
    few = queries_by_list(operator)
    for _ in range(3):
        play_a_sale()
    assert queries_by_list(operator) == few


def queries_by_list(operator):
    counted = {}
    for model in OURS:
        operator.get(page(model, "changelist"))
        with CaptureQueriesContext(
            connection,
        ) as queries:
            operator.get(page(model, "changelist"))
        counted[model.__name__] = len(queries)
    return counted


@pytest.mark.usefixtures("_a_sale")
@pytest.mark.parametrize("model", READ_ONLY, ids=name_of)
def test_the_sales_own_records_cannot_be_written_even_by_a_superuser(operator, model):
    row = model.objects.first()
    before = list(model.objects.order_by("pk").values())
    forged = {field.name: "1" for field in model._meta.concrete_fields if field.name != "id"} | {
        "_save": "1"
    }
    assert operator.get(page(model, "add")).status_code == 403
    assert operator.post(page(model, "add"), forged).status_code == 403
    assert operator.post(page(model, "change", row.pk), forged).status_code == 403
    assert operator.get(page(model, "delete", row.pk)).status_code == 403
    assert operator.post(page(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    operator.post(
        page(model, "changelist"),
        {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"},
    )
    assert list(model.objects.order_by("pk").values()) == before


@pytest.mark.usefixtures("_a_sale")
def test_no_page_shows_the_ticket_code(operator):
    ticket = Ticket.objects.first()
    for address in (page(Ticket, "changelist"), page(Ticket, "change", ticket.pk)):
        assert ticket.code not in operator.get(address).content.decode()


@pytest.mark.usefixtures("_a_sale")
def test_amounts_are_written_the_way_people_write_them(operator):
    for language, words in (("ko", "10,000원"), ("en", "₩10,000")):
        body = operator.get(
            page(Payment, "changelist"), headers={"accept-language": language}
        ).content.decode()
        assert words in body


def test_the_anonymous_are_sent_to_the_sites_log_in(client):
    response = client.get(reverse("admin:index"), follow=True)
    assert response.redirect_chain[-1][0].startswith(reverse("account_login"))
    assert response.status_code == 200


def test_the_admin_has_no_log_in_of_its_own_to_try_passwords_on(client):
    user = StaffFactory()
    response = client.post(
        reverse("admin:login"), {"username": user.email, "password": "correct horse battery staple"}
    )
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("account_login"))
    assert "_auth_user_id" not in client.session


def test_only_staff_may_enter_the_admin(client):
    client.force_login(UserFactory())
    for address in (reverse("admin:index"), page(Payment, "changelist")):
        assert client.get(address).status_code == 302
        assert client.get(address, follow=True).status_code == 403


@pytest.mark.usefixtures("_a_sale")
def test_staff_see_only_the_pages_of_their_permissions(client):
    staff = StaffFactory()
    staff.user_permissions.add(Permission.objects.get(codename="view_seat"))
    client.force_login(staff)
    assert client.get(page(Seat, "changelist")).status_code == 200
    body = client.get(reverse("admin:index")).content.decode()
    assert page(Seat, "changelist") in body
    for model in set(OURS) - {Seat}:
        assert client.get(page(model, "changelist")).status_code == 403, model
        assert page(model, "changelist") not in body


def test_only_the_admin_may_evaluate_scripts(operator):
    policy = operator.get(reverse("admin:index"))["Content-Security-Policy"]
    assert "script-src 'self' 'unsafe-eval'" in policy
    assert "script-src 'self' 'unsafe-eval' 'unsafe-inline'" not in policy
    elsewhere = operator.get(reverse("account_login"))["Content-Security-Policy"]
    assert "unsafe" not in elsewhere


@pytest.mark.usefixtures("_a_sale")
def test_script_in_a_name_is_shown_not_run(operator):
    User.objects.update(name="<script>alert(1)</script>")
    Concert.objects.update(title="<img src=x onerror=alert(1)>")
    for model in OURS:
        body = operator.get(page(model, "changelist")).content.decode()
        row = operator.get(page(model, "change", model.objects.first().pk)).content.decode()
        for html in (body, row):
            assert "<script>alert" not in html
            assert "<img src=x" not in html
