"""Scans that a phone made without a network, when it has one again.

The phone decided by its list (check_in_lists) and let the holder in. Each scan ends in one of two
records, by its own key, so that sending it again changes nothing: the check-in, at the time of the
scan; or a conflict, where the ticket was not good. Two phones that let in one ticket therefore
never stay unnoticed: the second to reach us is the conflict, and both have the time of the scan.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction

from accounts.models import User
from accounts.services import activity
from concertbook.db.clock import database_now
from concertbook.errors import DomainError
from payments.errors import TicketUsed
from payments.models import CheckIn, CheckInConflict, Ticket
from payments.services.check_in_schedules import require_schedule
from payments.services.check_ins import (
    admit,
    find_by_scan,
    lock_ticket,
    one_effect_a_scan,
    why_unknown,
)

# Of one request: a body may have 64 KiB.
MOST_SCANS = 100


@dataclass(frozen=True)
class OfflineScan:
    """``id`` is the phone's own key, ``scanned_at`` its time by the phone's clock as it was
    corrected by ours."""

    id: uuid.UUID
    code: str
    gate: str
    scanned_at: dt.datetime


def sync_scans(
    *, schedule_id: uuid.UUID, scans: Sequence[OfflineScan], by: User
) -> list[CheckIn | CheckInConflict]:
    """Record what a phone did without a network, in the order of the scans' times; each scan in a
    transaction of its own. The records are in the order of ``scans``.

    Raises UnknownSchedule; IdempotencyKeyReused for the key of another phone's scan.
    """
    schedule = require_schedule(schedule_id=schedule_id, by=by)
    by_time = sorted(scans, key=lambda scan: scan.scanned_at)
    records = {scan.id: _record(scan, schedule.pk, by) for scan in by_time}
    return [records[scan.id] for scan in scans]


def _record(scan: OfflineScan, schedule_id: uuid.UUID, by: User) -> CheckIn | CheckInConflict:
    with one_effect_a_scan(), transaction.atomic(durable=True):
        ticket = lock_ticket(code=scan.code)
        # Read after the ticket's lock: the same scan may be on its way twice.
        before = find_by_scan(scan.id) or _find_conflict(scan.id)
        if before is not None:
            return before
        try:
            if ticket is None:
                raise why_unknown(scan.code)
            return admit(
                ticket,
                schedule_id=schedule_id,
                by=by,
                gate=scan.gate,
                scan=scan.id,
                scanned_at=scan.scanned_at,
            )
        except DomainError as refusal:
            return _record_conflict(scan, ticket, schedule_id, by, refusal)


def _find_conflict(scan: uuid.UUID) -> CheckInConflict | None:
    shown = CheckInConflict.objects.select_related(
        "ticket__seat", "scanned_by", "check_in__checked_in_by"
    )
    return shown.filter(pk=scan).first()


def _record_conflict(
    scan: OfflineScan,
    ticket: Ticket | None,
    schedule_id: uuid.UUID,
    by: User,
    refusal: DomainError,
) -> CheckInConflict:
    now = database_now()
    conflict = CheckInConflict(
        pk=scan.id,
        schedule_id=schedule_id,
        ticket=ticket,
        code=refusal.code,
        check_in=_other_use(ticket) if isinstance(refusal, TicketUsed) else None,
        gate=scan.gate,
        scanned_by=by,
        scanned_at=min(scan.scanned_at, now),
        recorded_at=now,
    )
    # An unknown code locks nothing, so that the same scan may have been recorded by now.
    CheckInConflict.objects.bulk_create([conflict], ignore_conflicts=True)
    seen = {"code": refusal.code, "gate": scan.gate, "scanned_at": conflict.scanned_at}
    activity.record(actor=None, act="check_in.conflict", target=conflict, new=seen)
    return conflict


def _other_use(ticket: Ticket | None) -> CheckIn | None:
    return ticket.check_ins.get(undone_at=None) if ticket else None
