"""The purchase: reservation, payment, ticket and its offers, check-in, refund."""

from payments.models.check_in import CheckIn, CheckInConflict
from payments.models.purchase import (
    CANCELLED,
    CANCELLED_BY_STAFF,
    FEE_WAIVED,
    SCHEDULE_CANCELLED,
    Payment,
    Refund,
    Reservation,
    ReservationQuerySet,
)
from payments.models.ticket import Ticket, TicketMove, TicketOffer, new_ticket_code, save_change

__all__ = [
    "CANCELLED",
    "CANCELLED_BY_STAFF",
    "FEE_WAIVED",
    "SCHEDULE_CANCELLED",
    "CheckIn",
    "CheckInConflict",
    "Payment",
    "Refund",
    "Reservation",
    "ReservationQuerySet",
    "Ticket",
    "TicketMove",
    "TicketOffer",
    "new_ticket_code",
    "save_change",
]
