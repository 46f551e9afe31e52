"""A ticket outside its page: PDF, calendar entry and wallet passes, each read by a program that did
not write it."""

import datetime as dt
import hashlib
import io
import json
import subprocess
import zipfile
from urllib.parse import urlsplit

import jwt
import pypdfium2
import pytest
import zxingcpp
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID
from django.utils import timezone
from ical.calendar_stream import IcsCalendarStream
from PIL import Image

from payments.models import Ticket
from payments.services.schedule_cancellation import cancel_schedule, refund_cancelled_schedules
from payments.services.ticket_cancellation import cancel_ticket
from payments.wallets.google import LONGEST_JWT
from tests.factories import ScheduleFactory, StaffFactory, UserFactory, bought, scanned

pytestmark = pytest.mark.django_db

JAZZ = {
    "concert__title": "한밤의 재즈: 김도윤 트리오",
    "concert__title_en": "Midnight Jazz",
    "concert__venue": "연남 블루룸",
    "concert__venue_address": "서울 마포구 연남로 12",
}
PASSWORD = "locked"
ACCOUNT = "concertbook-wallet@my-project-123456.iam.gserviceaccount.com"


@pytest.fixture
def schedule():
    return ScheduleFactory(doors_open=True, **JAZZ)


@pytest.fixture
def buyer(client):
    buyer = UserFactory(won=100_000, name="김하늘")
    client.force_login(buyer)
    return buyer


@pytest.fixture
def ticket(buyer, schedule):
    return bought(buyer, schedule, 1).tickets[0]


# --- PDF -----------------------------------------------------------------------------------------


@pytest.fixture
def pdf(client):
    """The pages at an address: what each says, and the codes that a scanner reads on it."""

    def read(address, language="ko"):
        response = client.get(address, headers={"Accept-Language": language})
        assert response["Content-Type"] == "application/pdf"
        with pypdfium2.PdfDocument(response.content) as document:
            return [look(page) for page in document]

    return read


def look(page):
    picture = page.render(scale=1.5).to_pil()
    text = page.get_textpage().get_text_bounded()
    return text, [each.text for each in zxingcpp.read_barcodes(picture)]


def test_the_code_of_the_pdf_lets_its_holder_in(pdf, ticket, schedule):
    ((text, (code,)),) = pdf(f"/tickets/{ticket.pk}/ticket.pdf")

    assert schedule.concert.title in text
    assert "김하늘" in text
    assert f"{timezone.localtime(schedule.start_at):%H:%M} KST" in text
    assert code == ticket.code
    assert scanned(Ticket(code=code, reservation=ticket.reservation)).ticket_id == ticket.pk


def test_the_next_ticket_of_a_show_has_its_own_name_in_glyphs_that_were_kept(
    pdf, client, ticket, schedule
):
    pdf(f"/tickets/{ticket.pk}/ticket.pdf")
    other = UserFactory(won=100_000, name="뷁 Zoë")
    client.force_login(other)
    theirs = bought(other, schedule, 2).tickets[0]

    ((text, codes),) = pdf(f"/tickets/{theirs.pk}/ticket.pdf")

    assert "뷁 Zoë" in text
    assert "김하늘" not in text
    assert schedule.concert.title in text
    assert codes == [theirs.code]


def test_an_order_is_one_file_with_a_page_for_each_ticket_that_is_good(pdf, buyer, schedule):
    tickets = bought(buyer, schedule, 1, 2, 3).tickets
    cancel_ticket(user=buyer, ticket_id=tickets[1].pk)

    pages = pdf(f"/orders/{tickets[1].reservation_id}/tickets.pdf", language="en")

    assert [codes for _text, codes in pages] == [[tickets[0].code], [tickets[2].code]]
    assert all("Midnight Jazz" in text for text, _codes in pages)
    assert "Ticket 1/2" in pages[0][0]


def test_a_used_ticket_is_marked_and_its_code_cannot_be_read(pdf, ticket):
    scanned(ticket)

    ((_text, codes),) = pdf(f"/tickets/{ticket.pk}/ticket.pdf")

    assert codes == []


def test_a_cancelled_ticket_has_no_pdf(client, buyer, ticket):
    cancel_ticket(user=buyer, ticket_id=ticket.pk)

    assert client.get(f"/tickets/{ticket.pk}/ticket.pdf").status_code == 404
    assert client.get(f"/orders/{ticket.reservation_id}/tickets.pdf").status_code == 404
    assert "tickets.pdf" not in client.get(f"/orders/{ticket.reservation_id}/").content.decode()


def test_a_title_of_any_length_fits(pdf, buyer):
    schedule = ScheduleFactory(concert__title="가" * 200, concert__venue="긴 이름의 공연장 " * 20)
    ticket = bought(buyer, schedule, 1).tickets[0]

    ((text, codes),) = pdf(f"/tickets/{ticket.pk}/ticket.pdf")

    assert "…" in text
    assert codes == [ticket.code]


# --- Calendar ------------------------------------------------------------------------------------


@pytest.fixture
def event(client, ticket):
    """Its event, as another library than the one that wrote it reads it."""

    def read(address=f"/tickets/{ticket.pk}/ticket.ics"):
        response = client.get(address)
        assert response["Content-Type"] == "text/calendar; charset=utf-8"
        (event,) = IcsCalendarStream.calendar_from_ics(response.content.decode()).events
        return event

    return read


def test_a_ticket_is_an_event_in_seoul(event, ticket, schedule):
    found = event()

    assert found.uid == f"{ticket.pk}@concertbook"
    assert found.summary == f"{schedule.concert.title} · {ticket.seat.label}"
    assert found.dtstart == schedule.start_at.replace(microsecond=0)
    assert found.dtstart.utcoffset() == dt.timedelta(hours=9)
    assert found.location == "연남 블루룸, 서울 마포구 연남로 12"
    assert found.status == "CONFIRMED"
    assert found.description.endswith(ticket_order(ticket))


def ticket_order(ticket):
    bought_at = timezone.localtime(ticket.created_at)
    return f"{bought_at:%y%m%d-%H%M%S}-{ticket.user_id.hex[:6].upper()}"


def test_a_moved_and_a_cancelled_event_keep_the_uid_and_outrank_the_earlier_ones(
    client, event, schedule, ticket, buyer
):
    schedule.start_at += dt.timedelta(days=1)
    schedule.end_at += dt.timedelta(days=1)
    schedule.save()
    moved = event()
    # Sequences count seconds.
    later = timezone.now() + dt.timedelta(seconds=5)
    cancel_ticket(user=buyer, ticket_id=ticket.pk)
    Ticket.objects.filter(pk=ticket.pk).update(updated_at=later)
    cancelled = event(f"/orders/{ticket.reservation_id}/tickets.ics")

    assert moved.dtstart == schedule.start_at.replace(microsecond=0)
    assert moved.uid == cancelled.uid
    assert moved.sequence < cancelled.sequence
    assert cancelled.status == "CANCELLED"


def test_the_event_of_a_cancelled_show_says_so(event, schedule):
    cancel_schedule(schedule_id=schedule.pk, by=StaffFactory())
    refund_cancelled_schedules()

    assert event().status == "CANCELLED"


# --- Apple Wallet --------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def apple_keys(tmp_path_factory):
    """A certificate as Apple signs it for a pass type, and the authority that signed it."""
    folder = tmp_path_factory.mktemp("apple")
    authority_key, key = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test WWDR")])
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.USER_ID, "pass.kr.example.tickets"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "TEAM123456"),
        ]
    )
    authority = certificate(authority_name, authority_key, authority_name, authority_key, ca=True)
    pass_type = certificate(name, key, authority_name, authority_key, ca=False)
    (folder / "wwdr.pem").write_bytes(authority.public_bytes(Encoding.PEM))
    (folder / "pass.pem").write_bytes(pass_type.public_bytes(Encoding.PEM))
    locked = BestAvailableEncryption(PASSWORD.encode())
    (folder / "pass.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
    return folder


def certificate(name, key, issuer, issuer_key, *, ca):
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(issuer_key, SHA256())
    )


@pytest.fixture
def apple(settings, apple_keys):
    settings.APPLE_WALLET_CERTIFICATE = str(apple_keys / "pass.pem")
    settings.APPLE_WALLET_KEY = str(apple_keys / "pass.key")
    settings.APPLE_WALLET_KEY_PASSWORD = PASSWORD
    settings.APPLE_WALLET_ISSUER = str(apple_keys / "wwdr.pem")
    return apple_keys


def test_an_apple_pass_is_complete_and_openssl_verifies_its_signature(
    client, apple, ticket, schedule, tmp_path
):
    response = client.get(f"/tickets/{ticket.pk}/ticket.pkpass", headers={"Accept-Language": "ko"})

    assert response["Content-Type"] == "application/vnd.apple.pkpass"
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        archive.extractall(tmp_path)
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    signed = {name: content for name, content in files.items() if name[:2] not in ("si", "ma")}
    sums = {name: hashlib.sha1(content).hexdigest() for name, content in signed.items()}
    assert json.loads(files["manifest.json"]) == sums
    assert verified(tmp_path, apple / "wwdr.pem").returncode == 0
    (tmp_path / "manifest.json").write_text("{}")
    assert verified(tmp_path, apple / "wwdr.pem").returncode != 0
    assert Image.open(io.BytesIO(files["icon@2x.png"])).size == (58, 58)
    assert_describes(json.loads(files["pass.json"]), ticket, schedule)


def verified(folder, authority):
    return subprocess.run(
        [
            *("openssl", "smime", "-verify", "-binary", "-inform", "DER", "-purpose", "any"),
            *("-in", folder / "signature", "-content", folder / "manifest.json"),
            *("-CAfile", authority, "-out", "/dev/null"),
        ],
        capture_output=True,
        check=False,
    )


def assert_describes(found, ticket, schedule):
    """By the tables of Apple's documentation: the required keys, and those of an event ticket."""
    assert found["formatVersion"] == 1
    assert found["passTypeIdentifier"] == "pass.kr.example.tickets"
    assert found["teamIdentifier"] == "TEAM123456"
    assert found["serialNumber"] == str(ticket.pk)
    assert found["organizationName"]
    assert schedule.concert.title in found["description"]
    (barcode,) = found["barcodes"]
    assert barcode["format"] == "PKBarcodeFormatQR"
    assert barcode["message"] == ticket.code
    assert barcode["messageEncoding"] == "iso-8859-1"
    begins = dt.datetime.fromisoformat(found["relevantDate"])
    assert begins == schedule.start_at.replace(microsecond=0)
    assert found["voided"] is False
    assert found["backgroundColor"].startswith("rgb(")
    groups = found["eventTicket"]
    kinds = ("header", "primary", "secondary", "auxiliary", "back")
    fields = [field for kind in kinds for field in groups[f"{kind}Fields"]]
    assert len(groups["primaryFields"]) == 1
    assert len({field["key"] for field in fields}) == len(fields)
    assert all(field["label"] and field["value"] for field in fields)


# --- Google Wallet -------------------------------------------------------------------------------


@pytest.fixture
def google(settings, tmp_path):
    """The public key of a service account that is set up."""
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    account = {"client_email": ACCOUNT, "private_key": pem}
    path = tmp_path / "account.json"
    path.write_text(json.dumps(account))
    settings.GOOGLE_WALLET_KEY, settings.GOOGLE_WALLET_ISSUER = str(path), "3388000000000000000"
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize("length", [1, 30])
def test_the_link_to_google_wallet_is_signed_and_short_enough(client, google, buyer, length):
    schedule = ScheduleFactory(
        concert__title="한밤의 재즈" * length,
        concert__venue="세종문화회관 대극장",
        concert__venue_address="서울특별시 종로구 세종대로 175 (세종로)",
    )
    ticket = bought(buyer, schedule, 1).tickets[0]

    response = client.get(f"/tickets/{ticket.pk}/google-wallet/")

    assert response.status_code == 302
    address = urlsplit(response["Location"])
    assert (address.scheme, address.netloc) == ("https", "pay.google.com")
    token = address.path.removeprefix("/gp/v/save/")
    assert len(token) <= LONGEST_JWT
    claims = jwt.decode(token, google, ["RS256"], audience="google")
    assert claims["iss"] == ACCOUNT
    assert claims["typ"] == "savetowallet"
    (shown,) = claims["payload"]["eventTicketObjects"]
    (performance,) = claims["payload"]["eventTicketClasses"]
    assert shown["classId"] == performance["id"]
    assert shown["barcode"]["value"] == ticket.code
    assert performance["eventName"]["defaultValue"]["value"] == schedule.concert.title[:40]
    assert ("venue" in performance) is (length == 1)


def test_the_wallets_are_offered_where_their_keys_are(client, ticket, request):
    page, passes = f"/tickets/{ticket.pk}/", ("ticket.pkpass", "google-wallet/")
    without = client.get(page).content.decode()
    assert [client.get(page + each).status_code for each in passes] == [404, 404]

    request.getfixturevalue("apple")
    request.getfixturevalue("google")

    assert not any(each in without for each in passes)
    assert all(page + each in client.get(page).content.decode() for each in passes)


# --- For apps ------------------------------------------------------------------------------------


def test_an_app_gets_the_files_of_the_pages(app, client, buyer, ticket, apple, google):
    phone, page = app(buyer), f"/tickets/{ticket.pk}/"
    for name, media_type in [
        ("ticket.pdf", "application/pdf"),
        ("ticket.ics", "text/calendar"),
        ("ticket.pkpass", "application/vnd.apple.pkpass"),
    ]:
        for accepted in (media_type, "application/json", "*/*"):
            answer = phone.get(f"/api/v1{page}{name}", headers={"Accept": accepted})
            assert (answer.status_code, answer["Content-Type"].split(";")[0]) == (200, media_type)
            own = client.get(page + name)
            assert answer["Content-Disposition"] == own["Content-Disposition"]
            if name == "ticket.pdf":
                assert said_in(answer.content) == said_in(own.content), "the times of Seoul"
    link = phone.get(f"/api/v1{page}google-wallet/").json()["url"]
    assert link.startswith("https://pay.google.com/gp/v/save/")


def said_in(pdf):
    with pypdfium2.PdfDocument(pdf) as document:
        return [page.get_textpage().get_text_range() for page in document]


def test_an_app_gets_no_pass_where_the_wallets_are_off(app, buyer, ticket):
    for name in ("ticket.pkpass", "google-wallet/"):
        answer = app(buyer).get(f"/api/v1/tickets/{ticket.pk}/{name}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
