"""One definition of each answer: the API, the fast path and the OpenAPI document cannot differ."""

import datetime as dt
import json
import uuid
from types import SimpleNamespace

import pytest
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.plumbing import force_instance
from rest_framework import serializers

from accounts.app_tokens import issue_tokens
from accounts.representations import (
    BalanceHistorySerializer,
    ChargesOutput,
    MeSerializer,
    TokenPairSerializer,
)
from accounts.services.ledger import balance_history
from concertbook.db.clock import utc
from concertbook.http import representations
from concertbook.http.openapi import _components
from concertbook.http.representations import Representation
from concerts.representations import ConcertSerializer, ScheduleSerializer
from concerts.services.performances import get_performance
from concerts.services.programme import get_concert
from payments.representations import (
    CheckInSerializer,
    MyTicketSerializer,
    PaymentsOutput,
    RefundQuoteOutput,
    RefundSerializer,
    ReservationSerializer,
    hold_answer,
)
from payments.services.ticket_cancellation import cancel_ticket, quote_refund
from payments.services.tickets import my_tickets
from queueing.models import QueueToken
from queueing.representations import QueuePositionSerializer
from queueing.services import index_build, join_and_leave
from tests.factories import (
    ScheduleFactory,
    UserFactory,
    WaitingRoomFactory,
    bought,
    held,
    scanned,
)
from tests.fast_path import ask

NOW = dt.datetime(2026, 12, 24, 20, 15, 0, 250_000, tzinfo=dt.UTC)


@pytest.fixture
def add_field(monkeypatch):
    """Adds a field to a representation until the test is over."""

    def add(representation, name, field):
        monkeypatch.setitem(representation._declared_fields, name, field)
        representations._compile.cache_clear()

    yield add
    monkeypatch.undo()
    representations._compile.cache_clear()


@pytest.mark.django_db(transaction=True)
def test_a_field_that_is_added_is_in_the_document_and_in_the_answers_of_both(app, add_field):
    room = WaitingRoomFactory()
    place, _joined = join_and_leave.join(user=UserFactory(), slug=room.slug)
    index_build.build_missing()
    address = f"/api/v1/queue-tokens/{place.token}/"
    client = app(QueueToken.objects.get(pk=place.token).user)
    bearer = {"Authorization": client._credentials["HTTP_AUTHORIZATION"]}

    add_field(QueuePositionSerializer, "room_again", serializers.SlugField(source="room"))

    schemas = SchemaGenerator().get_schema(public=True)["components"]["schemas"]
    assert "room_again" in schemas["QueuePosition"]["properties"]
    assert client.get(address).json()["room_again"] == room.slug
    _status, _headers, answer = ask(address, **bearer)
    assert answer["room_again"] == room.slug


# Written once for all buyers, in concerts/seat_state_answers.py.
WRITTEN_BY_HAND = {"SeatStateOutput"}
# A seat plan is composed once, when it is saved (concerts/services/seat_plan_document.py).
# The list of the door is signed as bytes (payments/services/check_in_lists.py).
SENT_AS_SAVED = {"CheckInListOutput", "SeatPlanDocument"} | {
    f"Plan{part}" for part in ("Box", "Offer", "Section", "Rows", "Runs")
}


def test_every_answer_of_the_document_is_a_representation():
    generator = SchemaGenerator()
    document = generator.get_schema(public=True)
    operations = [each for path in document["paths"].values() for each in path.values()]
    answers = _components(
        document["components"]["schemas"], [operation["responses"] for operation in operations]
    )
    described = {
        component.name: force_instance(component.object)
        for component in generator.registry._components.values()
        if component.name in answers
    }
    shapes = {
        name: each for name, each in described.items() if isinstance(each, serializers.Serializer)
    }

    assert {"Seat", "MyTicket", "HoldsOutput", "Me"} <= shapes.keys()
    others = {name for name, each in shapes.items() if not isinstance(each, Representation)}
    assert others == SENT_AS_SAVED
    for name in shapes.keys() - SENT_AS_SAVED - WRITTEN_BY_HAND:
        # Raises TypeError for a field that cannot be sent.
        representations._compile(type(shapes[name]))


@pytest.fixture
def as_rest_framework_writes(monkeypatch):
    """REST framework's own conversion of each field, in UTC as the API's middleware has it."""

    def write(representation, result):
        with monkeypatch.context() as patch, timezone.override(dt.UTC):
            own = serializers.Serializer.to_representation
            patch.setattr(Representation, "to_representation", own)
            return json.loads(json.dumps(representation(result).data, default=str))

    return write


class Part(Representation):
    number = serializers.IntegerField()


class Whole(Representation):
    id = serializers.UUIDField()
    at = serializers.DateTimeField()
    day = serializers.DateField()
    name = serializers.CharField(source="owner.name")
    is_open = serializers.BooleanField()
    kind = serializers.ChoiceField(choices=["a", "b"])
    part = Part()
    parts = Part(many=True)
    nothing = serializers.DateTimeField(allow_null=True)
    no_part = Part(allow_null=True)


WHOLE = SimpleNamespace(
    id=uuid.uuid4(),
    at=NOW.astimezone(dt.timezone(dt.timedelta(hours=9))),
    day=NOW.date(),
    owner=SimpleNamespace(name="김민지"),
    is_open=True,
    kind="b",
    part=SimpleNamespace(number=1),
    parts=[SimpleNamespace(number=2), SimpleNamespace(number=3)],
    nothing=None,
    no_part=None,
)


def test_an_answer_is_what_rest_framework_would_write(as_rest_framework_writes):
    answer = Whole.represent(WHOLE)

    assert answer == as_rest_framework_writes(Whole, WHOLE)
    assert list(answer) == list(Whole().fields)
    assert answer["at"] == "2026-12-24T20:15:00.250000Z"
    assert json.loads(json.dumps(answer)) == answer
    assert Whole([WHOLE], many=True).data == [answer]


@pytest.mark.django_db
def test_the_accounts_answers_are_what_rest_framework_would_write(as_rest_framework_writes):
    user = UserFactory(won=50_000)
    (line,) = balance_history(user=user)

    for representation, result in [
        (TokenPairSerializer, issue_tokens(user)),
        (MeSerializer, user),
        (ChargesOutput, line),
        (BalanceHistorySerializer, line),
    ]:
        answer = representation.represent(result)
        assert answer == as_rest_framework_writes(representation, result)
        assert list(answer) == list(representation().fields)


@pytest.mark.django_db
def test_the_lines_answers_are_what_rest_framework_would_write(as_rest_framework_writes):
    place, _joined = join_and_leave.join(user=UserFactory(), slug=WaitingRoomFactory().slug)
    assert QueuePositionSerializer.represent(place) == as_rest_framework_writes(
        QueuePositionSerializer, place
    )


@pytest.mark.django_db
def test_the_programmes_answers_are_what_rest_framework_would_write(as_rest_framework_writes):
    schedule = ScheduleFactory(seats=2)

    for representation, result in [
        (ConcertSerializer, get_concert(schedule.concert_id)),
        (ScheduleSerializer, get_performance(schedule.pk)),
    ]:
        answer = representation.represent(result)
        assert answer == as_rest_framework_writes(representation, result)
        assert list(answer) == list(representation().fields)


@pytest.mark.django_db
def test_the_sales_answers_are_what_rest_framework_would_write(as_rest_framework_writes):
    schedule = ScheduleFactory(seats=4, price=10_000, doors_open=True)
    buyer = UserFactory(won=50_000)
    receipt = bought(buyer, schedule, 1, 2)
    (reservation,) = held(buyer, schedule, 3)
    check_in = scanned(receipt.tickets[0], gate="B")
    quote = quote_refund(user=buyer, ticket_id=receipt.tickets[1].pk)
    refund = cancel_ticket(user=buyer, ticket_id=receipt.tickets[1].pk)

    for representation, result in [
        (PaymentsOutput, receipt),
        (ReservationSerializer, reservation),
        (CheckInSerializer, check_in),
        (RefundQuoteOutput, quote),
        (RefundSerializer, refund),
        *((MyTicketSerializer, ticket) for ticket in my_tickets(user=buyer)),
    ]:
        answer = representation.represent(result)
        assert answer == as_rest_framework_writes(representation, result)
        assert list(answer) == list(representation().fields)

    answer = hold_answer([reservation])
    assert answer["reservations"] == [ReservationSerializer.represent(reservation)]
    assert (answer["total"], answer["expires_at"]) == (10_000, utc(reservation.expires_at))


@pytest.mark.parametrize(
    "field", [serializers.SerializerMethodField(), serializers.FloatField(), serializers.Field()]
)
def test_a_field_that_could_be_sent_otherwise_than_documented_is_refused(field):
    class Odd(Representation):
        odd = field

        def get_odd(self, result):
            return 1

    with pytest.raises(TypeError, match="odd"):
        Odd.represent(SimpleNamespace(odd=1))
