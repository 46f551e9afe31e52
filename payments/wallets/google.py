"""A ticket for Google Wallet: a link with a JWT that describes it, signed by a service account.

Google makes the pass when the holder opens the link; nothing is sent to Google before. The
description contains its class (the performance) and its object (the ticket).
"""

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import override
from jwt import PyJWS

from concerts.calendar_file import in_seoul
from payments.ticket_document import State, TicketDocument

SAVE = "https://pay.google.com/gp/v/save/"
# Browsers may cut longer links, Google says. A longer one goes without the venue, and then with the
# beginning of the title.
LONGEST_JWT = 1800
SHORT_TITLE = 40
STATES = {State.GOOD: "ACTIVE", State.USED: "COMPLETED"}


def is_on() -> bool:
    return bool(settings.GOOGLE_WALLET_KEY and settings.GOOGLE_WALLET_ISSUER)


def save_link(ticket: TicketDocument, *, now: dt.datetime) -> str:
    """The address that adds the ticket to the holder's wallet. The caller has asked is_on."""
    shorter = replace(ticket, title=ticket.title[:SHORT_TITLE])
    for each, has_venue in [(ticket, True), (ticket, False), (shorter, False)]:
        token = _sign(each, now, has_venue=has_venue)
        if len(token) <= LONGEST_JWT:
            break
    return SAVE + token


def _sign(ticket: TicketDocument, now: dt.datetime, *, has_venue: bool) -> str:
    account = _service_account(settings.GOOGLE_WALLET_KEY)
    with override(ticket.language):
        payload = {
            "eventTicketClasses": [_performance(ticket, has_venue=has_venue)],
            "eventTicketObjects": [_ticket(ticket)],
        }
    claims = {
        "iss": account["client_email"],
        "aud": "google",
        "typ": "savetowallet",
        "iat": int(now.timestamp()),
        "payload": payload,
    }
    # As UTF-8: jwt.encode would write six characters for each Korean one.
    written = json.dumps(claims, ensure_ascii=False, separators=(",", ":")).encode()
    return PyJWS().encode(written, account["private_key"], "RS256", {"typ": "JWT"})


@cache
def _service_account(path: str) -> Mapping[str, str]:
    account: Mapping[str, str] = json.loads(Path(path).read_bytes())
    return account


def _performance(ticket: TicketDocument, *, has_venue: bool) -> dict[str, Any]:
    begins = in_seoul(ticket.starts_at).isoformat(timespec="seconds")
    # No more than is needed: the link has a longest length.
    described: dict[str, Any] = {
        "id": _class_id(ticket),
        "issuerName": "concertbook",
        "reviewStatus": "UNDER_REVIEW",
        "eventName": _told(ticket, ticket.title),
        "dateTime": {"start": begins},
    }
    if ticket.venue and has_venue:
        described["venue"] = {
            "name": _told(ticket, ticket.venue),
            "address": _told(ticket, ticket.address or ticket.venue),
        }
    return described


def _ticket(ticket: TicketDocument) -> dict[str, Any]:
    places = {
        "section": ticket.section,
        "row": ticket.row,
        "seat": str(ticket.seat_in_row),
    }
    return {
        "id": f"{settings.GOOGLE_WALLET_ISSUER}.{ticket.ticket_id.hex}",
        "classId": _class_id(ticket),
        "state": STATES.get(ticket.state, "INACTIVE"),
        "barcode": {"type": "QR_CODE", "value": ticket.code},
        "ticketHolderName": ticket.holder or _("Holder"),
        "ticketNumber": ticket.order,
        "seatInfo": {name: _told(ticket, value) for name, value in places.items() if value},
    }


def _class_id(ticket: TicketDocument) -> str:
    # A class has one time: a show that is moved gets another. Twelve digits are short, and enough
    # for the schedules of one minute.
    begins = int(ticket.starts_at.timestamp()) // 60
    return f"{settings.GOOGLE_WALLET_ISSUER}.{ticket.schedule_id.hex[:12]}-{begins}"


def _told(ticket: TicketDocument, text: str) -> dict[str, Any]:
    return {"defaultValue": {"language": ticket.language, "value": text}}
