"""Tickets for calendars (iCalendar, RFC 5545): an event each, which a calendar moves or takes out
when it reads the file again, as its UID stays."""

from collections.abc import Sequence

from django.utils.translation import gettext as _
from django.utils.translation import override
from icalendar import Event

from concerts import calendar_file
from payments.ticket_document import TicketDocument

MEDIA_TYPE = calendar_file.MEDIA_TYPE


def write_ticket_calendar(tickets: Sequence[TicketDocument]) -> bytes:
    """In the language of each ticket; the same as long as nothing changes."""
    with override(tickets[0].language):
        calendar = calendar_file.new_calendar(_("My tickets"))
    for ticket in tickets:
        with override(ticket.language):
            calendar.add_component(_event(ticket))
    return calendar_file.finished(calendar)


def _event(ticket: TicketDocument) -> Event:
    event = calendar_file.new_event(
        f"{ticket.ticket_id}@concertbook", ticket.changed_at, ticket.page
    )
    event.add("SUMMARY", f"{ticket.title} · {ticket.label}")
    calendar_file.add_show(
        event,
        starts_at=ticket.starts_at,
        ends_at=ticket.ends_at,
        is_cancelled=ticket.state.is_over,
        places=[ticket.venue, ticket.address],
    )
    said = [*ticket.facts(), *ticket.order_facts()]
    event.add("DESCRIPTION", "\n".join(f"{label}: {value}" for label, value in said))
    return event
