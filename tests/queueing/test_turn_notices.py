"""It is your turn: by push message for buyers who asked, by mail for buyers who are away."""

import base64
import datetime as dt
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from py_vapid import Vapid02

from accounts import push
from accounts.models import MutedNotice, OutgoingMessage, PushSubscription
from accounts.services import push_subscriptions
from accounts.services.outbox import send_due
from queueing.models import QueueToken
from queueing.services import admission, index_build, turn_notices
from tests.factories import ScheduleFactory, UserFactory, admitted
from tests.queueing.test_admission import join

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = bytes(range(16))


def base64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def point_of(key):
    return base64url(key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


def vapid_key():
    key = ec.generate_private_key(ec.SECP256R1())
    return base64url(key.private_numbers().private_value.to_bytes(32, "big"))


class PushService:
    """A push service on this machine, and the browser behind it."""

    def __init__(self):
        self.status, self.received, self.key = 201, [], ec.generate_private_key(ec.SECP256R1())

        class Handler(BaseHTTPRequestHandler):
            def do_POST(handler):  # noqa: N805
                body = handler.rfile.read(int(handler.headers["Content-Length"]))
                self.received.append((handler.headers, body))
                handler.send_response(self.status)
                handler.send_header("Content-Length", "0")
                handler.end_headers()

            def log_message(handler, *args):  # noqa: N805
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.form = {
            "endpoint": f"http://127.0.0.1:{self.server.server_port}/push/1",
            "p256dh": point_of(self.key),
            "auth": base64url(SECRET),
        }

    def read(self):
        """What the browser decrypts."""
        return [
            json.loads(
                http_ece.decrypt(
                    body, private_key=self.key, auth_secret=SECRET, version="aes128gcm"
                )
            )
            for _headers, body in self.received
        ]


@pytest.fixture
def service(settings, monkeypatch):
    settings.VAPID_PRIVATE_KEY = vapid_key()
    monkeypatch.setattr(push_subscriptions, "is_push_service", lambda endpoint: True)
    service = PushService()
    yield service
    service.server.shutdown()
    service.server.server_close()


@pytest.fixture
def schedule():
    return ScheduleFactory(concert__waiting_room__capacity=1)


def press(client, token, form):
    """Press the button; the status of the answer."""
    client.force_login(token.user)
    address = f"/api/v1/queue-tokens/{token.pk}/turn-notice/"
    return client.post(address, form, content_type="application/json").status_code


def waiting(room, *, is_away=False):
    """A buyer in line of a full room with an index."""
    index_build.build_missing()
    token = join(room)
    assert token.status == "WAITING"
    if is_away:
        longer = timezone.now() - turn_notices.AWAY_AFTER - dt.timedelta(seconds=5)
        QueueToken.objects.filter(pk=token.pk).update(last_request_at=longer)
    return token


def room_moves_since(minutes, monkeypatch):
    real = admission.index_updates.read_watermark
    since = (timezone.now() - dt.timedelta(minutes=minutes)).timestamp() * 1000

    def watermark(room_id):
        found = real(room_id)
        return found and type(found)(**{**found.__dict__, "moving_since": int(since)})

    monkeypatch.setattr(admission.index_updates, "read_watermark", watermark)


def next_is_let_in(schedule, first):
    QueueToken.objects.filter(user=first).update(
        expires_at=timezone.now() - dt.timedelta(seconds=1),
        available_at=timezone.now() - dt.timedelta(seconds=60),
    )
    assert admission.admit(room_id=schedule.concert.waiting_room_id) == 1


def test_a_buyer_who_pressed_the_button_gets_a_push_message(client, service, schedule, settings):
    first = UserFactory()
    admitted(first, schedule)
    room = schedule.concert.waiting_room
    token = waiting(room)
    client.force_login(token.user)
    page = client.get(f"/rooms/{room.slug}/").content.decode()
    assert f'data-key="{push.public_key()}"' in page

    assert press(client, token, service.form) == 204
    next_is_let_in(schedule, first)
    assert send_due() == 1

    ((headers, _body),) = service.received
    (told,) = service.read()
    (message,) = OutgoingMessage.objects.all()
    assert schedule.concert.title in told["title"]
    assert told["url"].endswith(f"/rooms/{room.slug}/?next=%2Fschedules%2F{schedule.pk}%2Fseats%2F")
    assert told["tag"] == str(message.message_id)
    assert (headers["Urgency"], headers["Topic"]) == ("high", message.message_id.hex)
    assert Vapid02.verify(headers["Authorization"])
    assert headers["Authorization"].endswith(f",k={push.public_key()}")


def test_without_the_button_nothing_is_written(service, schedule):
    first = UserFactory()
    admitted(first, schedule)
    token = waiting(schedule.concert.waiting_room)
    # Subscribed for another line, long ago.
    PushSubscription.objects.create(user=token.user, **service.form)

    next_is_let_in(schedule, first)

    assert not OutgoingMessage.objects.exists()


def test_a_browser_that_has_unsubscribed_is_forgotten(client, service, schedule):
    first = UserFactory()
    admitted(first, schedule)
    token = waiting(schedule.concert.waiting_room)
    press(client, token, service.form)
    next_is_let_in(schedule, first)

    service.status = 503
    assert send_due() == 0
    assert PushSubscription.objects.exists()
    assert OutgoingMessage.objects.get().status == "QUEUED"
    OutgoingMessage.objects.update(due_at=timezone.now())
    service.status = 410
    assert send_due() == 0

    assert not PushSubscription.objects.exists()
    assert OutgoingMessage.objects.get().status == "FAILED"


def test_a_message_that_comes_too_late_is_dropped(client, service, schedule):
    first = UserFactory()
    admitted(first, schedule)
    token = waiting(schedule.concert.waiting_room)
    press(client, token, service.form)
    next_is_let_in(schedule, first)
    QueueToken.objects.filter(pk=token.pk).update(
        available_at=timezone.now() - dt.timedelta(hours=1),
        expires_at=timezone.now() - dt.timedelta(seconds=1),
    )

    assert send_due() == 0
    assert service.received == []
    assert not OutgoingMessage.objects.exists()


def test_a_buyer_whose_page_is_closed_gets_a_mail(schedule, monkeypatch):
    first = UserFactory()
    admitted(first, schedule)
    token = waiting(schedule.concert.waiting_room, is_away=True)
    room_moves_since(5, monkeypatch)

    next_is_let_in(schedule, first)
    assert send_due() == 1

    assert mail.outbox[0].to == [token.user.email]
    assert schedule.concert.title in mail.outbox[0].subject
    assert f"/rooms/{schedule.concert.waiting_room.slug}/" in mail.outbox[0].body


@pytest.mark.parametrize("why", ["page open", "no address", "index new", "no index", "rehearsal"])
def test_other_buyers_get_no_mail(schedule, monkeypatch, why):
    first = UserFactory()
    admitted(first, schedule)
    token = waiting(schedule.concert.waiting_room, is_away=why != "page open")
    if why == "no address":
        type(token.user).objects.filter(pk=token.user_id).update(email_verified_at=None)
    if why == "no index":
        monkeypatch.setattr(admission.index_updates, "read_watermark", lambda room_id: None)
    else:
        room_moves_since(1 if why == "index new" else 5, monkeypatch)
    if why == "rehearsal":
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            cursor.execute(
                "UPDATE accounts_user SET rehearsal = 'r' WHERE id = %s", [token.user_id]
            )
            cursor.execute("RESET session_replication_role")

    next_is_let_in(schedule, first)

    assert not OutgoingMessage.objects.exists()


def test_the_mail_can_be_switched_off(schedule, monkeypatch):
    first = UserFactory()
    admitted(first, schedule)
    token = waiting(schedule.concert.waiting_room, is_away=True)
    MutedNotice.objects.create(user=token.user, choice="turn")
    room_moves_since(5, monkeypatch)

    next_is_let_in(schedule, first)

    assert send_due() == 0
    assert mail.outbox == []


def test_an_admission_of_buyers_who_did_not_ask_takes_no_more_statements(schedule, monkeypatch):
    first = UserFactory()
    admitted(first, schedule)
    waiting(schedule.concert.waiting_room)
    with CaptureQueriesContext(connection) as seen:
        next_is_let_in(schedule, first)
    assert not [each for each in seen if "accounts_outgoingmessage" in each["sql"]]


# --- Subscribing ------------------------------------------------------------------------------


def test_a_place_of_another_user_or_that_does_not_wait_is_not_found(client, service, schedule):
    inside = admitted(UserFactory(), schedule)
    token = waiting(schedule.concert.waiting_room)
    client.force_login(inside.user)

    for other in (token, inside):
        address = f"/api/v1/queue-tokens/{other.pk}/turn-notice/"
        answer = client.post(address, service.form, content_type="application/json")
        assert answer.status_code == 404
    assert not PushSubscription.objects.exists()
    assert not QueueToken.objects.filter(wants_push=True).exists()


def form(**fields):
    key = ec.generate_private_key(ec.SECP256R1())
    valid = {
        "endpoint": "https://fcm.googleapis.com/fcm/send/abc",
        "p256dh": point_of(key),
        "auth": base64url(SECRET),
    }
    return valid | fields


WRONG = [
    {"endpoint": ""},
    {"endpoint": "http://fcm.googleapis.com/x"},
    {"endpoint": "https://10.0.0.1/x"},
    {"endpoint": "https://fcm.googleapis.com.evil.example/x"},
    {"endpoint": "https://evilfcm.googleapis.com.example/x"},
    {"endpoint": "https://fcm.googleapis.com@evil.example/x"},
    {"endpoint": "https://user@fcm.googleapis.com/x"},
    {"endpoint": "https://fcm.googleapis.com:8080/x"},
    {"endpoint": "https://fcm.googleapis.com:x/x"},
    {"endpoint": "https://[::1"},
    {"endpoint": "https://fcm.googleapis.com/" + "x" * 1000},
    {"endpoint": "https://fcm.googleapis.com/\x00"},
    {"p256dh": ""},
    {"p256dh": base64url(bytes(64))},
    {"p256dh": "ü" * 87},
    {"auth": "x"},
    {"auth": base64url(bytes(17))},
]


@pytest.mark.parametrize("wrong", WRONG, ids=range(len(WRONG)))
def test_a_subscription_elsewhere_or_with_broken_keys_is_refused(client, schedule, wrong):
    admitted(UserFactory(), schedule)
    token = waiting(schedule.concert.waiting_room)

    assert press(client, token, form(**wrong)) == 400
    assert not QueueToken.objects.filter(wants_push=True).exists()
    assert press(client, token, form()) == 204


def test_a_browser_belongs_to_the_user_who_pressed_last_and_a_user_has_ten(client, schedule):
    room = schedule.concert.waiting_room
    admitted(UserFactory(), schedule)
    one, other = waiting(room), waiting(room)
    for token in (one, other):
        press(client, token, form())
    assert PushSubscription.objects.get().user == other.user

    for number in range(11):
        address = f"https://updates.push.services.mozilla.com/{number}"
        assert press(client, other, form(endpoint=address)) == 204
    assert PushSubscription.objects.filter(user=other.user).count() == 10
    press(client, one, form())
    assert PushSubscription.objects.filter(user=other.user).count() == 10


def test_without_a_key_there_is_no_button(client, schedule, settings):
    settings.VAPID_PRIVATE_KEY = ""
    admitted(UserFactory(), schedule)
    token = waiting(schedule.concert.waiting_room)
    client.force_login(token.user)

    assert "turn-notice" not in client.get(f"/rooms/{token.room.slug}/").content.decode()
