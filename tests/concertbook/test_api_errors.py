"""The API's refusals: one documented code each, an RFC 9457 problem, in the client's language."""

from unittest import mock

import pytest
from django.apps import apps
from django.db import OperationalError

from concertbook.errors import every_refusal
from payments.services.releases import release_expired_holds
from tests.concertbook.test_bad_input import assert_problem, holding, paying
from tests.factories import (
    CheckInStaffFactory,
    ScheduleFactory,
    UserFactory,
    admitted,
    bought,
    held,
    overdue,
)

pytestmark = pytest.mark.django_db

# Clients rely on these; they are in the API's documentation.
DOCUMENTED = {
    400: {
        "too_many_seats",
        "invalid_period",
        "invalid_amount",
        "duplicate_seats",
        "malformed",
        "idempotency_key_missing",
        "idempotency_key_invalid",
        "email_taken",
        "offered_to_oneself",
    },
    401: {"not_authenticated"},
    402: {"insufficient_balance", "charge_declined"},
    403: {
        "queue_not_admitted",
        "sale_not_open",
        "sale_closed",
        "schedule_cancelled",
        "cancellation_closed",
        "csrf_failed",
        "permission_denied",
        "wrong_password",
        "wrong_code",
        "second_factor_needed",
        "second_person_needed",
        "email_not_confirmed",
        "handing_on_off",
        "handing_on_closed",
    },
    404: {"not_found", "seat_not_found", "no_such_account"},
    405: {"method_not_allowed"},
    406: {"not_acceptable"},
    409: {
        "seat_taken",
        "second_factor_exists",
        "credit_decided",
        "room_in_use",
        "seat_label_taken",
        "seat_place_taken",
        "seats_changed",
        "purchase_limit_exceeded",
        "companion_needs_wheelchair",
        "already_paid",
        "already_cancelled",
        "ticket_used",
        "wrong_schedule",
        "doors_not_open",
        "show_over",
        "already_undone",
        "undo_too_late",
        "idempotency_in_flight",
        "waiting_room_closed",
        "conflict",
        "not_the_buyer",
        "handed_on_too_often",
        "already_offered",
        "code_ended",
        "account_in_use",
        "account_closing",
    },
    410: {"hold_expired", "link_used", "offer_over"},
    413: {"too_large"},
    415: {"unsupported_media_type"},
    422: {"idempotency_key_reused"},
    429: {"too_many_requests"},
    500: {"internal_error"},
    503: {"unavailable", "gateway_unavailable"},
}


def test_every_refusal_has_a_documented_code_and_status():
    assert apps.ready
    undocumented = [
        refusal.__qualname__
        for refusal in every_refusal()
        if refusal.code not in DOCUMENTED.get(refusal.status, ())
    ]
    assert undocumented == []


def test_a_code_never_comes_with_two_statuses():
    pairs = {(refusal.code, refusal.status) for refusal in every_refusal()}
    assert len(pairs) == len({code for code, _status in pairs})


@pytest.fixture
def user():
    return UserFactory(won=30_000)


@pytest.fixture
def client(app, user):
    return app(user)


@pytest.fixture
def schedule():
    return ScheduleFactory(price=20_000)


def test_a_taken_seat_says_which(client, user, schedule):
    held(UserFactory(), schedule, 2)
    answer = holding(client, schedule, [1, 2], admitted(user, schedule).pk)
    assert assert_problem(answer, 409, "seat_taken")["seat"] == 2


def test_too_little_money_says_how_much_is_there_and_how_much_it_takes(client, user, schedule):
    reservations = held(user, schedule, 1, 2)
    answer = paying(client, *(reservation.pk for reservation in reservations))
    problem = assert_problem(answer, 402, "insufficient_balance")
    assert (problem["balance"], problem["total"]) == (30_000, 40_000)


def test_a_declined_charge_says_why(client):
    answer = client.post("/api/v1/me/balance/charges/", {"amount": 40_001}, format="json")
    assert assert_problem(answer, 402, "charge_declined")["reason"] == "card_declined"


def test_an_overdue_hold_is_gone_whether_swept_or_not(client, user, schedule):
    first, second = held(user, schedule, 1, 2)
    overdue(first, second)
    assert_problem(paying(client, first.pk), 410, "hold_expired")
    release_expired_holds()
    assert_problem(paying(client, second.pk, key="another"), 410, "hold_expired")


def test_paying_twice_under_two_keys_is_refused_the_second_time(client, user, schedule):
    (reservation,) = held(user, schedule, 1)
    assert paying(client, reservation.pk, key="one").status_code == 201
    assert_problem(paying(client, reservation.pk, key="two"), 409, "already_paid")


def test_a_used_ticket_says_when_and_where(app, user):
    schedule = ScheduleFactory(doors_open=True)
    ticket = bought(user, schedule, 1).tickets[0]
    door = app(CheckInStaffFactory())

    def scan(gate):
        scan = {"code": ticket.code, "schedule": str(schedule.pk), "gate": gate}
        return door.post("/api/v1/check-ins/", scan, format="json")

    assert scan("north").status_code == 200
    problem = assert_problem(scan("south"), 409, "ticket_used")
    assert problem["gate"] == "north"
    assert problem["used_at"].endswith("Z")


def test_cancelling_twice_under_two_keys_is_refused_the_second_time(client, user, schedule):
    ticket = bought(user, schedule, 1).tickets[0]

    def cancel(key):
        path = f"/api/v1/tickets/{ticket.pk}/cancel/"
        return client.post(path, format="json", headers={"Idempotency-Key": key})

    assert cancel("one").status_code == 200
    assert_problem(cancel("two"), 409, "already_cancelled")


@pytest.mark.parametrize(("header", "language"), [("ko", "ko"), ("en", "en"), ("fr", "ko")])
def test_a_problem_speaks_the_clients_language_and_keeps_its_code(client, header, language):
    answer = client.get("/api/v1/tickets/none/", headers={"Accept-Language": header})
    problem = assert_problem(answer, 404, "not_found")
    assert answer.headers["Content-Language"] == language
    assert problem["detail"]


def test_invalid_fields_are_named_with_a_code_and_words_each(app):
    answer = app().post("/api/v1/auth/signup/", {"email": "x", "password": ""}, format="json")
    errors = assert_problem(answer, 400, "malformed")["errors"]
    assert [(error["field"], error["code"]) for error in errors] == [
        ("email", "invalid"),
        ("password", "blank"),
        ("name", "required"),
    ]
    assert all(error["detail"] for error in errors)


def test_a_weak_password_is_refused_in_words_for_people(app):
    fields = {"email": "a@example.com", "password": "12345", "name": "A"}
    answer = app().post("/api/v1/auth/signup/", fields, format="json")
    errors = assert_problem(answer, 400, "malformed")["errors"]
    assert {error["field"] for error in errors} == {"password"}
    assert not [error for error in errors if "[" in error["detail"]]


def test_a_database_out_of_reach_is_503_with_a_time_to_come_back(client):
    with mock.patch(
        "concerts.services.programme.database_now", side_effect=OperationalError("away")
    ):
        answer = client.get("/api/v1/concerts/")
    assert_problem(answer, 503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0


def test_a_bug_of_ours_tells_nothing_about_itself(client):
    with mock.patch(
        "concerts.services.programme.database_now", side_effect=RuntimeError("a secret")
    ):
        answer = client.get("/api/v1/concerts/")
    assert_problem(answer, 500, "internal_error")
    assert b"secret" not in answer.content


@pytest.mark.parametrize("path", ["/api/v1/payments", "/api/v1/concerts"])
def test_an_address_without_its_slash_is_not_found_rather_than_lost_in_a_redirect(client, path):
    assert_problem(client.post(path, {}, content_type="application/json"), 404, "not_found")


def test_the_schema_says_of_every_call_how_it_is_refused(client):
    schema = client.get("/api/v1/schema/?format=json").json()

    calls = [call for path in schema["paths"].values() for call in path.values()]
    assert all(
        "application/problem+json" in call["responses"]["default"]["content"] for call in calls
    )
    told = schema["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]
    assert {refusal.code for refusal in every_refusal()} <= set(told)


def test_each_refusal_has_a_code_of_its_own():
    """Classes with the same code must be subclasses of one, as clients treat them alike."""
    by_code = {}
    for refusal in every_refusal():
        by_code.setdefault(refusal.code, []).append(refusal)
    shared = {
        code: [each.__name__ for each in alike]
        for code, alike in by_code.items()
        if not any(all(issubclass(each, general) for each in alike) for general in alike)
    }
    assert shared == {}
