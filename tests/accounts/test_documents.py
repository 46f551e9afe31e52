"""Legal and help pages: versions, what is in force, Markdown without HTML, the admin."""

import datetime as dt
import hashlib

import pytest
from django.utils import timezone

from accounts.models import Document
from accounts.services import documents
from accounts.services.documents import find_present, publish
from concerts.refund_policy import KOREAN_STANDARD, RefundPolicy
from tests.concertbook.test_admin_forms import form_on
from tests.factories import StaffFactory

pytestmark = pytest.mark.django_db

KINDS = [kind.value for kind in Document.Kind]


@pytest.fixture
def at(monkeypatch):
    """Sets the clock of the web server."""

    def set_clock(moment):
        monkeypatch.setattr(timezone, "now", lambda: dt.datetime.fromisoformat(moment))

    return set_clock


def text(client, address, language="en"):
    response = client.get(address, headers={"Accept-Language": language})
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", ["ko", "en"])
def test_every_page_has_a_text_that_comes_with_the_application(client, kind, language):
    page = text(client, f"/{language}/about/{kind}/")

    assert f'<html lang="{language}">' in page
    assert '<h2 id="section-1">' in page
    assert len(find_present(kind).texts[language]) > 800


def test_a_page_shows_the_version_in_force_and_earlier_ones_stay_readable(client, at):
    at("2027-03-01T12:00:00+09:00")
    publish(kind="terms", text_ko="둘째", text_en="Second", effective_on=dt.date(2027, 3, 1))
    publish(kind="terms", text_ko="셋째", text_en="Third", effective_on=dt.date(2027, 3, 8))

    assert "Second" in text(client, "/about/terms/")
    assert "Third" in text(client, "/about/terms/3/")
    assert "not in force yet" in text(client, "/about/terms/3/")
    assert "an earlier version" in text(client, "/about/terms/1/")
    assert 'href="/about/terms/1/"' in text(client, "/about/terms/")
    at("2027-03-08T12:00:00+09:00")
    assert "Third" in text(client, "/about/terms/")


@pytest.mark.parametrize("shown_in", ["Asia/Seoul", "UTC"])
def test_a_version_is_in_force_from_midnight_in_korea(at, shown_in):
    publish(kind="help", text_ko="새 도움말", text_en="New", effective_on=dt.date(2027, 3, 1))

    with timezone.override(shown_in):
        at("2027-02-28T14:59:59+00:00")
        assert find_present("help").version == 1
        at("2027-02-28T15:00:00+00:00")
        assert find_present("help").version == 2


@pytest.mark.parametrize("path", ["unknown/", "terms/2/", "terms/0/", "unknown/1/"])
def test_an_unknown_page_or_version_is_not_found(client, path):
    assert client.get(f"/about/{path}").status_code == 404


def test_html_and_scripts_in_a_text_are_shown_as_text(client):
    evil = "# A\n<script>alert(1)</script> [x](javascript:alert(1)) ![y](https://evil.example/y)"
    publish(kind="help", text_ko=evil, text_en=evil, effective_on=timezone.localdate())

    article = text(client, "/about/help/").split("<article")[1].split("</article>")[0]

    assert "&lt;script&gt;" in article
    assert "<script" not in article
    assert 'href="javascript' not in article
    assert "<img" not in article


def test_without_a_translation_the_english_page_says_so_and_marks_the_korean_text(client):
    publish(kind="help", text_ko="우리말 도움말", effective_on=timezone.localdate())

    page = text(client, "/en/about/help/")

    assert "no English translation" in page
    assert '<article class="panel prose" lang="ko"><p>우리말 도움말' in page


def test_the_default_refund_page_has_the_default_ladder():
    korean = find_present("refunds").texts["ko"]
    english = find_present("refunds").texts["en"]

    for days, percent in RefundPolicy.parse(KOREAN_STANDARD).steps:
        if percent:
            (line,) = (each for each in korean.splitlines() if f"의 {percent}% |" in each)
            assert f"{days}일 전 |" in line or (days == 0 and "당일" in line)
            assert f"| {percent}% of the price |" in english
        else:
            assert f"공연 {days}일 전까지 | 없음" in korean
            assert f"Up to {days} days before the concert | None" in english


def test_the_texts_that_users_have_agreed_to_are_never_edited():
    """A new text is published in the admin, or becomes a version of its own here."""
    texts = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        for path in sorted(documents.DEFAULTS.glob("*.md"))
    }

    assert texts == {
        "help.en.md": "40932a715a7a",
        "help.ko.md": "ab537c74583f",
        "privacy.en.md": "cf7a2d71311f",
        "privacy.ko.md": "20a5b95e5848",
        "refunds.en.md": "12ad002a3be3",
        "refunds.ko.md": "0e7632bbe0d8",
        "terms.en.md": "30c24ce2934e",
        "terms.ko.md": "73d759049955",
    }


def test_an_operator_edits_a_page_as_a_new_version(client):
    client.force_login(StaffFactory(is_superuser=True))
    add = "/admin/accounts/document/add/?kind=privacy"
    opened = client.get(add)
    assert (
        opened.context["adminform"].form.initial["text_ko"] == find_present("privacy").texts["ko"]
    )
    fields = {**form_on(opened), "kind": "privacy", "text_ko": "새 방침", "text_en": ""}

    late = client.post(add, {**fields, "effective_on": "2020-01-01"})
    assert late.context["adminform"].form.errors.keys() == {"effective_on"}
    saved = client.post(add, {**fields, "effective_on": timezone.localdate().isoformat()})

    assert saved.status_code == 302
    assert find_present("privacy").version == 2
    assert "새 방침" in text(client, "/ko/about/privacy/")


def test_the_help_page_leads_to_its_sections(client):
    text_ko = "## 결제\n\n가\n\n### 더\n\n## <b>환불</b>\n\n나"
    publish(kind="help", text_ko=text_ko, effective_on=documents.today())

    page = text(client, "/ko/about/help/")

    assert '<a href="#section-1">결제</a><a href="#section-2">&lt;b&gt;환불&lt;/b&gt;</a>' in page
    assert '<h2 id="section-2">&lt;b&gt;환불&lt;/b&gt;</h2>' in page


def test_no_operator_changes_or_deletes_a_published_version(client):
    published = publish(kind="help", text_ko="가", effective_on=documents.today())
    client.force_login(StaffFactory(is_superuser=True))
    address = f"/admin/accounts/document/{published.pk}"

    shown = client.get(f"{address}/change/")
    assert shown.status_code == 200
    assert not shown.context["has_change_permission"]
    assert client.post(f"{address}/change/", {"text_ko": "나"}).status_code == 403
    assert client.post(f"{address}/delete/", {"post": "yes"}).status_code == 403

    assert find_present("help").texts == {"ko": "가"}
