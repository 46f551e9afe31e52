"""The demo's inbox shows what was sent: HTML, text, attachments. No other installation has it."""

import re
import subprocess
import sys

import pytest
from django.conf import settings as project_settings

from accounts.letter import Attachment, Letter, LetterKind, Picture, letter_kinds
from accounts.services.outbox import new_message, queue, send_due
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

PNG = bytes.fromhex("89504e470d0a1a0a0000000d4948445200000001000000010806000000")


@pytest.fixture
def _inbox(settings, tmp_path):
    settings.DEMO_INBOX = True
    settings.EMAIL_BACKEND = "accounts.demo_inbox.EmailBackend"
    settings.EMAIL_FILE_PATH = tmp_path / "inbox"
    settings.ROOT_URLCONF = "tests.accounts.urls_with_inbox"


def compose(message):
    return Letter(
        subject="Your ticket",
        heading="Your ticket",
        paragraphs=["<b>1층</b>"],
        pictures=[Picture("qr.png", PNG, "QR code")],
        attachments=[Attachment("표.pdf", "application/pdf", b"%PDF-1.7")],
    )


@pytest.mark.usefixtures("_inbox")
def test_it_shows_each_mail_with_its_pictures_and_attachments(client, monkeypatch):
    monkeypatch.setitem(letter_kinds(), "ticket", LetterKind(compose, "Ticket"))
    queue([new_message(kind="ticket", user=UserFactory(email="a@example.com"))])
    assert client.get("/inbox/").status_code == 200
    assert send_due() == 1

    listed = client.get("/inbox/").content.decode()
    assert "a@example.com" in listed
    address = re.search(r'href="(/inbox/[-0-9a-f]+/)"', listed)[1]
    page = client.get(address).content.decode()
    assert f'src="{address}html/"' in page
    assert ">표.pdf</a>" in page

    html = client.get(address + "html/")
    assert "&lt;b&gt;1층&lt;/b&gt;" in html.content.decode()
    assert 'src="data:image/png;base64,' in html.content.decode()
    assert "sandbox" in html["Content-Security-Policy"]
    assert html["X-Frame-Options"] == "SAMEORIGIN"

    file = client.get(address + "0/")
    assert (file.content, file["Content-Type"]) == (b"%PDF-1.7", "application/pdf")
    assert file["Content-Disposition"].startswith("attachment")
    assert client.get(address + "1/").status_code == 404
    unknown = "/inbox/00000000-0000-0000-0000-000000000000/"
    assert client.get(unknown).status_code == 404


@pytest.mark.usefixtures("_inbox")
def test_an_attempt_that_is_repeated_is_one_mail(client):
    message = new_message(kind="changed", user=UserFactory())
    queue([message])
    for _again in range(2):
        type(message).objects.update(status="QUEUED", sent_at=None)
        send_due()

    assert client.get("/inbox/").content.decode().count('class="mail"') == 1


def test_no_other_installation_has_it(client):
    assert client.get("/inbox/").status_code == 404


def test_it_does_not_start_where_pages_are_served_over_tls():
    environ = {
        "SECRET_KEY": "x",
        "HTTPS": "1",
        "EMAIL_BACKEND": "accounts.demo_inbox.EmailBackend",
    }
    started = subprocess.run(
        [sys.executable, "-c", "import concertbook.settings"],
        cwd=project_settings.BASE_DIR,
        env=environ,
        capture_output=True,
        text=True,
    )
    assert "ImproperlyConfigured" in started.stderr
