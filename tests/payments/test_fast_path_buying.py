"""The fast path of holds and payments: Django's answers in few statements."""

import json
import uuid
from io import BytesIO

import pytest
from django.contrib.sessions.models import Session
from django.db import OperationalError, connection
from django.test import RequestFactory

from accounts import credentials
from accounts.app_tokens import issue_tokens
from concertbook.errors import NotFound
from concertbook.wsgi import application
from concerts.models import Seat
from concerts.seat_index import looks
from concerts.services import seat_states
from payments.fast_path.hold import HOLDS, AskedToHold
from payments.fast_path.pay import PAYMENTS
from payments.models import Payment, Reservation
from payments.representations import hold_answer
from payments.services import checkout, holds
from payments.services.releases import release_reservation
from tests.factories import ScheduleFactory, UserFactory, admitted, balance_of, held
from tests.fast_path import FellThrough, ask

# Outside of a transaction: the fast path closes connections that are too old.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def schedule():
    return ScheduleFactory(seats=8, price=10_000)


class App:
    """A mobile app of an admitted user with money."""

    def __init__(self, schedule):
        self.user = UserFactory(won=500_000)
        self.token = admitted(self.user, schedule).pk
        self.access = issue_tokens(self.user).access
        self.schedule = schedule

    def hold(self, *numbers, **headers):
        path = f"/api/v1/schedules/{self.schedule.pk}/reservations/"
        return self.send(path, {"seats": numbers}, **{"Queue-Token": str(self.token)} | headers)

    def pay(self, *ids, key="a key", **headers):
        body = {"reservations": [str(each) for each in ids]}
        return self.send("/api/v1/payments/", body, **{"Idempotency-Key": key} | headers)

    def send(self, path, body, *, content_type="application/json", **headers):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        bearer = {"Authorization": f"Bearer {self.access}"}
        return ask(
            path, method="POST", content=content, content_type=content_type, **bearer | headers
        )


@pytest.fixture
def buyer(schedule):
    return App(schedule)


def test_a_body_above_64_kib_is_left_to_django(buyer):
    long = {"padding": "x" * 65_536}
    reservations = f"/api/v1/schedules/{buyer.schedule.pk}/reservations/"

    with pytest.raises(FellThrough):
        buyer.send(reservations, {"seats": [1]} | long, **{"Queue-Token": str(buyer.token)})

    (held,) = ids_of(buyer.hold(1)[2])
    with pytest.raises(FellThrough):
        buyer.send("/api/v1/payments/", {"reservations": [held]} | long, **{"Idempotency-Key": "k"})


def in_chunks(buyer, body):
    """The status of a charge whose body is sent in chunks, without Content-Length."""
    environ = (
        RequestFactory(
            headers={
                "Host": "testserver",
                "Authorization": f"Bearer {buyer.access}",
                "Transfer-Encoding": "chunked",
            }
        )
        .generic("POST", "/api/v1/me/balance/charges/", body, content_type="application/json")
        .environ
    )
    del environ["CONTENT_LENGTH"]
    environ["wsgi.input"] = BytesIO(body)
    answered = []
    list(application(environ, lambda *head: answered.append(head)))
    return answered[0][0]


def test_a_body_that_comes_in_chunks_is_read_and_measured(buyer):
    assert in_chunks(buyer, b'{"amount": 1000}').startswith("201")
    assert balance_of(buyer.user) == 501_000
    assert in_chunks(buyer, b'{"amount": 1000, "x": "' + b"x" * 65_536 + b'"}').startswith("413")
    assert balance_of(buyer.user) == 501_000


def ids_of(answer):
    return [reservation["id"] for reservation in answer["reservations"]]


def test_a_hold_and_its_payment_are_answered(buyer):
    status, headers, answer = buyer.hold(3, 2)

    assert status == 201
    assert headers["Content-Type"] == "application/json"
    assert headers["Cache-Control"] == "no-store"
    assert [each["seat"] for each in answer["reservations"]] == [2, 3]
    reservations = list(Reservation.objects.order_by("seat__number"))
    assert answer == hold_answer(reservations)

    status, _headers, answer = buyer.pay(*ids_of(answer))

    assert (status, answer["balance"]) == (201, 480_000)
    assert len(answer["tickets"]) == len(answer["payments"]) == 2


def test_a_payment_sent_again_gets_the_same_bytes_from_here_and_from_django(buyer, app, schedule):
    ids = [reservation.pk for reservation in held(buyer.user, schedule, 1, 2)]

    first = buyer.pay(*ids)

    assert buyer.pay(*ids) == first
    body = {"reservations": [str(each) for each in ids]}
    headers = {"Idempotency-Key": "a key"}
    slow = app(buyer.user).post("/api/v1/payments/", body, format="json", headers=headers)
    assert (slow.status_code, slow.json()) == (201, first[2])
    assert Payment.objects.count() == 2


@pytest.fixture
def in_this_thread(monkeypatch):
    """Run the group commit in the test's thread, to count its statements."""
    for meeting in HOLDS, PAYMENTS:

        def do(asked, meeting=meeting):
            (outcome,) = meeting.do_all([asked])
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        monkeypatch.setattr(meeting, "do", do)


@pytest.mark.usefixtures("in_this_thread")
@pytest.mark.parametrize("numbers", [[1], [1, 2, 3, 4]])
def test_a_hold_is_six_round_trips_and_one_to_know_who_asks(
    buyer, numbers, django_assert_num_queries
):
    with django_assert_num_queries(7):
        assert buyer.hold(*numbers)[0] == 201


@pytest.mark.usefixtures("in_this_thread")
def test_a_refused_hold_that_the_snapshot_does_not_know_is_one_transaction(
    buyer, schedule, django_assert_num_queries, monkeypatch
):
    monkeypatch.setattr(looks, "REBUILT_IF_CHANGED", 10**9)
    seat_states.recent_snapshot(schedule.pk)
    held(UserFactory(), schedule, 1)

    with django_assert_num_queries(7):
        status, _headers, answer = buyer.hold(1)

    assert (status, answer["code"], answer["nearest"]) == (409, "seat_taken", [2])


@pytest.mark.parametrize("order", [1, -1])
def test_a_failure_in_one_schedule_does_not_undo_another(buyer, schedule, order):
    lost = App(schedule)
    asked = [
        AskedToHold(credentials.read_access_token(buyer.access), schedule.pk, [1], buyer.token),
        AskedToHold(credentials.read_access_token(lost.access), uuid.uuid4(), [2], lost.token),
    ][::order]

    answers = HOLDS.do_all(asked)

    assert [type(answer) for answer in answers] == [list, NotFound][::order]
    assert Reservation.objects.get().user == buyer.user


def test_a_receipt_names_seats_of_one_number_in_the_order_of_their_keys():
    buyer = UserFactory(won=1_000_000)
    reservations = [held(buyer, ScheduleFactory(price=10_000), 1)[0] for _schedule in range(6)]

    receipt = checkout.pay_reservations(
        user=buyer, reservation_ids=[reservation.pk for reservation in reservations]
    )

    seats = [ticket.seat_id for ticket in receipt.tickets]
    assert seats == sorted(seats)


def test_a_payment_sent_again_with_its_id_in_capitals_gets_the_same_answer(buyer, schedule):
    (reservation,) = held(buyer.user, schedule, 1)

    status, _headers, answer = buyer.pay(reservation.pk)
    again, _headers, same = buyer.pay(str(reservation.pk).upper())

    assert status == again == 201
    assert same == answer


@pytest.mark.usefixtures("in_this_thread")
@pytest.mark.parametrize("numbers", [[1], [1, 2, 3, 4]])
def test_a_payment_is_ten_round_trips_and_one_to_know_who_asks(
    buyer, schedule, numbers, django_assert_num_queries
):
    ids = [reservation.pk for reservation in held(buyer.user, schedule, *numbers)]

    with django_assert_num_queries(11):
        assert buyer.pay(*ids)[0] == 201


@pytest.mark.usefixtures("in_this_thread")
def test_the_database_keeps_its_plan_of_each_statement_of_a_hold_and_of_a_payment():
    def buy(buyer, number):
        _status, _headers, answer = buyer.hold(number)
        assert buyer.pay(*ids_of(answer))[0] == 201

    # The statistics know other seats only, as when a date goes on sale soon after it was made.
    ScheduleFactory(seats=3_000, price=10_000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    connection.close()  # a connection remembers what its plans cost before
    schedule = ScheduleFactory(seats=8, price=10_000)
    buyers = [App(schedule) for _ in range(8)]

    def plans():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT statement, custom_plans, generic_plans FROM pg_prepared_statements"
            )
            return {sql: (custom, kept) for sql, custom, kept in cursor.fetchall()}

    for number, buyer in enumerate(buyers[:7], 1):  # it makes up its mind at the sixth
        buy(buyer, number)
    before = plans()
    buy(buyers[7], 8)

    used = {sql: now for sql, now in plans().items() if now != before.get(sql)}
    assert len(used) > 8
    assert [sql for sql, (custom, _kept) in used.items() if custom > before.get(sql, (0,))[0]] == []


# Larger statements are parsed again at each call (MAX_CACHED_STATEMENT_* of psycopg._queries).
LONGEST_CACHED = 4096
MOST_PARAMETERS_CACHED = 50


@pytest.mark.usefixtures("in_this_thread")
def test_the_driver_caches_each_statement_of_a_hold_and_of_a_payment(buyer):
    sent = []

    def note(execute, sql, params, many, context):
        sent.append((len(sql), len(params or ())))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        _status, _headers, answer = buyer.hold(1, 2, **{"Idempotency-Key": "one key"})
        buyer.pay(*ids_of(answer), key="another key")

    assert Payment.objects.count() == 2
    assert max(length for length, _parameters in sent) <= LONGEST_CACHED
    assert max(parameters for _length, parameters in sent) <= MOST_PARAMETERS_CACHED


@pytest.mark.usefixtures("in_this_thread")
def test_a_payment_that_leaves_other_seats_held_leaves_the_buyer_inside(
    buyer, schedule, django_assert_num_queries
):
    mine, _other = held(buyer.user, schedule, 1, 2)

    with django_assert_num_queries(10):
        assert buyer.pay(mine.pk)[0] == 201

    assert buyer.hold(3)[0] == 201


def test_a_refusal_says_what_django_would_in_the_language_asked_for(buyer, app, schedule):
    held(UserFactory(), schedule, 1)

    for language in "ko", "en":
        status, headers, answer = buyer.hold(1, **{"Accept-Language": language})
        slow = app(buyer.user).post(
            f"/api/v1/schedules/{schedule.pk}/reservations/",
            {"seats": [1]},
            format="json",
            headers={"Queue-Token": str(buyer.token), "Accept-Language": language},
        )
        assert (status, answer) == (409, slow.json())
        assert answer["code"] == "seat_taken"
        assert headers["Content-Type"] == slow["Content-Type"]


def test_a_refusal_tells_when_to_come_back(buyer, settings):
    settings.GIVEN_UP_PER_HOUR = 0
    (reservation,) = ids_of(buyer.hold(1)[2])
    release_reservation(user=buyer.user, reservation_id=uuid.UUID(reservation))

    status, headers, _answer = buyer.hold(2)

    assert status == 429
    assert int(headers["Retry-After"]) > 0


def test_a_token_that_is_missing_or_forged_does_not_let_in(buyer):
    for token in str(uuid.uuid4()), "no token", "":
        status, _headers, answer = buyer.hold(1, **{"Queue-Token": token})
        assert (status, answer["code"]) == (403, "queue_not_admitted")


@pytest.mark.parametrize(
    ("key", "code"),
    [(None, "missing"), ("", "invalid"), ("k" * 256, "invalid"), ("\xe9", "invalid")],
)
def test_a_payment_needs_a_valid_key(buyer, schedule, key, code):
    (reservation,) = held(buyer.user, schedule, 1)

    status, _headers, answer = buyer.pay(reservation.pk, key=key)

    assert (status, answer["code"]) == (400, f"idempotency_key_{code}")


@pytest.mark.parametrize("key", ["", "k" * 256, "\xe9"])
def test_a_hold_under_a_key_that_is_not_valid_is_refused(buyer, key):
    status, _headers, answer = buyer.hold(1, **{"Idempotency-Key": key})

    assert (status, answer["code"]) == (400, "idempotency_key_invalid")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"seats": [1], "seats": [2]}',
        b'{"seats": [NaN]}',
        b"[1]",
        b'{"seats": []}',
        b'{"seats": [0]}',
        b'{"seats": [true]}',
        b'{"seats": [1.0]}',
        b'{"seats": ["1"]}',
        b'{"seats": [1, 1]}',
        b'{"seats": [2147483648]}',
        b'{"seats": [' + b", ".join(b"%d" % n for n in range(1, 60)) + b"]}",
        b"[" * 60_000,
        b'{"seats": "\\ud800"}',
        b"\xff",
    ],
)
def test_a_malformed_request_falls_through_to_django(buyer, body):
    with pytest.raises(FellThrough) as aside:
        buyer.send(f"/api/v1/schedules/{buyer.schedule.pk}/reservations/", body)

    assert aside.value.args == (body,)
    assert not Reservation.objects.exists()


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_another_type_is_left_to_django(buyer, content_type):
    with pytest.raises(FellThrough):
        buyer.send("/api/v1/payments/", {"reservations": []}, content_type=content_type)


def test_a_purchase_needs_a_session_an_unchanged_password_and_an_active_user(buyer, schedule):
    ids = [reservation.pk for reservation in held(buyer.user, schedule, 1)]
    for end in change_password, deactivate, log_out:
        other = App(schedule)
        end(other.user)
        with pytest.raises(FellThrough):
            other.hold(2)
        with pytest.raises(FellThrough):
            other.pay(*ids)
    assert Seat.objects.get(number=2).status == Seat.Status.AVAILABLE


def change_password(user):
    user.set_password("another one, and longer")
    user.save()


def deactivate(user):
    user.is_active = False
    user.save()


def log_out(user):
    Session.objects.all().delete()


def test_a_database_that_fails_is_for_django_to_explain(buyer, monkeypatch):
    def fail(*_given, **_named):
        raise OperationalError("gone")

    monkeypatch.setattr(holds, "hold", fail)
    with pytest.raises(FellThrough):
        buyer.hold(1)
