"""The seller's details, which every page shows: remembered in each process for a moment."""

import threading
from time import monotonic

from django.db import InterfaceError, OperationalError

from accounts.models import Business

# Shown until an operator has entered the real ones.
SAMPLE = Business(
    id=0,
    name_ko="콘서트북 주식회사",
    name_en="Concertbook Inc.",
    representative_ko="김예매",
    representative_en="Kim Yemae",
    address_ko="서울특별시 마포구 예시로 12, 3층",
    address_en="3F, 12 Yesi-ro, Mapo-gu, Seoul, Republic of Korea",
    phone="02-000-0000",
    email="help@concertbook.local",
    business_number="000-00-00000",
    mail_order_number="2026-서울마포-00000",
    hosting_ko="콘서트북 주식회사(자체 운영)",
    hosting_en="Concertbook Inc. (own servers)",
    privacy_officer_ko="이보호",
    privacy_officer_en="Lee Boho",
)


class _Remembered:
    def __init__(self) -> None:
        self.business: Business | None = None
        self.read_at = 0.0
        self.lock = threading.Lock()


_remembered = _Remembered()


def find_business(*, oldest: float) -> Business:
    """The seller's details, at most ``oldest`` seconds old, or a sample (``is_sample``).

    While the database is away they may be older. One thread reads them; the others take what is
    there.
    """
    known = _remembered.business
    if known is not None and monotonic() - _remembered.read_at < oldest:
        return known
    # At the start of a process all wait for the first answer.
    if not _remembered.lock.acquire(blocking=known is None):
        assert known is not None
        return known
    try:
        if known is None and _remembered.business is not None:
            return _remembered.business
        _remembered.business = Business.objects.first() or SAMPLE
    except (OperationalError, InterfaceError):
        return known or SAMPLE
    finally:
        _remembered.read_at = monotonic()
        _remembered.lock.release()
    return _remembered.business


def known_business() -> Business | None:
    """What was read before, without the database: for pages that say that it is away."""
    return _remembered.business


def is_sample(business: Business) -> bool:
    return business.pk == SAMPLE.pk


def forget_business() -> None:
    """For tests: the next caller reads the table."""
    _remembered.business = None
