"""The door: a ticket's code lets somebody in exactly once."""

from django.db import transaction

from accounts.models import User
from concertbook.clock import database_now
from concertbook.errors import NotFound
from payments.errors import AlreadyCancelled
from payments.models import Ticket, save_change


def check_in(*, code: str, by: User, gate: str = "") -> Ticket:
    """Mark the ticket used. ``by`` is the member of staff at the door.

    Raises NotFound for an unknown code, AlreadyCancelled (also when the whole schedule is), and
    TicketUsed with when and where.
    """
    with transaction.atomic(durable=True):
        tickets = Ticket.objects.select_for_update(of=("self",), no_key=True)
        ticket = (
            tickets.select_related("seat", "reservation__schedule__concert")
            .filter(code=code)
            .first()
        )
        if ticket is None:
            raise NotFound
        ticket.require_issued()
        if ticket.reservation.schedule.cancelled_at is not None:
            raise AlreadyCancelled(ticket=str(ticket.pk))
        now = database_now()
        ticket.status = Ticket.Status.USED
        ticket.used_at = now
        ticket.used_by = by
        ticket.gate = gate
        save_change(ticket, now=now, fields=["status", "used_at", "used_by", "gate"])
    return ticket
