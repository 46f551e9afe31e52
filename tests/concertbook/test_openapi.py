"""The OpenAPI document agrees with the server: fields, limits and media types."""

import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest

from concertbook.http.openapi import _components
from tests.concertbook.test_bad_input import assert_problem, holding, paying, send
from tests.factories import ScheduleFactory, StaffFactory, UserFactory, admitted, bought, held

pytestmark = pytest.mark.django_db


@pytest.fixture
def document(client):
    return client.get("/api/v1/schema/?format=json").json()


@pytest.fixture
def schemas(document):
    return document["components"]["schemas"]


@pytest.fixture
def user():
    return UserFactory(won=100_000)


def operations(document):
    return [
        (method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


# --- Answers -----------------------------------------------------------------------------------


def test_every_field_of_every_answer_is_required(document, schemas):
    answers = _components(schemas, [each["responses"] for _m, _p, each in operations(document)])
    for name in answers - {"Problem"}:
        properties = schemas[name].get("properties", {})
        assert set(properties) == set(schemas[name].get("required", [])), name
    assert {"Ticket", "MyTicket", "Me", "Seat", "PaginatedConcertList"} <= answers


def test_no_schema_is_of_a_request_and_an_answer(document, schemas):
    calls = operations(document)
    asked = _components(schemas, [each.get("requestBody") for _m, _p, each in calls])
    told = _components(schemas, [each["responses"] for _m, _p, each in calls])
    # A list of values, as of languages, is the same in both.
    assert [name for name in asked & told if "enum" not in schemas[name]] == []


def test_answers_have_the_fields_that_the_document_requires(app, user, schemas):
    schedule = ScheduleFactory(seats=10, price=10_000)
    ticket = bought(user, schedule, 1).tickets[0]
    (mine,) = held(user, schedule, 2)
    token = admitted(user, schedule).pk
    client = app(user)
    answers = [
        ("Me", client.get("/api/v1/me/")),
        ("PaginatedBalanceHistoryList", client.get("/api/v1/me/balance/history/")),
        ("PaginatedConcertList", client.get("/api/v1/concerts/")),
        ("Concert", client.get(f"/api/v1/concerts/{schedule.concert_id}/")),
        ("Schedule", client.get(f"/api/v1/schedules/{schedule.pk}/")),
        ("QueuePosition", client.get(f"/api/v1/queue-tokens/{token}/")),
        ("Reservation", client.get(f"/api/v1/reservations/{mine.pk}/")),
        ("MyTicket", client.get(f"/api/v1/tickets/{ticket.pk}/")),
        ("HoldsOutput", holding(client, schedule, [3], token)),
        ("PaymentsOutput", paying(client, mine.pk)),
    ]
    for name, answer in answers:
        assert answer.status_code in (200, 201), name
        assert_complete(schemas, schemas[name], json.loads(answer.content), name)


def assert_complete(schemas, schema, value, where):
    for part in [schema, *schema.get("allOf", [])]:
        if "$ref" in part:
            schema = schemas[part["$ref"].rsplit("/", 1)[1]]
    if value is None:
        return
    if "items" in schema:
        for each in value:
            assert_complete(schemas, schema["items"], each, where)
    elif "properties" in schema:
        assert set(value) == set(schema["required"]), where
        for name, each in value.items():
            assert_complete(schemas, schema["properties"][name], each, f"{where}.{name}")


def test_a_qr_code_is_a_picture_or_a_file_as_the_document_says(app, user, document):
    ticket = bought(user, ScheduleFactory(), 1).tickets[0]
    path = document["paths"]["/api/v1/tickets/{ticket_id}/qr.svg"]
    content = path["get"]["responses"]["200"]["content"]
    assert set(content) == {"image/svg+xml", "application/octet-stream"}
    for media_type in content:
        address = f"/api/v1/tickets/{ticket.pk}/qr.svg"
        answer = app(user).get(address, headers={"Accept": media_type})
        assert answer["Content-Type"] == media_type
        assert b"<svg" in answer.content


def test_answers_have_the_headers_that_the_document_requires(app, user, document):
    schedule = ScheduleFactory(seats=10)
    token = admitted(user, schedule).pk
    client, paths = app(user), document["paths"]
    join = f"/api/v1/waiting-rooms/{schedule.concert.waiting_room.slug}/tokens/"
    seats = f"/api/v1/schedules/{schedule.pk}/seats/"
    whole = client.get(seats, headers={"Queue-Token": str(token)})
    known = {"Queue-Token": str(token), "If-None-Match": whole.headers["ETag"]}
    for path, method, answer in [
        ("/api/v1/queue-tokens/{token}/", "get", client.get(f"/api/v1/queue-tokens/{token}/")),
        ("/api/v1/waiting-rooms/{slug}/tokens/", "post", client.post(join)),
        ("/api/v1/waiting-rooms/{slug}/tokens/", "post", app(UserFactory()).post(join)),
        ("/api/v1/schedules/{schedule_id}/seats/", "get", whole),
        ("/api/v1/schedules/{schedule_id}/seats/", "get", client.get(seats, headers=known)),
    ]:
        headers = paths[path][method]["responses"][str(answer.status_code)]["headers"]
        required = {name for name, header in headers.items() if header.get("required")}
        assert required
        assert required <= set(answer.headers), (path, answer.status_code)


# --- Requests ----------------------------------------------------------------------------------

LIMITS = {"pattern", "format", "enum", "minimum", "maximum", "maxLength", "minLength"}
# Any value is either valid or ignored.
UNLIMITED = {"Device-Token", "If-None-Match"}


def test_every_parameter_has_its_limits(document):
    loose = [
        (method, path, parameter["name"])
        for method, path, operation in operations(document)
        for parameter in operation.get("parameters", [])
        if parameter["name"] not in UNLIMITED
        and parameter["schema"].get("type") != "boolean"
        and "$ref" not in parameter["schema"]
        and not LIMITS & parameter["schema"].keys()
    ]
    assert loose == []


def test_a_queue_token_is_a_string(document):
    tokens = [
        parameter["schema"]
        for _method, _path, operation in operations(document)
        for parameter in operation.get("parameters", [])
        if parameter["name"] == "Queue-Token"
    ]
    assert tokens
    for schema in tokens:
        assert (schema["type"], "format" in schema) == ("string", False)
        assert re.fullmatch(schema["pattern"], "3F2504E0-4f89-41d3-9a0c-0305e82c3301")


def test_every_text_of_a_request_has_a_longest_and_a_shortest(document, schemas):
    asked = _components(schemas, [each.get("requestBody") for _m, _p, each in operations(document)])
    loose = [
        f"{name}.{field}"
        for name in asked
        for field, schema in schemas[name].get("properties", {}).items()
        if schema.get("type") == "string" and "format" not in schema
        if "maxLength" not in schema or ("minLength" not in schema and "default" not in schema)
    ]
    assert loose == []


def test_an_amount_outside_its_limits_is_refused(app, user, schemas):
    amount = schemas["ChargesInput"]["properties"]["amount"]
    for won in amount["minimum"] - 1, amount["maximum"] + 1:
        answer = app(user).post("/api/v1/me/balance/charges/", {"amount": won}, format="json")
        assert_problem(answer, 400, "invalid_amount")
    for won in amount["minimum"], 10_000:
        answer = app(user).post("/api/v1/me/balance/charges/", {"amount": won}, format="json")
        assert answer.status_code == 201


def test_a_repeated_seat_is_refused(app, user, schemas):
    assert schemas["HoldsInput"]["properties"]["seats"]["uniqueItems"] is True
    schedule = ScheduleFactory(seats=3)
    answer = holding(app(user), schedule, [1, 1], admitted(user, schedule).pk)
    assert_problem(answer, 400, "duplicate_seats")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("auth/signup/", "SignUpInput"),
        ("auth/login/", "LogInInput"),
        ("auth/refresh/", "RefreshInput"),
        ("check-ins/", "CheckInsInput"),
    ],
)
def test_a_text_beyond_its_limits_is_refused(app, schemas, path, name):
    client = app(StaffFactory(is_superuser=True))
    for field, schema in schemas[name]["properties"].items():
        if schema.get("format"):
            continue
        wrong = ["x" * (schema["maxLength"] + 1), "\0" * 20]
        if shortest := schema.get("minLength"):
            wrong.append("q" * (shortest - 1))
        if not re.match(schema.get("pattern", ""), " "):
            wrong.append(" ")
        for text in wrong:
            answer = send(client, f"/api/v1/{path}", json.dumps({field: text}))
            errors = assert_problem(answer, 400, "malformed")["errors"]
            told = {error["field"] for error in errors if error["code"] != "required"}
            assert field in told, (field, text)


def test_a_new_password_has_the_documented_length(app, schemas):
    shortest = schemas["SignUpInput"]["properties"]["password"]["minLength"]
    for length, status in (shortest - 1, 400), (shortest, 201):
        body = {"email": "a@example.com", "name": "A", "password": "vQ7#kZ!m2xW9"[:length]}
        assert app().post("/api/v1/auth/signup/", body, format="json").status_code == status


NAMES = ["김민지", " Kim \t", "O'Neil\n", "Zoë", "A\u0301", "🎸", "\x85A\x1f", "x\u200dy"]
NO_NAMES = ["A\nB", "A\x00", "\x7fA\x7f", "A\x85B", "\x1b[0m", "A\x9f", "", " ", "\t\n", "\u3000"]


@pytest.mark.parametrize("name", [*NAMES, *NO_NAMES])
def test_a_name_is_accepted_when_it_matches_its_pattern(app, schemas, name):
    pattern = schemas["SignUpInput"]["properties"]["name"]["pattern"]
    assert (re.search(pattern, name) is not None) == (name in NAMES)
    body = {"email": "a@example.com", "password": "vQ7#kZ!m2xW9", "name": name}
    answer = app().post("/api/v1/auth/signup/", body, format="json")
    assert answer.status_code == (201 if name in NAMES else 400)


def test_a_reason_that_matches_its_pattern_can_be_seen(schemas):
    pattern = schemas["CheckInUndoInput"]["properties"]["reason"]["pattern"]
    for reason in "Wrong person", " 다른 분 ", "\n!":
        assert re.search(pattern, reason)
    for reason in "", " ", "\x00", "\x01\x9f", "Wrong\x00person":
        assert not re.search(pattern, reason)


def test_a_hold_names_the_place_in_line(document):
    operation = document["paths"]["/api/v1/schedules/{schedule_id}/reservations/"]["post"]
    required = {each["name"] for each in operation["parameters"] if each.get("required")}
    assert "Queue-Token" in required


def test_the_cursor_of_every_page_matches_its_pattern(app, user, document):
    schedule = ScheduleFactory(seats=10)
    bought(user, schedule, 1, 2, 3)
    for path, method, operation in (
        (path, *each) for path, methods in document["paths"].items() for each in methods.items()
    ):
        patterns = [
            each["schema"]["pattern"]
            for each in operation.get("parameters", [])
            if each["name"] == "cursor"
        ]
        if not patterns:
            continue
        assert method == "get"
        for cursor in "x", "-_-_", "=", "AAA=AAA=", "AAAAA":
            assert re.search(patterns[0], cursor) is None
        address = path.format(concert_id=schedule.concert_id)
        pages = app(user).get(f"{address}?page_size=1").json()
        while pages["next"]:
            cursor = parse_qs(urlsplit(pages["next"]).query)["cursor"][0]
            assert re.search(patterns[0], cursor), cursor
            pages = app(user).get(pages["next"]).json()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("concerts/?search=" + "x" * 100, 200),
        ("concerts/?search=" + "x" * 101, 400),
        ("concerts/?search=%00", 400),
        ("concerts/?on_sale=maybe", 400),
        ("concerts/?page_size=201", 400),
        ("concerts/?page_size=0", 400),
        ("me/balance/history/?type=GIFT", 400),
        ("waiting-rooms/a.b/draw/", 404),
    ],
)
def test_a_parameter_beyond_its_limits_is_refused(app, user, path, status):
    assert app(user).get(f"/api/v1/{path}").status_code == status


@pytest.mark.parametrize("since", ["", "1", "1.", "x.y", "1.1 ", "٣.٣", "1" * 19 + ".1"])
def test_a_cursor_that_does_not_match_its_pattern_is_refused(app, user, document, since):
    schedule = ScheduleFactory()
    path = document["paths"]["/api/v1/schedules/{schedule_id}/seats/changes/"]["get"]
    (pattern,) = [p["schema"]["pattern"] for p in path["parameters"] if p["name"] == "since"]
    assert not re.fullmatch(pattern, since)
    answer = app(user).get(
        f"/api/v1/schedules/{schedule.pk}/seats/changes/",
        {"since": since},
        headers={"Queue-Token": str(admitted(user, schedule).pk)},
    )
    assert_problem(answer, 400, "malformed")


@pytest.mark.parametrize("key", ["", "k" * 256, "\xe9", "a\tb"])
def test_a_key_that_does_not_match_its_pattern_is_refused(app, user, key):
    (reservation,) = held(user, ScheduleFactory(), 1)
    assert_problem(paying(app(user), reservation.pk, key=key), 400, "idempotency_key_invalid")
