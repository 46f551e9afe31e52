"""The pages that operators write, in versions, and which of them users agree to."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone

from accounts.models import Consent, Document, User
from concertbook.errors import NotFound

Kind = Document.Kind
# What a user agrees to when an account is opened.
AGREED = (Kind.TERMS, Kind.PRIVACY)
# The texts that come with the application: version 1. What users have agreed to must not change, so
# a test compares them with a fingerprint.
DEFAULTS = Path(__file__).resolve().parents[1] / "documents"
DEFAULTS_EFFECTIVE_ON = dt.date(2026, 12, 1)


@dataclass(frozen=True)
class Version:
    """One version of a page. ``texts`` by language; English may be missing."""

    kind: Kind
    version: int
    effective_on: dt.date
    texts: Mapping[str, str]


def find_present(kind: str) -> Version:
    """The version in force today, by the venue's calendar. Raises NotFound for an unknown kind."""
    rows = Document.objects.filter(kind=kind, effective_on__lte=today())
    row = rows.order_by("-effective_on", "-version").first()
    return _version(row) if row else _default(kind)


def today() -> dt.date:
    """The day by the venue's calendar, also within the API, whose time zone is UTC."""
    return timezone.localdate(timezone=timezone.get_default_timezone())


def find_version(kind: str, version: int) -> Version:
    """Raises NotFound."""
    if version == 1:
        return _default(kind)
    row = Document.objects.filter(kind=kind, version=version).first()
    if row is None:
        raise NotFound
    return _version(row)


def list_versions(kind: str) -> list[tuple[int, dt.date]]:
    """Number and first day of every version, also of those to come, the newest first."""
    rows = Document.objects.filter(kind=kind).order_by("-version")
    return [*rows.values_list("version", "effective_on"), (1, DEFAULTS_EFFECTIVE_ON)]


def publish(*, kind: str, text_ko: str, text_en: str = "", effective_on: dt.date) -> Document:
    """Add a version. Of two that are published at the same time, one gets the later number."""
    while True:
        last = Document.objects.filter(kind=kind).aggregate(last=Max("version"))["last"] or 1
        try:
            with transaction.atomic():
                return Document.objects.create(
                    kind=kind,
                    version=last + 1,
                    text_ko=text_ko,
                    text_en=text_en,
                    effective_on=effective_on,
                )
        except IntegrityError:
            if not Document.objects.filter(kind=kind, version__gt=last).exists():
                raise


def agreed_versions() -> dict[str, int]:
    """The versions in force of the documents that a new user agrees to."""
    rows = Document.objects.filter(kind__in=AGREED, effective_on__lte=today())
    # Later rows replace earlier ones.
    ordered = rows.order_by("effective_on", "version").values_list("kind", "version")
    return {**dict.fromkeys((kind.value for kind in AGREED), 1), **dict(ordered)}


def record_consents(user: User, versions: Mapping[str, int]) -> None:
    """Write down what the user has agreed to, in the transaction that creates the account."""
    Consent.objects.bulk_create(_consents(user, versions), ignore_conflicts=True)


def _consents(user: User, versions: Mapping[str, int]) -> Iterable[Consent]:
    for kind, version in versions.items():
        yield Consent(user=user, document=kind, version=version)


def _version(row: Document) -> Version:
    texts = {"ko": row.text_ko, **({"en": row.text_en} if row.text_en else {})}
    return Version(Kind(row.kind), row.version, row.effective_on, texts)


def _default(kind: str) -> Version:
    if kind not in Kind:
        raise NotFound
    texts = {code: (DEFAULTS / f"{kind}.{code}.md").read_text() for code in ("ko", "en")}
    return Version(Kind(kind), 1, DEFAULTS_EFFECTIVE_ON, texts)
