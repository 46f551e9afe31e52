"""The staff's one search."""

import pytest
from django.contrib.auth.models import Permission

from operations.services.find import find
from payments.models import Payment, Reservation, Ticket
from payments.services.ticket_offers import accept_offer, offer_ticket
from queueing.models import QueueToken
from tests.factories import ScheduleFactory, StaffFactory, UserFactory, bought

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff():
    return StaffFactory(is_superuser=True, name="Desk")


@pytest.mark.parametrize(
    "text", ["Minji@Example.com", "minji@", "김민", "김민".encode().decode(), "\u1100\u1175\u11b7"]
)
def test_a_person_is_found_by_the_beginning_of_the_address_or_the_name(staff, text):
    minji = UserFactory(email="minji@example.com", name="김민지")
    UserFactory(email="a-minji@example.com", name="a김민지")
    assert [found.user for found in find(actor=staff, text=text)] == [minji]


def test_a_sign_that_is_special_in_a_pattern_is_only_a_sign(staff):
    UserFactory(email="a_b@example.com", name="100% 김")
    UserFactory(email="axb@example.com", name="1000 김")
    assert len(find(actor=staff, text="a_")) == 1
    assert len(find(actor=staff, text="100%")) == 1


@pytest.mark.parametrize("shorten", [str, lambda pk: str(pk)[:8], lambda pk: pk.hex[:12].upper()])
def test_a_row_is_found_by_its_id_or_the_first_eight_characters(staff, shorten):
    buyer = UserFactory(won=10_000)
    ticket = bought(buyer, ScheduleFactory(), 1).tickets[0]
    payment = Payment.objects.get()
    for row in (buyer, ticket, ticket.reservation, payment):
        (found,) = find(actor=staff, text=shorten(row.pk))
        assert (found.model, found.pk, found.user) == (type(row), row.pk, buyer)


def test_a_queue_token_is_found_by_more_than_the_digits_of_its_room(staff):
    buyer = UserFactory(won=10_000)
    bought(buyer, ScheduleFactory(), 1)
    token = QueueToken.objects.get()
    assert [each.pk for each in find(actor=staff, text=str(token.pk))] == [token.pk]
    assert find(actor=staff, text=str(token.pk)[:8]) == []


def test_a_ticket_is_found_by_its_code_and_by_one_that_ended(staff):
    buyer, friend = UserFactory(won=10_000), UserFactory()
    ticket = bought(buyer, ScheduleFactory(), 1).tickets[0]
    offer = offer_ticket(user=buyer, ticket_id=ticket.pk, email=friend.email)
    moved = accept_offer(user=friend, offer_id=offer.pk)
    (found,) = find(actor=staff, text=moved.code)
    assert (found.pk, found.user, found.ended) == (ticket.pk, friend, False)
    (found,) = find(actor=staff, text=ticket.code)
    assert (found.pk, found.user, found.ended) == (ticket.pk, friend, True)
    assert find(actor=staff, text=ticket.code[:-1]) == []


def test_staff_find_only_what_they_may_view():
    buyer = UserFactory(won=10_000)
    ticket = bought(buyer, ScheduleFactory(), 1).tickets[0]
    staff = StaffFactory()
    assert find(actor=staff, text=buyer.email) == find(actor=staff, text=ticket.code) == []
    staff.user_permissions.add(Permission.objects.get(codename="view_ticket"))
    staff = type(staff).objects.get(pk=staff.pk)
    assert [each.model for each in find(actor=staff, text=str(ticket.pk))] == [Ticket]
    assert find(actor=staff, text=str(Reservation.objects.get().pk)) == []


@pytest.mark.parametrize("text", ["", " ", "\0", "x\0", "%", "김" * 500, "f" * 33, "--------"])
def test_what_names_nothing_finds_nothing(staff, text):
    UserFactory(name="민지")
    assert find(actor=staff, text=text) == []


def test_a_search_takes_few_statements(staff, django_assert_max_num_queries):
    buyer = UserFactory(won=10_000)
    ticket = bought(buyer, ScheduleFactory(), 1).tickets[0]
    with django_assert_max_num_queries(6):
        find(actor=staff, text=str(ticket.pk))
    with django_assert_max_num_queries(6):
        find(actor=staff, text=ticket.code)
