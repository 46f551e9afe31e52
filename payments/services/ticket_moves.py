"""Move a ticket to another seat of its performance, by the staff, in one transaction: the old seat
goes back on sale, the ticket gets a new code, and the old code ends.

No money moves. The ticket keeps the price that was paid for it, whatever the new seat costs, and a
later refund is of that price: an operator who moves a buyer for a broken seat neither charges nor
pays back a difference. The new seat may be one that was blocked, or held back for such a case.

Locks, in the one order: both seats by key, which keep other changes of the reservation away, and
the ticket.
"""

import uuid

from django.db import transaction
from django.db.models import QuerySet, Value

from accounts.models import User
from accounts.services import activity
from accounts.services.outbox import new_message, queue
from concertbook.db.clock import database_now
from concertbook.errors import NotFound
from concerts.errors import SeatNotFound
from concerts.models import ConcertSchedule, Seat, save_status
from concerts.names import clean_name, look_alike
from payments.errors import StaleTicket
from payments.models import Reservation, Ticket, TicketMove, new_ticket_code, save_change

MOVED = "moved"


def move_ticket(*, actor: User, ticket_id: uuid.UUID, to: str, reason: str) -> TicketMove:
    """Give the ticket's holder the seat with the label ``to``, log it, and mail the new ticket to
    the holder, and the news to a buyer who has handed it on.

    Raises NotFound, SeatNotFound, SeatTaken (also for its own seat), TicketUsed, AlreadyCancelled,
    ScheduleCancelled; StaleTicket when the ticket was moved meanwhile.
    """
    tickets = Ticket.objects.select_related("reservation")
    found = tickets.filter(pk=ticket_id).first()
    if found is None:
        raise NotFound
    schedule_id = found.reservation.schedule_id
    wanted = _labelled(schedule_id, to)
    with transaction.atomic(durable=True):
        seats = _lock_seats([found.seat_id, wanted])
        ticket = Ticket.objects.select_for_update(no_key=True).get(pk=ticket_id)
        if wanted not in seats:
            raise SeatNotFound
        if ticket.seat_id != found.seat_id:
            raise StaleTicket
        schedule = ConcertSchedule.objects.get(pk=schedule_id)
        schedule.require_not_cancelled()
        ticket.require_issued()
        reservation = ticket.reservation
        move = _move(ticket, reservation, seats[found.seat_id], seats[wanted], schedule, by=actor)
        activity.record(
            actor=actor,
            act="ticket.move",
            target=ticket,
            old={"seat": move.from_seat.label},
            new={"seat": move.to_seat.label},
            reason=reason,
        )
        users = {ticket.user_id, reservation.user_id}
        queue(
            new_message(kind="ticket_moved", user=user, data={"move": move.pk})
            for user in User.objects.filter(pk__in=users)
        )
    return move


def _labelled(schedule_id: uuid.UUID, label: str) -> uuid.UUID:
    seats = Seat.objects.alias(key=look_alike("label")).filter(
        schedule=schedule_id, key=look_alike(Value(clean_name(label)))
    )
    found: uuid.UUID | None = seats.values_list("pk", flat=True).first()
    if found is None:
        raise SeatNotFound
    return found


def _lock_seats(keys: list[uuid.UUID]) -> dict[uuid.UUID, Seat]:
    seats: QuerySet[Seat] = Seat.objects.select_for_update(no_key=True).filter(pk__in=keys)
    return {seat.pk: seat for seat in seats.order_by("pk")}


def _move(
    ticket: Ticket,
    reservation: Reservation,
    old: Seat,
    new: Seat,
    schedule: ConcertSchedule,
    *,
    by: User,
) -> TicketMove:
    """Write it, first of all the move: triggers let the rows change their seat after that only."""
    now = database_now()
    was = new.status
    new.give()
    move = TicketMove.objects.create(
        ticket=ticket,
        from_seat=old,
        to_seat=new,
        old_code=ticket.code,
        moved_by=by,
        moved_at=now,
    )
    reservation.seat = new
    reservation.save(update_fields=["seat"])
    ticket.seat, ticket.seat_number, ticket.code = new, new.number, new_ticket_code()
    save_change(ticket, now=now, fields=["seat", "seat_number", "code"])
    old.release(available_from=schedule.after_cooldown(now))
    save_status([old], from_status=Seat.Status.RESERVED, changed_by=by, reason=MOVED, now=now)
    save_status([new], from_status=was, changed_by=by, reason=MOVED, now=now)
    return move
