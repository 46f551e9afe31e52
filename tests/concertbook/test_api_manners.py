"""HTTP standards in the API: ids, Accept, languages, types, headers."""

import json
import re
import uuid

import pytest
from django.urls import URLPattern, get_resolver
from django.urls.converters import UUIDConverter

from accounts.app_tokens import issue_tokens
from concertbook.http.negotiation import quality
from tests.concertbook.test_bad_input import assert_problem, holding, send
from tests.factories import (
    CheckInStaffFactory,
    ScheduleFactory,
    UserFactory,
    WaitingRoomFactory,
    admitted,
    bought,
    held,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def user():
    return UserFactory(won=100_000)


@pytest.fixture
def client(app, user):
    return app(user)


@pytest.fixture
def schedule():
    return ScheduleFactory(seats=10)


def is_korean(text):
    return any("가" <= letter <= "힣" for letter in text)


# --- Ids ---------------------------------------------------------------------------------------


def test_an_id_in_an_address_may_have_any_case(client, user, schedule):
    ticket = bought(user, schedule, 1).tickets[0]
    (reservation,) = held(user, schedule, 2)
    token = admitted(user, schedule)
    for kind, uid, rest in [
        ("concerts", schedule.concert_id, ""),
        ("concerts", schedule.concert_id, "schedules/"),
        ("schedules", schedule.pk, ""),
        ("reservations", reservation.pk, ""),
        ("queue-tokens", token.pk, ""),
        ("tickets", ticket.pk, ""),
        ("tickets", ticket.pk, "qr.svg"),
    ]:
        answer = client.get(f"/api/v1/{kind}/{str(uid).upper()}/{rest}")
        assert answer.status_code == 200, (kind, rest)


def test_every_address_of_ours_takes_an_id_in_any_case():
    def strict(resolver, prefix=""):
        for each in resolver.url_patterns:
            where = prefix + str(each.pattern)
            if isinstance(each, URLPattern):
                if any(type(c) is UUIDConverter for c in each.pattern.converters.values()):
                    yield where
            else:
                yield from strict(each, where)

    assert list(strict(get_resolver())) == []


FORMS = ["{%s}", "urn:uuid:%s", "%s ", "(%s)"]


@pytest.mark.parametrize("form", [*FORMS, "hex"])
def test_another_form_of_a_uuid_is_none(client, user, schedule, form):
    (reservation,) = held(user, schedule, 1)

    def written(uid):
        return uid.hex if form == "hex" else form % uid

    body = {"reservations": [written(reservation.pk)]}
    answer = client.post("/api/v1/payments/beginnings/", body, format="json")
    assert_problem(answer, 400, "malformed")
    answer = holding(client, schedule, [2], written(admitted(user, schedule).pk))
    assert_problem(answer, 403, "queue_not_admitted")


# --- Accept ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/json", 200),
        ("APPLICATION/JSON", 200),
        ("application/json; charset=utf-8", 200),
        ("application/*;q=0.1", 200),
        ("text/html, */*;q=0.8", 200),
        ("application/problem+json", 200),
        ("nonsense", 200),
        ("text/html", 406),
        ("image/svg+xml", 406),
        ("*/*;q=0", 406),
        ("*/*, application/json;q=0", 406),
    ],
)
def test_the_accept_header_is_read_with_its_weights(client, accept, status):
    answer = client.get("/api/v1/me/", headers={"Accept": accept})
    assert answer.status_code == status
    if status == 406:
        assert_problem(answer, 406, "not_acceptable")


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("image/svg+xml", 200),
        ("image/*", 200),
        ("image/svg+xml,image/*;q=0.8", 200),
        ("application/json", 200),
        ("*/*", 200),
        ("text/plain", 406),
        ("image/svg+xml;q=0", 406),
    ],
)
def test_a_qr_code_is_a_picture_to_the_accept_header(client, user, schedule, accept, status):
    ticket = bought(user, schedule, 1).tickets[0]
    answer = client.get(f"/api/v1/tickets/{ticket.pk}/qr.svg", headers={"Accept": accept})
    assert answer.status_code == status
    if status == 200:
        assert answer["Content-Type"] == "image/svg+xml"


def test_a_refused_picture_is_a_problem(client):
    path = f"/api/v1/tickets/{uuid.uuid4()}/qr.svg"
    assert_problem(client.get(path, headers={"Accept": "image/svg+xml"}), 404, "not_found")


@pytest.mark.parametrize(
    ("accept", "weight"),
    [
        ("", 1.0),
        ("application/*;q=0.2, application/json;q=0.7, */*;q=0.9", 0.7),
        ('application/json;note="a,b;q=0"', 1.0),
        ("application/json;q=2", 1.0),
        ("application/json;q=0.1234", 1.0),
        ("text/html;q=0.5", 0.0),
    ],
)
def test_the_most_specific_range_decides(accept, weight):
    assert quality(accept, "application/json") == weight


def test_a_format_in_the_query_means_nothing_where_there_is_no_choice(client):
    assert client.get("/api/v1/me/?format=xml").status_code == 200


# --- Language ----------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["ko", "en"])
def test_every_refusal_speaks_the_language_of_its_own_request(app, client, language):
    other = {"ko": "en", "en": "ko"}[language]
    headers = {"Accept-Language": language}
    refused = [
        lambda: client.post(
            "/api/v1/payments/", b" " * 66_000, content_type="application/json", headers=headers
        ),
        lambda: client.get("/api/v1/me", headers=headers),
        lambda: client.get("/api/v1/nowhere/", headers=headers),
        lambda: client.get("/api/v1/me/", headers={**headers, "Accept": "text/html"}),
        lambda: client.put("/api/v1/me/", headers=headers),
        lambda: client.post("/api/v1/payments/", b"x", content_type="text/plain", headers=headers),
        lambda: app().get("/api/v1/me/", headers=headers),
        lambda: app().get("/api/v1/me/", headers={**headers, "Authorization": "Bearer x.y.z"}),
        lambda: app().get("/api/v1/me/", headers={**headers, "Authorization": "Bearer"}),
        lambda: app().get("/api/v1/me/", headers={**headers, "Authorization": "Bearer a b"}),
        lambda: client.post("/api/v1/check-ins/", {}, format="json", headers=headers),
        lambda: client.get("/api/v1/me/", headers={**headers, "Host": "evil.example"}),
    ]
    for refuse in refused:
        client.get("/api/v1/me/", headers={"Accept-Language": other})
        answer = refuse()
        assert answer.status_code >= 400
        assert is_korean(answer.json()["detail"]) == (language == "ko"), answer.json()
        assert answer["Content-Language"] == language


def test_field_errors_speak_the_language_of_the_request(app):
    fields = {"email": "x", "password": "12345", "name": ""}
    for body in fields, fields | {"email": "a@example.com", "name": "A"}, {"email": 5}:
        answer = app().post(
            "/api/v1/auth/signup/", body, format="json", headers={"Accept-Language": "ko"}
        )
        errors = assert_problem(answer, 400, "malformed")["errors"]
        assert all(is_korean(error["detail"]) for error in errors), errors


# --- Types -------------------------------------------------------------------------------------

WRONG_TEXTS = ["5", "5.0", "true", "[]", "{}", '["a"]']


@pytest.mark.parametrize("value", WRONG_TEXTS)
@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("auth/signup/", "email"),
        ("auth/signup/", "password"),
        ("auth/signup/", "name"),
        ("auth/login/", "email"),
        ("auth/login/", "password"),
        ("auth/refresh/", "refresh"),
        ("check-ins/", "code"),
        ("check-ins/", "gate"),
    ],
)
def test_a_text_field_refuses_values_of_other_types(app, path, field, value):
    body = {
        "email": "a@example.com",
        "password": "correct horse battery",
        "name": "A",
        "refresh": "x",
        "code": "x",
    }
    body[field] = json.loads(value)
    answer = send(app(CheckInStaffFactory()), f"/api/v1/{path}", json.dumps(body))
    errors = assert_problem(answer, 400, "malformed")["errors"]
    assert field in [error["field"] for error in errors]


# --- Headers -----------------------------------------------------------------------------------


def test_a_bad_token_is_told_from_none(app, user):
    none = app().get("/api/v1/me/")
    assert none["WWW-Authenticate"] == "Bearer"
    for token in "x.y.z", issue_tokens(user).refresh, "":
        bad = app().get("/api/v1/me/", headers={"Authorization": f"Bearer {token}"})
        assert_problem(bad, 401, "not_authenticated")
        assert bad["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def test_every_401_names_a_scheme(app):
    wrong = {"email": "a@example.com", "password": "wrong"}
    for path, body in ("login", wrong), ("refresh", {"refresh": "x"}):
        answer = app().post(f"/api/v1/auth/{path}/", body, format="json")
        assert answer.status_code == 401
        assert answer["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("method", ["get", "head"])
def test_allow_comes_with_405_alone(client, method):
    room = WaitingRoomFactory()
    assert "Allow" not in getattr(client, method)("/api/v1/me/")
    refused = client.put("/api/v1/me/")
    assert {"GET", "HEAD"} <= set(refused["Allow"].split(", "))
    assert client.get(f"/api/v1/waiting-rooms/{room.slug}/tokens/")["Allow"] == "POST, OPTIONS"
    assert "GET" in client.options("/api/v1/me/")["Allow"]


# Also where GET answers with a page, YAML, a picture or text.
NO_JSON = [
    "docs/",
    "schema/",
    "problems/",
    f"tickets/{uuid.UUID(int=7)}/qr.svg",
    "waiting-rooms/any/draw/participants/",
]


@pytest.mark.parametrize("path", NO_JSON)
@pytest.mark.parametrize("method", ["put", "post", "delete", "trace"])
def test_a_wrong_method_is_a_problem_in_json_everywhere(client, path, method):
    answer = getattr(client, method)(f"/api/v1/{path}")
    assert_problem(answer, 405, "method_not_allowed")
    assert "GET" in answer["Allow"]


@pytest.mark.parametrize("path", ["docs/", "schema/"])
def test_a_406_is_a_problem_in_json_everywhere(client, path):
    answer = client.get(f"/api/v1/{path}", headers={"Accept": "image/png"})
    assert_problem(answer, 406, "not_acceptable")


def api_addresses():
    """Every address of the API, with an unknown id."""
    (api,) = [each for each in get_resolver().url_patterns if str(each.pattern) == "api/v1/"]
    for each in api.url_patterns:
        for pattern in getattr(each, "url_patterns", [each]):
            yield re.sub(
                "<slug:[a-z_]+>", "any", ANY_UUID.sub(str(uuid.UUID(int=7)), str(pattern.pattern))
            )


ANY_UUID = re.compile("<any_case_uuid:[a-z_]+>")


@pytest.mark.parametrize("path", list(api_addresses()))
def test_options_names_the_methods_everywhere(app, path):
    answer = app(CheckInStaffFactory()).options(f"/api/v1/{path}")
    assert answer.status_code == 200
    assert "OPTIONS" in answer["Allow"]
    if answer.content:
        assert answer["Content-Type"] == "application/json"
        json.loads(answer.content)


def test_head_answers_as_get_without_the_body(client):
    head, get = (getattr(client, method)("/api/v1/me/") for method in ("head", "get"))
    assert head.status_code == 200
    assert head.headers == get.headers
