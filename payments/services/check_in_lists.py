"""What a phone at the door needs without a network: a signed list of the tickets of one show.

The list has a hash of each code, never a code: HMAC-SHA-256 with the schedule's salt, cut to 96
bits. A code has 160 random bits, so that the list admits to nothing. The names are masked. With it
are the hashes of codes that ended: refunded, or handed on since. 20,000 tickets take 0.9 MB, 0.5 MB
compressed (tests/payments/test_check_in_lists.py).

The phone verifies the signature (ECDSA P-256, SHA-256) with the public key that its page has, also
when it reads the list from its own storage.
"""

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.db.models import QuerySet
from django.utils.crypto import salted_hmac

from accounts.models import User
from concertbook.db.clock import utc
from concerts.models import ConcertSchedule, Seat
from payments.models import Ticket, TicketMove, TicketOffer
from payments.services.check_in_schedules import require_schedule

# The order of the curve P-256: a private key is a number below it.
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
HASH_BYTES = 12


@dataclass(frozen=True)
class SignedList:
    """``body`` is JSON; ``signature`` is that of its bytes, r and s of 32 bytes each, in base64."""

    body: bytes
    signature: str

    @property
    def version(self) -> str:
        return hashlib.sha256(self.body).hexdigest()[:32]


def signed_list(*, schedule_id: uuid.UUID, by: User) -> SignedList:
    """The list of this show. Raises UnknownSchedule."""
    schedule = require_schedule(schedule_id=schedule_id, by=by)
    salt = salt_of(schedule.pk)
    content = {
        "schedule": str(schedule.pk),
        "title": schedule.concert.title,
        "title_en": schedule.concert.title_en,
        "start_at": utc(schedule.start_at),
        "doors_open_at": utc(schedule.doors_open_at),
        "end_at": utc(schedule.end_at),
        "is_cancelled": schedule.cancelled_at is not None,
        "salt": base64.b64encode(salt).decode(),
        "tickets": list(_tickets(schedule, salt)),
        "ended": dict(_ended(schedule, salt)),
    }
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return SignedList(body, _sign(body))


def salt_of(schedule_id: uuid.UUID) -> bytes:
    """The same for all phones and all versions of the list."""
    return salted_hmac(f"{__name__}.salt", str(schedule_id), algorithm="sha256").digest()[:16]


def hash_of(code: str, salt: bytes) -> str:
    """The hash of a code, 16 characters of base64url."""
    whole = hmac.digest(salt, code.encode(), "sha256")
    return base64.urlsafe_b64encode(whole[:HASH_BYTES]).decode()


def masked(name: str) -> str:
    """김민지 is 김*지: enough to compare with a document at the door."""
    return " ".join(map(_masked_word, name.split()))


def _masked_word(word: str) -> str:
    return word[0] + "*" * max(1, len(word) - 2) + word[2:][-1:]


def _tickets(schedule: ConcertSchedule, salt: bytes) -> Iterator[tuple[str, str, str, str]]:
    """Hash, seat, masked name, and the seat's kind unless it is standard."""
    live = _live(schedule).order_by("seat_number")
    rows: Any = live.values_list("code", "seat__label", "user__name", "seat__kind")
    for code, label, name, kind in rows:
        special = "" if kind == Seat.Kind.STANDARD else kind
        yield hash_of(code, salt), label, masked(name), special


def _live(schedule: ConcertSchedule) -> QuerySet[Ticket]:
    return Ticket.objects.filter(reservation__schedule=schedule, is_live=True)


def _ended(schedule: ConcertSchedule, salt: bytes) -> Iterator[tuple[str, str]]:
    """The hashes of codes that are good no more, each with the code of its refusal."""
    cancelled = Ticket.objects.filter(reservation__schedule=schedule, is_live=False)
    for code in cancelled.order_by("seat_number").values_list("code", flat=True):
        yield hash_of(code, salt), "already_cancelled"
    handed_on = TicketOffer.objects.filter(ticket__reservation__schedule=schedule)
    old = handed_on.exclude(old_code="").order_by("ended_at").values_list("old_code", flat=True)
    moves = TicketMove.objects.filter(ticket__reservation__schedule=schedule)
    for code in (*old, *moves.order_by("pk").values_list("old_code", flat=True)):
        yield hash_of(code, salt), "code_ended"


@cache
def _private_key() -> ec.EllipticCurvePrivateKey:
    """Derived from SECRET_KEY: every process signs with the same one."""
    secret = salted_hmac(f"{__name__}.key", "P-256", algorithm="sha512").digest()
    return ec.derive_private_key(int.from_bytes(secret) % (ORDER - 1) + 1, ec.SECP256R1())


def public_key() -> str:
    """The uncompressed point in base64, as WebCrypto imports it."""
    point = _private_key().public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return base64.b64encode(point).decode()


def _sign(body: bytes) -> str:
    r, s = decode_dss_signature(_private_key().sign(body, ec.ECDSA(SHA256())))
    return base64.b64encode(r.to_bytes(32) + s.to_bytes(32)).decode()
