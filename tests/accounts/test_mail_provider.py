"""Mail through a provider's API (django-anymail): an HTTP server in the provider's place gets all
that a mail server gets."""

import json
import threading
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from accounts import letter
from accounts.letter import Attachment, Letter, LetterKind, Picture
from accounts.models import OutgoingMessage
from accounts.services.outbox import new_message, queue, send_due
from payments.qr_codes import qr_png
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


class Provider(BaseHTTPRequestHandler):
    """Answers by the list of statuses, then that all is well; keeps the requests."""

    statuses: list[int]
    received: list[tuple[str, bytes]]

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append((self.headers["Content-Type"], body))
        # What Mailgun and Postmark answer.
        answer = b'{"id": "<1@p>", "message": "Queued.", "Message": "OK", "MessageID": "1"}'
        self.send_response(self.statuses.pop(0) if self.statuses else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args):
        pass


@pytest.fixture
def provider(settings):
    """Its requests, and the statuses that it answers first."""
    Provider.statuses, Provider.received = [], []
    server = HTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
    address = f"http://127.0.0.1:{server.server_port}/"
    settings.ANYMAIL = {
        "MAILGUN_API_KEY": "key",
        "MAILGUN_API_URL": address,
        "POSTMARK_SERVER_TOKEN": "key",
        "POSTMARK_API_URL": address,
    }
    settings.DEFAULT_FROM_EMAIL = "concertbook <tickets@example.com>"
    yield Provider
    server.shutdown()
    server.server_close()


@pytest.fixture
def kind(monkeypatch):
    """A notice with a picture and a file."""

    def compose(message):
        return Letter(
            subject="예매 완료",
            pictures=[Picture("ticket-1.png", qr_png("code"), "QR")],
            attachments=[Attachment("tickets.pdf", "application/pdf", b"%PDF-1")],
        )

    kinds = {**letter.letter_kinds(), "notice": LetterKind(compose, "Notice", choice="top_ups")}
    for module in ("accounts.services.outbox", "accounts.mail_form"):
        monkeypatch.setattr(f"{module}.letter_kinds", lambda: kinds)
    return "notice"


def sent_by(backend, settings, kind):
    settings.EMAIL_BACKEND = f"anymail.backends.{backend}.EmailBackend"
    OutgoingMessage.objects.all().delete()
    message = new_message(kind=kind, user=UserFactory(email="haneul@example.com"))
    queue([message])
    send_due()
    message.refresh_from_db()
    return message


def test_mailgun_gets_the_headers_the_file_and_the_picture(provider, settings, kind):
    message = sent_by("mailgun", settings, kind)

    assert (message.status, message.last_error) == ("SENT", "")
    ((content_type, body),) = provider.received
    form = message_from_bytes(
        f"Content-Type: {content_type}\r\n\r\n".encode() + body, policy=default
    )
    parts = {}
    for each in form.iter_parts():
        name = each.get_param("name", header="content-disposition")
        parts.setdefault(name, []).append((each.get_filename(), each.get_payload(decode=True)))
    assert parts["h:Message-Id"] == [(None, f"<{message.message_id}@testserver>".encode())]
    assert parts["h:List-Unsubscribe"][0][1].startswith(b"<http://testserver/accounts/notices/off/")
    assert parts["h:List-Unsubscribe-Post"] == [(None, b"List-Unsubscribe=One-Click")]
    assert parts["attachment"] == [("tickets.pdf", b"%PDF-1")]
    # Mailgun's content ID of a picture is the name of its file.
    assert parts["inline"] == [("ticket-1.png", qr_png("code"))]
    assert b"cid:ticket-1.png" in parts["html"][0][1]


def test_postmark_gets_the_headers_the_file_and_the_picture(provider, settings, kind):
    message = sent_by("postmark", settings, kind)

    assert (message.status, message.last_error) == ("SENT", "")
    ((_type, body),) = provider.received
    told = json.loads(body)
    headers = {each["Name"]: each["Value"] for each in told["Headers"]}
    assert headers["Message-ID"] == f"<{message.message_id}@testserver>"
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    files = {each["Name"]: each.get("ContentID") for each in told["Attachments"]}
    assert files == {"tickets.pdf": None, "ticket-1.png": "cid:ticket-1.png"}


def test_a_mail_that_the_provider_refuses_does_not_keep_the_others_back(provider, settings, kind):
    provider.statuses = [422, 422, 422]
    settings.EMAIL_BACKEND = "anymail.backends.mailgun.EmailBackend"
    queue(new_message(kind=kind, user=UserFactory()) for _each in range(4))

    assert send_due() == 1
    assert OutgoingMessage.objects.filter(status="QUEUED").count() == 3


def test_a_provider_that_is_away_ends_the_round(provider, settings, kind):
    provider.statuses = [503] * 4
    settings.EMAIL_BACKEND = "anymail.backends.mailgun.EmailBackend"
    queue(new_message(kind=kind, user=UserFactory()) for _each in range(4))

    assert send_due() == 0
    assert len(provider.received) == 3
