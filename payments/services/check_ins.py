"""Check-ins: a ticket's code admits its holder once, to its own show.

A refused check-in writes nothing. A mistaken one can be undone within minutes, which is recorded,
and the ticket is valid again.
"""

import datetime as dt
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from psycopg.errors import UniqueViolation

from accounts.errors import IdempotencyKeyReused
from accounts.models import User
from accounts.services import activity
from concertbook.db.clock import database_now, utc
from concertbook.errors import DomainError, Malformed
from concertbook.visible import has_visible
from concerts.models import ConcertSchedule
from concerts.services.staff_concerts import works_for
from payments.errors import (
    AlreadyCancelled,
    AlreadyUndone,
    CodeEnded,
    DoorsNotOpen,
    ShowOver,
    TicketUsed,
    UndoTooLate,
    UnknownCheckIn,
    UnknownSchedule,
    UnknownTicket,
    WrongSchedule,
)
from payments.models import CheckIn, Ticket, TicketMove, TicketOffer, save_change

ONE_A_SCAN = "payments_checkin_one_a_scan"


def check_in(
    *,
    code: str,
    schedule_id: uuid.UUID,
    by: User,
    gate: str = "",
    scan: uuid.UUID | None = None,
) -> CheckIn:
    """Check a ticket in. ``schedule_id`` is the show of this entrance, ``by`` the member of the
    staff. ``scan`` is the phone's own key: asked again with it, the answer is the same check-in.

    Raises UnknownTicket, CodeEnded, UnknownSchedule; WrongSchedule with the ticket's show;
    AlreadyCancelled (also when the schedule is); TicketUsed with time, gate and check-in;
    DoorsNotOpen and ShowOver with the time; IdempotencyKeyReused for the key of another scan.
    """
    with one_effect_a_scan(), transaction.atomic(durable=True):
        ticket = lock_ticket(code=code)
        if ticket is None:
            raise why_unknown(code)
        before = find_by_scan(scan)
        if before is not None and before.ticket_id == ticket.pk:
            return _as_read(before, ticket)
        return admit(ticket, schedule_id=schedule_id, by=by, gate=gate, scan=scan)


def check_in_by_hand(
    *, ticket_id: uuid.UUID, schedule_id: uuid.UUID, by: User, reason: str, gate: str = ""
) -> CheckIn:
    """Check in a ticket whose holder has no code that can be read; ``reason`` says why.

    Raises as check_in, and Malformed without a reason.
    """
    if not has_visible(reason):
        raise Malformed
    with transaction.atomic(durable=True):
        ticket = lock_ticket(pk=ticket_id)
        if ticket is None:
            raise UnknownTicket
        checked_in = admit(ticket, schedule_id=schedule_id, by=by, gate=gate, by_hand_reason=reason)
        activity.record(actor=by, act="check_in.by_hand", target=checked_in, reason=reason)
    return checked_in


def get_check_in(*, check_in_id: uuid.UUID, schedule_id: uuid.UUID) -> CheckIn:
    """A check-in of this show, with its ticket's seat and holder. Raises UnknownCheckIn."""
    related = CheckIn.objects.select_related("ticket__seat", "ticket__user")
    found = related.filter(pk=check_in_id, schedule=schedule_id).first()
    if found is None:
        raise UnknownCheckIn
    return found


def undo_check_in(*, check_in_id: uuid.UUID, by: User, reason: str) -> CheckIn:
    """Undo a check-in: the ticket is issued again and can be checked in.

    Within CHECK_IN_UNDO_MINUTES, also after the end of the show: the record is corrected, but the
    ticket can be neither checked in nor refunded any more. Raises UnknownCheckIn, AlreadyUndone,
    UndoTooLate; AlreadyCancelled when the schedule was cancelled, as used tickets are refunded too;
    Malformed without a reason.
    """
    if not has_visible(reason):
        raise Malformed
    with transaction.atomic(durable=True):
        ticket = lock_ticket(check_ins=check_in_id)
        if ticket is None or not works_for(by, ticket.reservation.schedule.concert_id):
            raise UnknownCheckIn
        # Read after the ticket's lock, which every change of a check-in needs.
        checked_in = ticket.check_ins.get(pk=check_in_id)
        _require_undoable(checked_in, ticket)
        now = database_now()
        _require_in_time(checked_in, now)
        checked_in.undone_at = now
        checked_in.undone_by = by
        checked_in.undo_reason = reason
        # Written before the ticket: the trigger lets it leave USED only after that.
        checked_in.save(update_fields=["undone_at", "undone_by", "undo_reason"])
        ticket.status = Ticket.Status.ISSUED
        _save_use(ticket, now=now, used_at=None, used_by=None, gate="")
        activity.record(actor=by, act="check_in.undo", target=checked_in, reason=reason)
    return _as_read(checked_in, ticket)


@contextmanager
def one_effect_a_scan() -> Iterator[None]:
    """Raises IdempotencyKeyReused where the database refuses a second check-in of one scan."""
    try:
        yield
    except IntegrityError as refused:
        cause = refused.__cause__
        if not isinstance(cause, UniqueViolation) or cause.diag.constraint_name != ONE_A_SCAN:
            raise
        raise IdempotencyKeyReused from refused


def lock_ticket(**which: object) -> Ticket | None:
    """The locked ticket, with the related rows for the answer, read after the lock."""
    locked = Ticket.objects.select_for_update(of=("self",), no_key=True)
    key = locked.filter(**which).values_list("pk", flat=True).first()
    if key is None:
        return None
    shown = Ticket.objects.select_related("seat", "user", "reservation__schedule__concert")
    return shown.get(pk=key)


def why_unknown(code: str) -> DomainError:
    handed_on = TicketOffer.objects.filter(old_code=code).exclude(old_code="").order_by()
    moved = TicketMove.objects.filter(old_code=code).order_by()
    times: Any = handed_on.values_list("ended_at").union(moved.values_list("moved_at"))
    for (ended_at,) in times:
        return CodeEnded(ended_at=ended_at)
    return UnknownTicket()


def find_by_scan(scan: uuid.UUID | None) -> CheckIn | None:
    """The check-in that this scan made, with the rows of an answer; read it after the ticket's
    lock."""
    if scan is None:
        return None
    shown = CheckIn.objects.select_related("ticket__seat", "ticket__user", "schedule__concert")
    return shown.filter(scan=scan).first()


def _as_read(checked_in: CheckIn, ticket: Ticket) -> CheckIn:
    """With the rows that an answer shows."""
    checked_in.ticket = ticket
    checked_in.schedule = ticket.reservation.schedule
    return checked_in


def admit(
    ticket: Ticket,
    *,
    schedule_id: uuid.UUID,
    by: User,
    gate: str,
    scan: uuid.UUID | None = None,
    scanned_at: dt.datetime | None = None,
    by_hand_reason: str = "",
) -> CheckIn:
    """Check in a ticket whose lock the caller holds. ``scanned_at`` is the time of a scan that a
    phone made without a network. Raises as check_in, before anything is written."""
    schedule = ticket.reservation.schedule
    _require_this_show(schedule, schedule_id)
    if not works_for(by, schedule.concert_id):
        raise UnknownSchedule
    _require_good(ticket, schedule)
    now = database_now()
    at = now if scanned_at is None else _possible(scanned_at, schedule, now)
    _require_doors_open(schedule, at)
    checked_in = CheckIn.objects.create(
        ticket=ticket,
        schedule=schedule,
        gate=gate,
        checked_in_by=by,
        checked_in_at=at,
        scan=scan,
        recorded_at=None if scanned_at is None else now,
        by_hand_reason=by_hand_reason,
    )
    ticket.status = Ticket.Status.USED
    _save_use(ticket, now=now, used_at=at, used_by=by, gate=gate)
    return checked_in


def _possible(scanned_at: dt.datetime, schedule: ConcertSchedule, now: dt.datetime) -> dt.datetime:
    """The time of a scan by a phone's clock, which may be wrong: not before the doors were open,
    nor in the future."""
    return min(max(scanned_at, schedule.doors_open_at), now)


def _require_this_show(schedule: ConcertSchedule, wanted: uuid.UUID) -> None:
    if schedule.pk == wanted:
        return
    if not ConcertSchedule.objects.filter(pk=wanted).exists():
        raise UnknownSchedule
    raise WrongSchedule(
        schedule=str(schedule.pk),
        concert_title=schedule.concert.title,
        start_at=schedule.start_at,
    )


def _require_good(ticket: Ticket, schedule: ConcertSchedule) -> None:
    if ticket.status == Ticket.Status.USED:
        before = ticket.check_ins.get(undone_at=None)
        raise TicketUsed(
            ticket=str(ticket.pk),
            used_at=utc(before.checked_in_at),
            gate=before.gate,
            check_in=str(before.pk),
        )
    ticket.require_issued()
    if schedule.cancelled_at is not None:
        raise AlreadyCancelled(ticket=str(ticket.pk))


def _require_doors_open(schedule: ConcertSchedule, now: dt.datetime) -> None:
    if now >= schedule.end_at:
        raise ShowOver(ended_at=schedule.end_at)
    if now < schedule.doors_open_at:
        raise DoorsNotOpen(opens_at=schedule.doors_open_at, start_at=schedule.start_at)


def _require_undoable(checked_in: CheckIn, ticket: Ticket) -> None:
    if checked_in.undone_at is not None:
        raise AlreadyUndone(check_in=str(checked_in.pk))
    is_off = ticket.reservation.schedule.cancelled_at is not None
    if is_off or ticket.status == Ticket.Status.CANCELLED:
        raise AlreadyCancelled(ticket=str(ticket.pk))


def _require_in_time(checked_in: CheckIn, now: dt.datetime) -> None:
    until = checked_in.checked_in_at + dt.timedelta(minutes=settings.CHECK_IN_UNDO_MINUTES)
    if now > until:
        raise UndoTooLate(until=until)


def _save_use(
    ticket: Ticket,
    *,
    now: dt.datetime,
    used_at: dt.datetime | None,
    used_by: User | None,
    gate: str,
) -> None:
    ticket.used_at = used_at
    ticket.used_by = used_by
    ticket.gate = gate
    save_change(ticket, now=now, fields=["status", "used_at", "used_by", "gate"])
