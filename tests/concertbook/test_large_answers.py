"""Large answers: compressed if the client accepts it, and 304 when unchanged."""

import gzip
import json

import pytest

from concertbook.http.compression import accepts_gzip
from tests.factories import ScheduleFactory, UserFactory, admitted, held

pytestmark = pytest.mark.django_db

SEATS = 60


@pytest.fixture
def schedule():
    return ScheduleFactory(seats=SEATS)


@pytest.fixture
def look(app, schedule):
    """GET requests of an address by a user who may view the seats."""
    user = UserFactory()
    client = app(user)
    admitted(user, schedule)
    return lambda path, **headers: client.get(f"/api/v1/{path}", headers=headers)


@pytest.fixture
def seats(look, schedule):
    return lambda **headers: look(f"schedules/{schedule.pk}/seats/", **headers)


@pytest.mark.parametrize("path", ["seats/", "seats/changes/"])
def test_the_seat_map_is_compressed_for_a_client_that_takes_gzip(look, schedule, path):
    address = f"schedules/{schedule.pk}/{path}"
    plain = look(address)
    small = look(address, accept_encoding="br;q=0.5, gzip")

    assert "Content-Encoding" not in plain.headers
    assert small["Content-Encoding"] == "gzip"
    assert len(small.content) < len(plain.content) / 3
    assert json.loads(gzip.decompress(small.content))["seats"] == plain.json()["seats"]
    for answer in plain, small:
        assert "Accept-Encoding" in answer["Vary"]


@pytest.mark.parametrize("path", ["schema/", "concerts/"])
def test_public_answers_are_compressed_too(client, path):
    for _ in range(3):
        ScheduleFactory(concert__description="long " * 100)
    answer = client.get(f"/api/v1/{path}", headers={"accept-encoding": "gzip"})

    assert answer["Content-Encoding"] == "gzip"


@pytest.mark.parametrize(
    ("header", "is_taken"),
    [
        ("gzip", True),
        ("GZIP;q=0.1", True),
        ("br, gzip;q=1.0, *;q=0.5", True),
        ("*", True),
        ("deflate, *;q=0.3", True),
        ("", False),
        ("identity", False),
        ("br", False),
        ("gzip;q=0", False),
        ("gzip;q=0.000, *", False),
        ("*;q=0", False),
        ("notgzip", False),
        ("gzip;q=x", False),
    ],
)
def test_a_coding_that_the_client_does_not_take_is_not_used(header, is_taken):
    assert accepts_gzip(header) is is_taken


def test_an_unchanged_seat_map_is_answered_with_304(seats):
    first = seats()
    etag = first["ETag"]
    assert etag.startswith('"')

    for known in etag, f"W/{etag}", f'"x", {etag}', f'W/"y",W/{etag}', "*":
        again = seats(if_none_match=known)
        assert (again.status_code, again.content) == (304, b""), known
        for name in "ETag", "Cache-Control", "Vary":
            assert again[name] == first[name]


@pytest.mark.django_db(transaction=True)
def test_an_etag_of_another_state_or_a_part_of_one_is_no_match(seats, schedule, fresh):
    etag = seats()["ETag"]
    for other in etag[1:-1], f'"{etag[1:-2]}"', f'"x{etag[1:-1]}"', "", "nonsense", "W/*":
        assert seats(if_none_match=other).status_code == 200, other

    held(UserFactory(), schedule, 3)

    changed = seats(if_none_match=etag)
    assert changed.status_code == 200
    assert changed["ETag"] != etag


def test_a_compressed_seat_map_is_known_again_by_its_own_etag_and_the_plain_one(seats):
    plain, small = seats(), seats(accept_encoding="gzip")
    assert small["ETag"] != plain["ETag"]

    for known in plain["ETag"], small["ETag"], f"W/{small['ETag']}":
        again = seats(accept_encoding="gzip", if_none_match=known)
        assert again.status_code == 304
        assert again["ETag"] == small["ETag"]


def test_an_unchanged_public_answer_is_revalidated_with_304(client, schedule, fresh):
    address = f"/api/v1/schedules/{schedule.pk}/"
    first = client.get(address)

    assert client.get(address, headers={"if-none-match": first["ETag"]}).status_code == 304

    held(UserFactory(), schedule, 3)

    assert client.get(address, headers={"if-none-match": first["ETag"]}).status_code == 200
