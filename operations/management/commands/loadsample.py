"""manage.py loadsample: sample accounts and concerts."""

import datetime as dt
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import User
from accounts.services.charges import charge
from concertbook.db.clock import database_now
from concertbook.db.statements import execute
from concerts.models import Concert, ConcertSchedule, Seat
from concerts.services import schedule_rules
from concerts.services.seat_generation import generate_seats
from operations.sample_buyers import SampleBuyers, buy
from operations.sample_season import SHOWS, Show
from payments.models import Ticket, TicketOffer
from payments.services.schedule_cancellation import cancel_schedule, refund_cancelled_schedules
from payments.services.ticket_offers import offer_ticket
from queueing.models import WaitingRoom

WON_PER_BUYER = 1_000_000
# The performance of today begins in so many hours; its doors open so many minutes before.
TODAY = dt.timedelta(hours=6)
OPEN_BEFORE = 8 * 60


@dataclass(frozen=True)
class Account:
    email: str
    password: str
    name: str
    role: str
    is_staff: bool = False
    is_superuser: bool = False
    is_buyer: bool = False
    # The groups of the account's roles (operations/roles.py).
    groups: Sequence[str] = ()
    # By the slug of a show of one evening: how many tickets the account has for it.
    tickets: Mapping[str, int] = field(default_factory=dict)
    # How many for the performance whose doors are open.
    tickets_today: int = 0


ACCOUNTS = [
    Account(
        "admin@concertbook.local",
        "sample-admin-2718",
        "관리자",
        "administrator",
        is_staff=True,
        is_superuser=True,
    ),
    Account(
        "door@concertbook.local",
        "sample-door-3141",
        "문지영",
        "door staff",
        is_staff=True,
        groups=["Door"],
    ),
    Account(
        "support@concertbook.local",
        "sample-support-1732",
        "윤서아",
        "support",
        is_staff=True,
        groups=["Support"],
    ),
    Account(
        "lead@concertbook.local",
        "sample-lead-2236",
        "한도윤",
        "support lead",
        is_staff=True,
        groups=["Support lead"],
    ),
    Account(
        "programme@concertbook.local",
        "sample-programme-2645",
        "오하린",
        "programme",
        is_staff=True,
        groups=["Programme"],
    ),
    Account(
        "finance@concertbook.local",
        "sample-finance-2828",
        "서준우",
        "finance",
        is_staff=True,
        groups=["Finance"],
    ),
    Account(
        "duty@concertbook.local",
        "sample-duty-3162",
        "강태오",
        "duty manager",
        is_staff=True,
        groups=["Duty manager"],
    ),
    Account(
        "owner@concertbook.local",
        "sample-owner-3316",
        "배수진",
        "owner",
        is_staff=True,
        groups=["Owner"],
    ),
    Account(
        "minji@concertbook.local",
        "sample-buyer-1618",
        "김민지",
        "buyer",
        is_buyer=True,
        # For the show in three days, one that was moved, and one that was cancelled.
        tickets={"dawn-choir": 2, "end-of-summer": 1, "storm-eve": 1},
        tickets_today=2,
    ),
    Account("junho@concertbook.local", "sample-buyer-1414", "이준호", "buyer", is_buyer=True),
]


class Command(BaseCommand):
    help = "Load sample accounts and concerts; existing ones are not changed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--force", action="store_true", help="load known passwords although DEBUG is off"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG and not options["force"]:
            raise CommandError(
                "The sample accounts have public passwords, and DEBUG is off."
                " Give --force if this is no real box office."
            )
        for account in ACCOUNTS:
            load_account(account)
        buyers = SampleBuyers()
        for show in SHOWS:
            load_show(show, buyers)
        # Otherwise the worker does it, and writes to those who are forgotten here.
        refund_cancelled_schedules()
        buyers.forget_mails()
        offer_a_ticket()
        update_statistics()
        width = max(len(account.email) for account in ACCOUNTS)
        for account in ACCOUNTS:
            self.stdout.write(f"{account.email:<{width}}  {account.password:<18}  {account.role}")


def update_statistics() -> None:
    """ANALYZE. Autovacuum does it a minute later; until then the planner takes the tables that this
    command filled for empty ones, and the audit's joins of 27,000 seats for joins of none."""
    execute("ANALYZE")


def load_account(account: Account) -> None:
    user = User.objects.with_email(account.email).first() or User.objects.create_user(
        account.email,
        account.password,
        name=account.name,
        email_verified_at=database_now(),
        is_staff=account.is_staff,
        is_superuser=account.is_superuser,
    )
    # Also for an account of an earlier version.
    user.groups.add(*Group.objects.filter(name__in=account.groups))
    if account.is_buyer and not user.charges.exists():
        charge(user=user, amount=WON_PER_BUYER)


def load_show(show: Show, buyers: SampleBuyers) -> None:
    """Put the show on sale; it gets new schedules when the old ones are over or sold out, unless
    that is what it shows."""
    room = WaitingRoom.objects.filter(slug=show.slug).first() or open_room(show)
    schedules = ConcertSchedule.objects.filter(
        concert__waiting_room=room, reserve_until__gt=database_now()
    )
    seats = Seat.objects.filter(schedule__in=schedules)
    if not show.is_sold_out:
        seats = seats.filter(status=Seat.Status.AVAILABLE)
    if not seats.exists():
        announce(show, room, buyers)
    if show.plays_today and not any(
        schedule.doors_open_at <= database_now() for schedule in schedules
    ):
        play_today(show, room, buyers)


def play_today(show: Show, room: WaitingRoom, buyers: SampleBuyers) -> None:
    """A performance that can be bought and checked in at once, whenever the sample is loaded."""
    hour = timezone.localtime(database_now()).replace(minute=0, second=0, microsecond=0)
    schedule = perform(show, room, hour + TODAY, doors_open_minutes=OPEN_BEFORE)
    buyers.come(schedule, sold=show.sold, held=show.held)
    for account in ACCOUNTS:
        buy_tickets(account, schedule, account.tickets_today)


def open_room(show: Show) -> WaitingRoom:
    state = WaitingRoom.State.SCHEDULED if show.draws_lots else WaitingRoom.State.OPEN
    return WaitingRoom.objects.create(
        title=show.title,
        slug=show.slug,
        state=state,
        opens_at=sale_opening(show) if show.draws_lots else None,
        shuffle=show.draws_lots,
        capacity=show.capacity,
    )


def announce(show: Show, room: WaitingRoom, buyers: SampleBuyers) -> None:
    for start_at in [evening(days, show.hour) for days in show.days]:
        schedule = perform(show, room, start_at)
        for account in ACCOUNTS:
            buy_tickets(account, schedule, account.tickets.get(show.slug, 0))
        if show.moved_by_days:
            move(schedule, days=show.moved_by_days)
        # After the move, of which they are not told then.
        if show.sold:
            buyers.come(schedule, sold=show.sold, held=show.held)
        if show.cancelled_because:
            operator = User.objects.with_email(ACCOUNTS[0].email).get()
            cancel_schedule(schedule_id=schedule.pk, by=operator, reason=show.cancelled_because)


def perform(show: Show, room: WaitingRoom, start_at: dt.datetime, **fields: Any) -> ConcertSchedule:
    """A new schedule with its seats."""
    schedule = ConcertSchedule.objects.create(
        concert=run_of(show, room, start_at),
        price=min(block.price for block in show.blocks),
        purchase_limit=show.purchase_limit,
        reserve_from=sale_opening(show),
        reserve_until=start_at - dt.timedelta(hours=1),
        start_at=start_at,
        end_at=start_at + dt.timedelta(minutes=show.minutes),
        **fields,
    )
    generate_seats(schedule_id=schedule.pk, blocks=show.blocks)
    for kind, labels in show.kinds.items():
        schedule.seats.filter(label__in=labels).update(kind=kind)
    schedule.refresh_from_db()
    return schedule


def buy_tickets(account: Account, schedule: ConcertSchedule, seats: int) -> None:
    free = schedule.seats.free().filter(kind=Seat.Kind.STANDARD).order_by("number")
    numbers = list(free.values_list("number", flat=True)[:seats])
    if numbers:
        buy(schedule, [(User.objects.with_email(account.email).get(), numbers)])


def offer_a_ticket() -> None:
    """One buyer has offered the other a ticket for the show in three days, once."""
    giver, receiver = (account.email for account in ACCOUNTS if account.is_buyer)
    tickets = Ticket.objects.filter(user__email=giver, status=Ticket.Status.ISSUED)
    ticket = tickets.filter(seat__schedule__concert__waiting_room__slug="dawn-choir").first()
    if ticket and not TicketOffer.objects.filter(giver=ticket.user_id).exists():
        offer_ticket(user=ticket.user, ticket_id=ticket.pk, email=receiver)


def evening(days: int, hour: int) -> dt.datetime:
    """This hour at the venue, so many days from today."""
    day = timezone.localtime(database_now()) + dt.timedelta(days=days)
    return day.replace(hour=hour, minute=0, second=0, microsecond=0)


def sale_opening(show: Show) -> dt.datetime:
    """20:00 in some days, in some minutes, or now."""
    if show.opens_in_days:
        return evening(show.opens_in_days, 20)
    return database_now() + dt.timedelta(minutes=show.opens_in_minutes)


def move(schedule: ConcertSchedule, *, days: int) -> None:
    """As an operator moves a schedule by its form, with its end and its sale."""
    later = dt.timedelta(days=days)
    start_at = schedule.start_at + later
    ConcertSchedule.objects.filter(pk=schedule.pk).update(
        start_at=start_at,
        end_at=schedule.end_at + later,
        reserve_until=schedule.reserve_until + later,
        moved_from=schedule_rules.moved_from(schedule_id=schedule.pk, start_at=start_at),
    )
    schedule.refresh_from_db()


def run_of(show: Show, room: WaitingRoom, start_at: dt.datetime) -> Concert:
    """The show's concert, new or with its run extended to this performance."""
    end_time = start_at + dt.timedelta(minutes=show.minutes)
    concert, created = Concert.objects.get_or_create(
        waiting_room=room,
        defaults={
            "id": show.id,
            "title": show.title,
            "title_en": show.title_en,
            "artist": show.artist,
            "description": show.description,
            "notice": show.notice,
            "notice_en": show.notice_en,
            "venue": show.venue,
            "venue_en": show.venue_en,
            "venue_address": show.address,
            "venue_map": show.map,
            "running_minutes": show.minutes,
            "minimum_age": show.minimum_age,
            "colour": show.colour,
            "start_time": start_at,
            "end_time": end_time,
        },
    )
    if not created:
        concert.start_time = min(concert.start_time, start_at)
        concert.end_time = max(concert.end_time, end_time)
        concert.save(update_fields=["start_time", "end_time", "updated_at"])
    return concert
