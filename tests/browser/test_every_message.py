"""Every mail is small, fits the screen, names its pictures, and has links that work.

``--screenshots=DIR`` writes pictures of them, of a PDF and of a pass; ``make messages`` does.
"""

import base64
import io
import json
import re
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import pypdfium2
import pytest
import segno
from django.conf import settings
from django.utils import translation
from PIL import Image

from accounts.letter import letter_kinds
from accounts.mail_form import build_mail
from payments.services.tickets import described_tickets
from payments.ticket_document import describe
from payments.ticket_pdf import write_pdf
from payments.wallets.apple import write_pkpass
from tests.browser.messages import EXAMPLES, buyer, evening
from tests.browser.test_every_state import LOOKS_OF_PICTURES, PICTURE_QUALITY
from tests.factories import bought
from tests.payments.test_ticket_files import apple, apple_keys  # noqa: F401

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

WEIGHT = 60_000
LOOKS = [look for pair in LOOKS_OF_PICTURES.items() for look in pair]


@pytest.fixture
def folder(request):
    asked = request.config.getoption("--screenshots")
    return Path(asked) if asked else None


def test_every_kind_of_message_has_an_example_and_pictures():
    page = (settings.BASE_DIR / "docs" / "messages.md").read_text()

    assert mailed() - EXAMPLES.keys() == set()
    assert [kind for kind in mailed() if f"messages/{kind}-phone" not in page] == []


def mailed():
    """The kinds that are mails, and no push messages."""
    return {kind for kind in letter_kinds() if not kind.endswith("_push")}


def test_every_mail_is_light_and_fits_and_its_links_work(chromium, client, folder):
    # The narrowest screen with the longest words, unless pictures are taken.
    looks = LOOKS if folder else [look for look in LOOKS if str(look) == "phone-en-dark"]
    for kind in mailed():
        message = EXAMPLES[kind]()
        for look in looks:
            html = shown(message, look.language)
            size = {"width": look.width, "height": 200}
            page = chromium.new_page(viewport=size, color_scheme=look.theme)
            page.set_content(html)
            assert_fits(page, kind)
            if folder:
                save(page.screenshot(full_page=True), folder / f"{kind}-{look}.webp")
            page.close()
        assert_links_work(html, client, kind)


def shown(message, language):
    """The mail's HTML with its pictures in it, as a mailbox shows it."""
    with translation.override(language):
        letter = letter_kinds()[message.kind].compose(message)
        assert letter is not None, message.kind
        mail = build_mail(message, letter)
    html = str(mail.alternatives[0][0])
    assert len(html.encode()) < WEIGHT
    for part in mail.message().walk():
        if name := part["Content-ID"]:
            picture = base64.b64encode(part.get_payload(decode=True)).decode()
            html = html.replace(f"cid:{name.strip('<>')}", f"data:image/png;base64,{picture}")
    assert "cid:" not in html
    return html


def assert_fits(page, kind):
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, kind
    pictures = page.evaluate("[...document.images].map((each) => [each.alt, each.naturalWidth])")
    assert all(alt and width for alt, width in pictures), kind


def assert_links_work(html, client, kind):
    for address in set(re.findall(r'href="(http[^"]+)"', html)):
        answer = client.get(urlsplit(address).path, follow=True)
        assert answer.status_code == 200, (kind, address)


def save(png, path):
    with Image.open(io.BytesIO(png)) as picture:
        picture.save(path, quality=PICTURE_QUALITY)


def test_a_pdf_and_a_pass_are_drawn_for_the_documentation(chromium, folder, apple):  # noqa: F811
    if folder is None:
        pytest.skip("Only with --screenshots.")
    user = buyer()
    (bought_ticket,) = bought(user, evening(), 1).tickets
    (ticket,) = described_tickets(user=user, ticket_ids=[str(bought_ticket.pk)])
    for language in ("ko", "en"):
        with translation.override(language):
            document = describe(ticket)
        with pypdfium2.PdfDocument(write_pdf([document])) as pdf:
            pdf[0].render(scale=1.4).to_pil().save(folder / f"pdf-{language}.webp", quality=80)
        page = chromium.new_page(viewport={"width": 390, "height": 620})
        page.set_content(wallet_as_shown(write_pkpass(document)))
        save(page.screenshot(), folder / f"pass-{language}.webp")
        page.close()


def wallet_as_shown(pkpass):
    """As a telephone lays an event ticket out, from the file alone."""
    with zipfile.ZipFile(io.BytesIO(pkpass)) as archive:
        described = json.loads(archive.read("pass.json"))
        icon = base64.b64encode(archive.read("logo@2x.png")).decode()
    fields = described["eventTicket"]
    return f"""
      <style>
        body {{ margin: 0; background: #e8e6e1; font-family: Pretendard, sans-serif; }}
        main {{ width: 330px; margin: 24px auto; padding: 16px; border-radius: 14px;
          color: {described["foregroundColor"]}; background: {described["backgroundColor"]}; }}
        header, section {{ display: flex; gap: 16px; margin-bottom: 18px; align-items: start; }}
        header b {{ flex: 1; font-size: 18px; }}
        small {{ display: block; font-size: 11px; opacity: .75; }}
        .event {{ font-size: 24px; font-weight: 700; }}
        figure {{ width: 176px; display: grid; gap: 8px; justify-items: center; margin: 0 auto;
          padding: 12px; border-radius: 8px;
          background: #fff; color: #000; text-align: center; font-size: 12px; }}
      </style>
      <main>
        <header><img alt="" width="32" src="data:image/png;base64,{icon}">
          <b>{described["logoText"]}</b>{drawn(fields["headerFields"])}</header>
        <section class="event">{drawn(fields["primaryFields"])}</section>
        <section>{drawn(fields["secondaryFields"])}</section>
        <section>{drawn(fields["auxiliaryFields"])}</section>
        <figure>{barcode(described["barcodes"][0]["message"])}
          {described["barcodes"][0]["altText"]}</figure>
      </main>"""


def drawn(fields):
    return "".join(
        f"<div><small>{each['label']}</small>{value_as_shown(each)}</div>" for each in fields
    )


def value_as_shown(field):
    return field["value"][:16].replace("T", " ") if "dateStyle" in field else field["value"]


def barcode(message):
    return segno.make(message, error="m", micro=False).svg_inline(scale=5, border=0)
