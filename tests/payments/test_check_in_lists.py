"""The list for a time without a network: signed, without a code in it, small."""

import base64
import gzip
import json
import random
import secrets
from types import SimpleNamespace

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from payments.services import check_in_lists
from payments.services.check_in_lists import hash_of, masked, public_key, signed_list
from payments.services.ticket_cancellation import cancel_ticket
from payments.services.ticket_offers import accept_offer, offer_ticket
from tests.factories import CheckInStaffFactory, ScheduleFactory, UserFactory, bought

pytestmark = pytest.mark.django_db


@pytest.fixture
def schedule():
    return ScheduleFactory(price=10_000, seats=3)


def get(client, schedule, **headers):
    return client.get(f"/api/v1/schedules/{schedule.pk}/check-ins/list/", headers=headers)


def verify(body, signature):
    point = base64.b64decode(public_key())
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    raw = base64.b64decode(signature)
    r, s = int.from_bytes(raw[:32]), int.from_bytes(raw[32:])
    key.verify(encode_dss_signature(r, s), body, ec.ECDSA(SHA256()))


def test_the_list_has_hashes_seats_and_masked_names_and_what_ended(app, schedule):
    buyer = UserFactory(won=30_000, name="김민지")
    kept, cancelled, given = bought(buyer, schedule, 1, 2, 3).tickets
    cancel_ticket(user=buyer, ticket_id=cancelled.pk)
    friend = UserFactory(name="Lee Ho")
    offer = offer_ticket(user=buyer, ticket_id=given.pk, email=friend.email)
    now_hers = accept_offer(user=friend, offer_id=offer.pk)

    answer = get(app(CheckInStaffFactory()), schedule)

    listed = json.loads(answer.content)
    salt = base64.b64decode(listed["salt"])
    assert listed["tickets"] == [
        [hash_of(kept.code, salt), "A-1", "김*지", ""],
        [hash_of(now_hers.code, salt), "A-3", "L*e H*", ""],
    ]
    assert listed["ended"] == {
        hash_of(cancelled.code, salt): "already_cancelled",
        hash_of(given.code, salt): "code_ended",
    }
    for ticket in (kept, cancelled, given, now_hers):
        assert ticket.code not in answer.content.decode()


def test_the_signature_is_the_servers_and_of_these_bytes(app, schedule):
    answer = get(app(CheckInStaffFactory()), schedule)
    signature = answer["Check-In-List-Signature"]

    verify(answer.content, signature)
    with pytest.raises(InvalidSignature):
        verify(answer.content + b" ", signature)


def test_a_list_that_has_not_changed_is_not_sent_again(app, schedule):
    client = app(CheckInStaffFactory())
    first = get(client, schedule)

    assert get(client, schedule, if_none_match=f"W/{first['ETag']}").status_code == 304
    zipped = get(client, schedule, accept_encoding="gzip")
    assert gzip.decompress(zipped.content) == first.content
    bought(UserFactory(won=10_000), schedule, 1)
    assert get(client, schedule, if_none_match=first["ETag"]).status_code == 200


def test_the_list_of_20000_tickets_is_half_a_megabyte(schedule, monkeypatch):
    names = random.Random(1)
    rows = [
        (secrets.token_urlsafe(20), f"2층 {n % 10}구역 {n % 18}열 {n % 50}번", name, "standard")
        for n in range(20_000)
        for name in ["김" + chr(names.randrange(0xAC00, 0xD7A3)) + "지"]
    ]
    listed = SimpleNamespace(values_list=lambda *names: rows)
    monkeypatch.setattr(
        check_in_lists, "_live", lambda schedule: SimpleNamespace(order_by=lambda by: listed)
    )

    body = signed_list(schedule_id=schedule.pk, by=CheckInStaffFactory()).body

    assert len(body) < 1_400_000
    assert len(gzip.compress(body, 1)) < 600_000


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("김민지", "김*지"),
        ("이호", "이*"),
        ("남궁민수", "남**수"),
        ("A", "A*"),
        ("", ""),
        ("Jo Li", "J* L*"),
    ],
)
def test_a_name_is_masked(name, shown):
    assert masked(name) == shown
