"""A concert for search engines: a schema.org Event for each performance, as JSON-LD."""

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django.utils.timezone import get_default_timezone

from concerts.models import Concert, ConcertSchedule
from concerts.services.offers import Sale
from concerts.services.performances import Availability
from concerts.templatetags.sales import told_as_text

SCHEMA = "https://schema.org"
# Those of which something can be bought now or later; of the others there is no offer.
AVAILABILITY = {
    Sale.UPCOMING: "PreOrder",
    Sale.OPEN: "InStock",
    Sale.BUSY: "LimitedAvailability",
    Sale.SOLD_OUT: "SoldOut",
}


def events(
    concert: Concert, schedules: Iterable[ConcertSchedule], *, page: str, picture: str
) -> list[dict[str, Any]]:
    """In the active language. ``schedules`` have their sale and seats (with_sales, add_seats);
    ``page`` and ``picture`` are whole addresses."""
    of_all = {
        "@context": SCHEMA,
        "@type": "Event",
        "name": told_as_text(concert, "title"),
        "url": page,
        "image": [picture],
        "eventAttendanceMode": f"{SCHEMA}/OfflineEventAttendanceMode",
        **_given("description", concert.description),
        **_given("performer", concert.artist and _named("PerformingGroup", concert.artist)),
        **_given("location", _location(concert)),
    }
    return [{**of_all, **_of_date(schedule, page)} for schedule in schedules]


def _of_date(schedule: ConcertSchedule, page: str) -> dict[str, Any]:
    return {
        "@id": f"{page}#{schedule.pk}",
        "startDate": _iso(schedule.start_at),
        "endDate": _iso(schedule.end_at),
        "doorTime": _iso(schedule.doors_open_at),
        **_status(schedule),
        **_given("offers", _offers(schedule, page)),
    }


def _status(schedule: ConcertSchedule) -> dict[str, Any]:
    if schedule.cancelled_at:
        return {"eventStatus": f"{SCHEMA}/EventCancelled"}
    if schedule.moved_from:
        return {
            "eventStatus": f"{SCHEMA}/EventRescheduled",
            "previousStartDate": _iso(schedule.moved_from),
        }
    return {"eventStatus": f"{SCHEMA}/EventScheduled"}


def _offers(schedule: ConcertSchedule, page: str) -> list[dict[str, Any]]:
    if schedule.sale not in AVAILABILITY:  # type: ignore[attr-defined]
        return []
    return [_offer(schedule, grade, page) for grade in schedule.grades]  # type: ignore[attr-defined]


def _offer(schedule: ConcertSchedule, grade: Availability, page: str) -> dict[str, Any]:
    sale = Sale(schedule.sale)  # type: ignore[attr-defined]
    if sale == Sale.OPEN and not grade.available:
        sale = Sale.SOLD_OUT
    return {
        "@type": "Offer",
        **_given("name", grade.grade),
        "price": grade.price,
        "priceCurrency": "KRW",
        "availability": f"{SCHEMA}/{AVAILABILITY[sale]}",
        "validFrom": _iso(schedule.sale_opens_at),  # type: ignore[attr-defined]
        "validThrough": _iso(schedule.reserve_until),
        "url": page,
    }


def _location(concert: Concert) -> dict[str, Any] | None:
    venue = told_as_text(concert, "venue")
    if not (venue or concert.venue_address):
        return None
    location = _named("Place", venue or concert.venue_address)
    if concert.venue_address:
        address = {"streetAddress": concert.venue_address, "addressCountry": "KR"}
        location["address"] = {"@type": "PostalAddress", **address}
    return {**location, **_given("hasMap", concert.venue_map)}


def _named(kind: str, name: str) -> dict[str, Any]:
    return {"@type": kind, "name": name}


def _given(name: str, value: object) -> dict[str, object]:
    return {name: value} if value else {}


def _iso(moment: dt.datetime) -> str:
    return moment.astimezone(get_default_timezone()).isoformat(timespec="seconds")
