"""A ticket for Apple Wallet: a .pkpass file, signed with the box office's pass certificate.

The file is a ZIP of pass.json, pictures, manifest.json with the SHA-1 of each, and ``signature``, a
detached PKCS #7 signature of the manifest. ``cryptography`` writes the signature; the libraries for
passes on PyPI are alpha, or bring a web framework or a compiler along for these hundred lines.

A pass does not change by itself in the wallet, which would need Apple's push service: the door asks
the database, and the mail of a moved show tells to add it again, with the same serial number.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs7 import (
    PKCS7Options,
    PKCS7SignatureBuilder,
)
from cryptography.x509.oid import NameOID
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import override, pgettext
from PIL import Image

from concertbook.templatetags.times import when_text
from concerts.calendar_file import in_seoul
from payments.ticket_document import REFUND_TERMS, State, TicketDocument

MEDIA_TYPE = "application/vnd.apple.pkpass"
ICON = settings.BASE_DIR / "static/icons/icon-512.png"
# Apple's names of the pictures, with the pixels of each side.
PICTURES = {
    "icon.png": 29,
    "icon@2x.png": 58,
    "icon@3x.png": 87,
    "logo.png": 50,
    "logo@2x.png": 100,
    "logo@3x.png": 150,
}


def is_on() -> bool:
    return bool(
        settings.APPLE_WALLET_CERTIFICATE
        and settings.APPLE_WALLET_KEY
        and settings.APPLE_WALLET_ISSUER
    )


@dataclass(frozen=True)
class Signer:
    """The certificate of a pass type, with its key and Apple's certificate above it."""

    certificate: x509.Certificate
    key: RSAPrivateKey
    issuer: x509.Certificate

    @property
    def type_id(self) -> str:
        return self._subject(NameOID.USER_ID)

    @property
    def team(self) -> str:
        return self._subject(NameOID.ORGANIZATIONAL_UNIT_NAME)

    def _subject(self, name: x509.ObjectIdentifier) -> str:
        return str(self.certificate.subject.get_attributes_for_oid(name)[0].value)

    def sign(self, content: bytes) -> bytes:
        """A detached PKCS #7 signature in DER."""
        builder = PKCS7SignatureBuilder().set_data(content)
        builder = builder.add_signer(self.certificate, self.key, SHA256())
        builder = builder.add_certificate(self.issuer)
        options = [PKCS7Options.DetachedSignature, PKCS7Options.Binary]
        return builder.sign(Encoding.DER, options)


def write_pkpass(ticket: TicketDocument) -> bytes:
    """The .pkpass of a ticket, in its language. The caller has asked is_on."""
    signer = _signer(
        settings.APPLE_WALLET_CERTIFICATE,
        settings.APPLE_WALLET_KEY,
        settings.APPLE_WALLET_KEY_PASSWORD,
        settings.APPLE_WALLET_ISSUER,
    )
    with override(ticket.language):
        described = _describe(ticket, signer)
    files = {
        "pass.json": json.dumps(described, ensure_ascii=False).encode(),
        **_pictures(),
    }
    manifest = {
        # The format asks for SHA-1; the signature over the manifest is what protects it.
        name: hashlib.sha1(content, usedforsecurity=False).hexdigest()
        for name, content in files.items()
    }
    files["manifest.json"] = json.dumps(manifest).encode()
    files["signature"] = signer.sign(files["manifest.json"])
    return _zip(files)


@cache
def _signer(certificate: str, key: str, password: str, issuer: str) -> Signer:
    private = load_pem_private_key(Path(key).read_bytes(), password.encode() or None)
    if not isinstance(private, RSAPrivateKey):
        raise TypeError("The key of a pass certificate is an RSA key.")
    return Signer(
        certificate=x509.load_pem_x509_certificate(Path(certificate).read_bytes()),
        key=private,
        issuer=x509.load_pem_x509_certificate(Path(issuer).read_bytes()),
    )


def _describe(ticket: TicketDocument, signer: Signer) -> dict[str, Any]:
    begins = in_seoul(ticket.starts_at).isoformat(timespec="seconds")
    return {
        "formatVersion": 1,
        "passTypeIdentifier": signer.type_id,
        "teamIdentifier": signer.team,
        "organizationName": "concertbook",
        "serialNumber": str(ticket.ticket_id),
        "description": f"{_('Ticket')} · {ticket.title}",
        "logoText": "concertbook",
        "backgroundColor": _rgb(ticket.art.ground),
        "foregroundColor": _rgb(ticket.art.ink),
        "labelColor": _rgb(ticket.art.ink),
        "sharingProhibited": True,
        "relevantDate": begins,
        "expirationDate": in_seoul(ticket.ends_at).isoformat(timespec="seconds"),
        "voided": ticket.state != State.GOOD,
        "barcodes": [
            {
                "format": "PKBarcodeFormatQR",
                "message": ticket.code,
                "messageEncoding": "iso-8859-1",
                "altText": ticket.order,
            }
        ],
        "eventTicket": _fields(ticket, begins),
        "semantics": {
            "eventName": ticket.title,
            "venueName": ticket.venue,
            "eventStartDate": begins,
            "seats": [
                {
                    "seatSection": ticket.section,
                    "seatRow": ticket.row,
                    "seatNumber": str(ticket.seat_in_row),
                }
            ],
        },
    }


def _fields(ticket: TicketDocument, begins: str) -> dict[str, list[dict[str, str]]]:
    when = {
        "key": "when",
        "label": _("Date and time"),
        "value": begins,
        "dateStyle": "PKDateStyleMedium",
        "timeStyle": "PKDateStyleShort",
        # Else a phone abroad would show its own time.
        "ignoresTimeZone": True,
    }
    back = [
        (_("Address"), ticket.address),
        (_("Date and time"), when_text(ticket.starts_at)),
        *ticket.order_facts(),
        (str(REFUND_TERMS), "\n".join(" ".join(term) for term in ticket.refund_terms())),
        (_("The ticket's page"), ticket.page),
    ]
    return {
        "headerFields": [_field("seat", _("Seat"), ticket.label)],
        "primaryFields": [_field("event", pgettext("of a ticket", "Show"), ticket.title)],
        "secondaryFields": [_field("venue", _("Venue"), ticket.venue or "–"), when],  # type: ignore[list-item]
        "auxiliaryFields": _numbered("fact", ticket.facts()),
        "backFields": _numbered("back", [each for each in back if each[1]]),
    }


def _numbered(key: str, facts: list[tuple[str, str]]) -> list[dict[str, str]]:
    """Keys of fields are unique in a pass."""
    return [_field(f"{key}{n}", label, value) for n, (label, value) in enumerate(facts)]


def _field(key: str, label: str, value: str) -> dict[str, str]:
    return {"key": key, "label": label, "value": value}


def _rgb(colour: str) -> str:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return f"rgb({red}, {green}, {blue})"


@cache
def _pictures() -> Mapping[str, bytes]:
    with Image.open(ICON) as icon:
        return {name: _smaller(icon, side) for name, side in PICTURES.items()}


def _smaller(icon: Image.Image, side: int) -> bytes:
    written = io.BytesIO()
    icon.resize((side, side), Image.Resampling.LANCZOS).save(written, "PNG", optimize=True)
    return written.getvalue()


def _zip(files: Mapping[str, bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return written.getvalue()
