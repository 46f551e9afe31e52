"""Bad input is refused with the documented code, and never with a 500."""

import base64
import datetime as dt
import json
import uuid
from io import BytesIO

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Balance
from payments.models import Reservation
from queueing.models import QueueToken
from queueing.services.join_and_leave import join
from tests.factories import (
    CheckInStaffFactory,
    ScheduleFactory,
    StaffFactory,
    UserFactory,
    WaitingRoomFactory,
    admitted,
    balance_of,
    bought,
    held,
)

pytestmark = pytest.mark.django_db

CHARGES = "/api/v1/me/balance/charges/"
PAYMENTS = "/api/v1/payments/"
LONE_SURROGATE = r"\ud800"
NUL = r"\u0000"
# Constants, as every worker of a parallel run must give the tests the same names.
UNKNOWN = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"


def assert_problem(response, status, code):
    """A complete RFC 9457 problem with this status and code."""
    assert response.status_code == status, response.content
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = json.loads(response.content)
    assert {"type", "title", "status", "detail", "code"} <= problem.keys()
    assert (problem["status"], problem["code"]) == (status, code), problem
    return problem


def send(client, path, body, content_type="application/json", **headers):
    """Send the body unchanged, valid or not."""
    return client.post(path, body.encode("utf-8"), content_type=content_type, headers=headers)


@pytest.fixture
def user():
    return UserFactory(won=100_000)


@pytest.fixture
def client(app, user):
    return app(user)


@pytest.fixture
def schedule():
    return ScheduleFactory(seats=10, purchase_limit=4, price=10_000)


def holding(client, schedule, seats, token=None):
    headers = {} if token is None else {"Queue-Token": str(token)}
    return client.post(
        f"/api/v1/schedules/{schedule.pk}/reservations/",
        {"seats": seats},
        format="json",
        headers=headers,
    )


def paying(client, *reservations, key="a key"):
    ids = [str(reservation) for reservation in reservations]
    return client.post(
        PAYMENTS, {"reservations": ids}, format="json", headers={"Idempotency-Key": key}
    )


# --- Amounts -----------------------------------------------------------------------------------

AMOUNTS = ["0", "-1", "1.5", "1.0", "1e3", '"1.0"', '"1000"', "true", "[1]", "{}"]
TOO_LARGE = ["10000001", str(2**31), str(2**63), str(2**64), "9" * 4000]


@pytest.mark.parametrize("amount", AMOUNTS + TOO_LARGE)
def test_only_a_whole_number_of_won_within_the_limits_can_be_charged(client, user, amount):
    answer = send(client, CHARGES, f'{{"amount": {amount}}}')

    problem = assert_problem(answer, 400, "invalid_amount")
    assert [error["field"] for error in problem["errors"]] == ["amount"]
    assert balance_of(user) == 100_000


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-Infinity", "9" * 5000, "null", "0x10"])
def test_an_invalid_number_in_json_is_malformed(client, user, amount):
    assert_problem(send(client, CHARGES, f'{{"amount": {amount}}}'), 400, "malformed")
    assert balance_of(user) == 100_000


# --- Seats -------------------------------------------------------------------------------------


def test_a_seat_that_does_not_exist_is_not_found(client, user, schedule):
    problem = assert_problem(
        holding(client, schedule, [1, 999], admitted(user, schedule).pk), 404, "seat_not_found"
    )
    assert problem["seats"] == [999]
    assert Reservation.objects.count() == 0, "all or none"


def test_a_seat_of_another_schedule_is_not_found(client, user, schedule):
    ScheduleFactory(concert=schedule.concert, seats=20)

    answer = holding(client, schedule, [15], admitted(user, schedule).pk)

    assert_problem(answer, 404, "seat_not_found")


def test_the_same_seat_twice_is_refused(client, user, schedule):
    answer = holding(client, schedule, [1, 2, 1], admitted(user, schedule).pk)
    assert_problem(answer, 400, "duplicate_seats")


def test_more_seats_than_one_person_may_have_are_refused(client, user, schedule):
    token = admitted(user, schedule).pk
    assert_problem(
        holding(client, schedule, [1, 2, 3, 4, 5], token), 409, "purchase_limit_exceeded"
    )
    assert_problem(holding(client, schedule, list(range(1, 60)), token), 400, "malformed")


@pytest.mark.parametrize(
    "seats",
    [[], [0], [-1], [1.0], ["1"], [True], [None], [2**31], [2**63], [[1]], "1", 1, None, {"1": 1}],
)
def test_an_invalid_list_of_seat_numbers_is_malformed(client, user, schedule, seats):
    assert_problem(holding(client, schedule, seats, admitted(user, schedule).pk), 400, "malformed")


# --- Fields that a client may not set ------------------------------------------------------------


def test_a_price_status_or_user_sent_with_a_hold_is_never_believed(client, user, schedule):
    extra = {"price": 1, "status": "CONFIRMED", "user": str(UserFactory().pk), "expires_at": "2999"}

    answer = client.post(
        f"/api/v1/schedules/{schedule.pk}/reservations/",
        {"seats": [1], **extra},
        format="json",
        headers={"Queue-Token": str(admitted(user, schedule).pk)},
    )

    assert answer.status_code == 201
    reservation = Reservation.objects.get()
    assert (reservation.user, reservation.price, reservation.status) == (user, 10_000, "HOLD")
    assert reservation.expires_at < timezone.now() + dt.timedelta(minutes=6)


def test_a_balance_or_status_sent_with_a_charge_is_never_believed(client, user):
    fields = {"amount": 1_000, "balance": 10**9, "status": "SUCCESS", "user": str(UserFactory().pk)}

    answer = client.post(CHARGES, fields, format="json")

    assert answer.status_code == 201
    assert answer.json()["balance"] == 101_000
    assert Balance.objects.get().user == user


def test_a_sign_up_cannot_set_staff_rights(app):
    fields = {"email": "a@example.com", "password": "a long enough one", "name": "A"}

    answer = app().post(
        "/api/v1/auth/signup/", fields | {"is_staff": True, "is_superuser": True}, format="json"
    )

    assert answer.status_code == 201
    app_of_a = APIClient()
    app_of_a.credentials(HTTP_AUTHORIZATION=f"Bearer {answer.json()['access']}")
    assert_problem(
        app_of_a.post("/api/v1/check-ins/", {"code": "x"}, format="json"), 403, "permission_denied"
    )


# --- Another user's objects --------------------------------------------------------------------


def test_another_users_objects_look_like_unknown_ones(app, user, schedule):
    ticket = bought(user, schedule, 1).tickets[0]
    (reservation,) = held(user, schedule, 2)
    token = QueueToken.objects.live().get(user=user)
    stranger = app(UserFactory(won=100_000))
    key = {"headers": {"Idempotency-Key": "k"}}

    answers = [
        stranger.get(f"/api/v1/reservations/{reservation.pk}/"),
        stranger.delete(f"/api/v1/reservations/{reservation.pk}/"),
        paying(stranger, reservation.pk),
        stranger.get(f"/api/v1/tickets/{ticket.pk}/"),
        stranger.get(f"/api/v1/tickets/{ticket.pk}/qr.svg"),
        stranger.get(f"/api/v1/tickets/{ticket.pk}/refund-quote/"),
        stranger.post(f"/api/v1/tickets/{ticket.pk}/cancel/", **key),
        stranger.get(f"/api/v1/queue-tokens/{token.pk}/"),
        stranger.delete(f"/api/v1/queue-tokens/{token.pk}/"),
    ]
    unknown = stranger.get(f"/api/v1/tickets/{uuid.uuid4()}/")

    bodies = {assert_problem(answer, 404, "not_found")["detail"] for answer in [*answers, unknown]}
    assert len(bodies) == 1, "the answers do not tell which objects exist"
    reservation.refresh_from_db()
    ticket.refresh_from_db()
    assert (reservation.status, ticket.status) == ("HOLD", "ISSUED")


def test_lists_show_only_the_users_own_objects(app, user, schedule):
    bought(user, schedule, 1)
    stranger = app(UserFactory())
    for path in ("reservations", "tickets", "me/balance/history"):
        assert stranger.get(f"/api/v1/{path}/").json()["results"] == []


def test_one_reservation_of_another_buyer_refuses_the_whole_payment(client, user, schedule):
    (theirs,) = held(UserFactory(), schedule, 1)
    (mine,) = held(user, schedule, 2)

    assert_problem(paying(client, mine.pk, theirs.pk), 404, "not_found")
    assert balance_of(user) == 100_000


# --- The line ----------------------------------------------------------------------------------


def not_mine(user, schedule):
    return admitted(UserFactory(), schedule).pk


def of_another_room(user, schedule):
    return join(user=user, slug=WaitingRoomFactory().slug)[0].token


def expired(user, schedule):
    token = admitted(user, schedule)
    QueueToken.objects.filter(pk=token.pk).update(expires_at=timezone.now())
    return token.pk


def still_waiting(user, schedule):
    room = schedule.concert.waiting_room
    room.state = "PAUSED"
    room.save()
    return join(user=user, slug=room.slug)[0].token


def forged(user, schedule):
    admitted(user, schedule)
    return uuid.uuid4()


def no_uuid(user, schedule):
    admitted(user, schedule)
    return "../../etc/passwd"


def none(user, schedule):
    admitted(user, schedule)


@pytest.mark.parametrize(
    "token", [not_mine, of_another_room, expired, still_waiting, forged, no_uuid, none]
)
def test_a_hold_needs_ones_own_active_token_of_this_room(client, user, schedule, token):
    answer = holding(client, schedule, [1], token(user, schedule))

    assert_problem(answer, 403, "queue_not_admitted")
    assert Reservation.objects.count() == 0


@pytest.mark.parametrize(
    "token", [not_mine, of_another_room, expired, still_waiting, forged, no_uuid]
)
def test_the_seat_map_needs_ones_own_active_token_of_this_room(client, user, schedule, token):
    headers = {"Queue-Token": str(token(user, schedule))}
    for path in ("seats/", "seats/changes/"):
        answer = client.get(f"/api/v1/schedules/{schedule.pk}/{path}", headers=headers)
        assert_problem(answer, 403, "queue_not_admitted")


def test_a_payment_after_the_admission_is_over_is_refused(client, user, schedule):
    (reservation,) = held(user, schedule, 1)
    QueueToken.objects.filter(user=user).update(expires_at=timezone.now())

    assert_problem(paying(client, reservation.pk), 403, "queue_not_admitted")


def test_a_closed_room_refuses_joins(client):
    room = WaitingRoomFactory(state="CLOSED")
    answer = client.post(f"/api/v1/waiting-rooms/{room.slug}/tokens/")
    assert_problem(answer, 409, "waiting_room_closed")


@pytest.mark.parametrize(
    ("opens", "closes", "code"), [(1, 2, "sale_not_open"), (-2, -1, "sale_closed")]
)
def test_a_sale_has_its_hours(client, user, opens, closes, code):
    now = timezone.now()
    schedule = ScheduleFactory(
        reserve_from=now + dt.timedelta(hours=opens), reserve_until=now + dt.timedelta(hours=closes)
    )
    assert_problem(holding(client, schedule, [1], admitted(user, schedule).pk), 403, code)


# --- Authentication ----------------------------------------------------------------------------

GUARDED = [
    ("get", "me/"),
    ("get", "me/balance/"),
    ("post", "me/balance/charges/"),
    ("get", "me/balance/history/"),
    ("post", "waiting-rooms/any/tokens/"),
    ("get", f"queue-tokens/{UNKNOWN}/"),
    ("delete", f"queue-tokens/{UNKNOWN}/"),
    ("get", f"schedules/{UNKNOWN}/seats/"),
    ("get", f"schedules/{UNKNOWN}/seats/changes/"),
    ("post", f"schedules/{UNKNOWN}/reservations/"),
    ("get", "reservations/"),
    ("get", f"reservations/{UNKNOWN}/"),
    ("delete", f"reservations/{UNKNOWN}/"),
    ("post", "payments/"),
    ("get", "tickets/"),
    ("get", f"tickets/{UNKNOWN}/"),
    ("get", f"tickets/{UNKNOWN}/qr.svg"),
    ("get", f"tickets/{UNKNOWN}/refund-quote/"),
    ("post", f"tickets/{UNKNOWN}/cancel/"),
    ("get", f"tickets/{UNKNOWN}/offer/"),
    ("post", f"tickets/{UNKNOWN}/offer/"),
    ("post", f"tickets/offers/{UNKNOWN}/accept/"),
    ("post", f"tickets/offers/{UNKNOWN}/decline/"),
    ("post", "check-ins/"),
    ("post", f"check-ins/{UNKNOWN}/undo/"),
    ("get", f"schedules/{UNKNOWN}/check-ins/list/"),
    ("get", f"schedules/{UNKNOWN}/check-ins/state/"),
    ("post", f"schedules/{UNKNOWN}/check-ins/scans/"),
    ("post", "auth/logout/"),
]


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_a_request_without_credentials_is_refused(app, method, path):
    answer = getattr(app(), method)(f"/api/v1/{path}")

    assert_problem(answer, 401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer a b",
        "Bearer a.b.c",
        "Bearer \xff",
        "Bearer " + "x" * 5000,
        "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.",
    ],
)
def test_a_forged_access_token_is_no_access_token(header):
    client = APIClient(raise_request_exception=False)
    answer = client.get("/api/v1/me/", headers={"Authorization": header})
    assert_problem(answer, 401, "not_authenticated")


def test_a_refresh_token_opens_nothing(app):
    fields = {"email": "a@example.com", "password": "a long enough one", "name": "A"}
    refresh = app().post("/api/v1/auth/signup/", fields, format="json").json()["refresh"]
    answer = app().get("/api/v1/me/", headers={"Authorization": f"Bearer {refresh}"})
    assert_problem(answer, 401, "not_authenticated")


def test_a_customer_may_not_check_in_tickets(app, client, user):
    schedule = ScheduleFactory(doors_open=True)
    ticket = bought(user, schedule, 1).tickets[0]
    data = {"code": ticket.code, "schedule": str(schedule.pk)}
    check_in = {"path": "/api/v1/check-ins/", "data": data, "format": "json"}

    for refused in (client, app(StaffFactory()), app(CheckInStaffFactory(is_staff=False))):
        assert_problem(refused.post(**check_in), 403, "permission_denied")
    assert app(CheckInStaffFactory()).post(**check_in).status_code == 200


def browser(user):
    client = APIClient(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(user)
    return client


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "multipart/form-data"])
def test_a_browsers_session_needs_the_csrf_token(user, content_type):
    answer = send(browser(user), CHARGES, '{"amount": 1000}', content_type)

    assert_problem(answer, 403, "csrf_failed")
    assert balance_of(user) == 100_000


def test_a_browsers_session_with_the_csrf_token_may_charge(user):
    client = browser(user)
    client.cookies["csrftoken"] = token = "a" * 32

    answer = send(client, CHARGES, '{"amount": 1000}', **{"X-CSRFToken": token})

    assert answer.status_code == 201, answer.content


def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(app, user):
    answers = [
        app().post("/api/v1/auth/login/", {"email": email, "password": "wrong"}, format="json")
        for email in (user.email, "unknown@example.com")
    ]
    first, second = (assert_problem(answer, 401, "not_authenticated") for answer in answers)
    assert first == second


# --- The request itself ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [("put", "me/"), ("get", "payments/"), ("delete", "concerts/"), ("patch", "tickets/")],
)
def test_a_wrong_method_is_refused_with_the_right_ones(client, method, path):
    answer = getattr(client, method)(f"/api/v1/{path}")
    assert_problem(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"]


@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
        "a/b",
        "*/*",
        "application/*",
        "*/*; charset=utf-8",
        "application/json, text/plain",
    ],
)
def test_only_json_is_understood(client, content_type):
    answer = send(client, CHARGES, '{"amount": 1000}', content_type)
    assert_problem(answer, 415, "unsupported_media_type")


def test_only_json_is_spoken(client):
    answer = client.get("/api/v1/me/", headers={"Accept": "application/xml"})
    assert_problem(answer, 406, "not_acceptable")


def test_a_body_above_64_kib_is_not_even_read(app, client):
    body = json.dumps({"amount": 1000, "padding": "x" * 65_536})
    for sender in (client, app()):
        assert_problem(send(sender, CHARGES, body), 413, "too_large")


@pytest.mark.parametrize("length", ["65537", "9" * 30, "9" * 5000])
def test_a_body_that_says_it_is_too_large_is_refused(client, length):
    answer = client.generic(
        "POST", CHARGES, b"{}", content_type="application/json", CONTENT_LENGTH=length
    )
    assert_problem(answer, 413, "too_large")


def test_a_body_that_is_shorter_than_it_says_is_malformed(client, user):
    body = b'{"amount": 1000}'
    cut_off = {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body) + 1)}
    answer = client.generic("POST", CHARGES, body, content_type="application/json", **cut_off)
    assert_problem(answer, 400, "malformed")
    assert balance_of(user) == 100_000


def test_a_body_of_64_kib_is_read(client):
    padding = 65_536 - len(json.dumps({"amount": 1000, "padding": ""}))
    body = json.dumps({"amount": 1000, "padding": "x" * padding})
    assert send(client, CHARGES, body).status_code == 201


BROKEN = {
    "empty": "",
    "cut off": '{"amount": 1000',
    "two objects": '{"amount": 1000}{"amount": 1000}',
    "a trailing comma": '{"amount": 1000,}',
    "a name twice": '{"amount": 1, "amount": 1000}',
    "no object": "[1000]",
    "a bare number": "1000",
    "a bare string": '"1000"',
    "null": "null",
    "nested lists": "[" * 60_000,
    "nested and closed": "[" * 30_000 + "]" * 30_000,
    "nested objects": '{"a":' * 10_000,
    "nested too deeply": '{"amount": 1000, "a": ' + "[" * 100 + "]" * 100 + "}",
    "a raw NUL": '{"amount": \x00}',
    "a raw control character": '{"amount": "\x01"}',
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN.keys())
def test_broken_json_is_malformed(client, user, body):
    assert_problem(send(client, CHARGES, body), 400, "malformed")
    assert balance_of(user) == 100_000


@pytest.mark.parametrize(
    "body", [b"\xff\xfe{}", b'{"amount": "\xed\xa0\x80"}', '{"amount": 1}'.encode("utf-16")]
)
def test_invalid_utf_8_is_malformed(client, body):
    answer = client.generic("POST", CHARGES, body, content_type="application/json")
    assert_problem(answer, 400, "malformed")


def test_a_hundred_thousand_nested_brackets_are_refused_for_their_size_alone(client):
    assert_problem(send(client, CHARGES, "[" * 100_000), 413, "too_large")


@pytest.mark.parametrize("poison", [NUL, LONE_SURROGATE, r"a\ud800b", r"\udfff\ud800"])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("auth/signup/", '{"email": "%s@b.co", "password": "a long enough one", "name": "A"}'),
        ("auth/signup/", '{"email": "a@b.co", "password": "a long enough%s one", "name": "A"}'),
        ("auth/signup/", '{"email": "a@b.co", "password": "a long enough one", "name": "A%s"}'),
        ("auth/login/", '{"email": "a@b.co%s", "password": "a long enough one"}'),
        ("auth/login/", '{"email": "a@b.co", "password": "%s"}'),
        ("auth/refresh/", '{"refresh": "%s"}'),
        ("payments/", '{"reservations": ["%s"]}'),
        ("check-ins/", '{"code": "%s", "schedule": "' + UNKNOWN + '"}'),
        ("check-ins/", '{"code": "x", "gate": "%s", "schedule": "' + UNKNOWN + '"}'),
        (f"check-ins/{UNKNOWN}/undo/", '{"reason": "%s"}'),
    ],
)
def test_text_that_no_database_takes_is_malformed(app, path, body, poison):
    answer = send(
        app(CheckInStaffFactory()), f"/api/v1/{path}", body % poison, **{"Idempotency-Key": "k"}
    )
    assert_problem(answer, 400, "malformed")


@pytest.mark.parametrize("poison", [NUL, LONE_SURROGATE])
def test_bad_text_in_an_unknown_field_is_ignored(client, user, schedule, poison):
    (reservation,) = held(user, schedule, 1)
    body = f'{{"reservations": ["{reservation.pk}"], "note": "{poison}", "{poison}": 1}}'
    answer = send(client, PAYMENTS, body, **{"Idempotency-Key": "k"})
    assert answer.status_code == 201, answer.content


@pytest.mark.parametrize(
    "reservations",
    [[], ["x"], [""], [1.5], [None], [[]], [{}], [-1], [2**200], "x", None, ["0" * 5000]],
)
def test_an_invalid_list_of_reservations_is_malformed(client, reservations):
    answer = client.post(
        PAYMENTS,
        {"reservations": reservations},
        format="json",
        headers={"Idempotency-Key": "k"},
    )
    assert_problem(answer, 400, "malformed")


def test_the_same_reservation_named_twice_is_paid_once(client, user, schedule):
    (reservation,) = held(user, schedule, 1)
    answer = paying(client, reservation.pk, reservation.pk)
    assert len(answer.json()["payments"]) == 1
    assert balance_of(user) == 90_000


# --- Addresses ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "nowhere/",
        "concerts/1/",
        "concerts/%00/",
        f"schedules/{UNKNOWN}/",
        f"concerts/{UNKNOWN}/",
        f"concerts/{UNKNOWN}/schedules/",
        "tickets/..%2f..%2f/",
        "tickets/%ED%A0%80/",
        f"tickets/{UNKNOWN}0/",
    ],
)
def test_an_address_that_leads_nowhere_is_not_found(client, path):
    assert_problem(client.get(f"/api/v1/{path}"), 404, "not_found")


@pytest.mark.parametrize("slug", ["unknown", "a%00b", "%ED%A0%80", "-", "x" * 5000])
def test_a_room_that_does_not_exist_is_not_found(client, slug):
    assert_problem(client.post(f"/api/v1/waiting-rooms/{slug}/tokens/"), 404, "not_found")


LISTS = ["concerts", "reservations", "tickets", "me/balance/history"]


def cursor(position):
    return base64.urlsafe_b64encode(position.encode()).decode()


CURSORS = ["x", "%00", "=", "%F0%9F"] + [
    cursor(inside)
    for inside in (
        "o=-1",
        "o=x",
        "o=99999999999999999999999",
        "p=x",
        "r=1&p=x",
        "p=%00",
        "p=2026-13-45",
        "p=99999-01-01T00:00:00Z",
    )
]


@pytest.mark.parametrize("cursor", CURSORS)
@pytest.mark.parametrize("path", LISTS)
def test_a_made_up_cursor_is_malformed(client, user, schedule, path, cursor):
    bought(user, schedule, 1)
    answer = client.get(f"/api/v1/{path}/?cursor={cursor}")
    assert_problem(answer, 400, "malformed")


@pytest.mark.parametrize(
    "size", ["0", "-1", "x", "1.5", "9" * 5000, "%00", "", "201", "+1", "1_0", "%D9%A3", "1%20"]
)
@pytest.mark.parametrize("path", LISTS)
def test_a_made_up_page_size_is_malformed(client, path, size):
    assert_problem(client.get(f"/api/v1/{path}/?page_size={size}"), 400, "malformed")


@pytest.mark.parametrize(
    "query",
    [
        "concerts/?search=%00",
        f"concerts/?search={'x' * 101}",
        "concerts/?on_sale=perhaps",
        "concerts/?on_sale=",
        "concerts/?on_sale=yes",
        "concerts/?on_sale=true&on_sale=false",
        "concerts/?search=a&search=b",
        "concerts/?page_size=1&page_size=2",
        "me/balance/history/?type=CHARGE&type=CHARGE",
        "me/balance/history/?type=",
        "me/balance/history/?type=GIFT",
        "me/balance/history/?type=%00",
    ],
)
def test_a_filter_that_means_nothing_is_malformed(client, query):
    assert_problem(client.get(f"/api/v1/{query}"), 400, "malformed")


@pytest.mark.parametrize("search", ["%25", "_", "%27%20OR%201=1--", "%ED%A0%80", "%5C", "((("])
def test_a_search_for_odd_signs_is_only_a_search(client, schedule, search):
    answer = client.get(f"/api/v1/concerts/?search={search}")
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "since", ["x", "-1", "1", "1.", ".1", "1.x", "9" * 5000, f"{2**63}.1", "1.1%00"]
)
def test_a_made_up_cursor_of_changes_is_malformed(client, user, schedule, since):
    admitted(user, schedule)
    answer = client.get(f"/api/v1/schedules/{schedule.pk}/seats/changes/?since={since}")
    assert_problem(answer, 400, "malformed")


def coming_with(session_key):
    client = APIClient(raise_request_exception=False)
    return client.get("/api/v1/me/", headers={"Cookie": f"sessionid={session_key}"})


@pytest.mark.parametrize("key", ["x", "é" * 20, "x" * 5000, '"' + r"\"" * 20 + '"'])
def test_a_made_up_session_is_no_session(key):
    assert_problem(coming_with(key), 401, "not_authenticated")


def test_a_session_key_that_the_database_rejects_is_anonymous():
    assert_problem(coming_with(r'"\000aaaaaaaaaaaaaaaaaaa"'), 401, "not_authenticated")


def test_a_page_treats_an_impossible_session_key_as_anonymous(client):
    client.cookies["sessionid"] = "\0aaaaaaaaaaaaaaaaaaa"
    assert client.get("/").status_code == 200


@pytest.mark.parametrize("host", ["evil.example.com", "testserver:x", "a b", "testserver@evil"])
def test_a_wrong_host_is_refused(client, host):
    answer = client.get("/api/v1/concerts/", headers={"Host": host})
    assert answer.status_code == 400
