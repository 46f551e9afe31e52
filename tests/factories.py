"""Objects of a running sale: valid in the database, times relative to now."""

import datetime as dt
import uuid
from collections.abc import Iterable
from typing import Any

import factory
import redis
from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.utils import timezone
from factory.django import DjangoModelFactory

from accounts.gateway import GatewayAnswer
from accounts.models import Balance, Charge, User
from accounts.services.charges import settle_charge
from concerts.models import Concert, ConcertSchedule, Seat, StaffConcert
from concerts.refund_policy import KOREAN_STANDARD, RefundPolicy
from concerts.services.seat_generation import Block, generate_seats
from payments.models import CheckIn, CheckInConflict, Reservation, Ticket
from payments.services.check_ins import check_in
from payments.services.checkout import pay_reservations
from payments.services.holds import hold_seats
from payments.services.scan_sync import OfflineScan, sync_scans
from queueing.models import QueueToken, WaitingRoom
from queueing.services import join_and_leave

PASSWORD = "correct horse battery staple"
# What the form of a new account asks for: the versions that are shown.
CONSENTS = {"terms": "1", "privacy": "1"}


def ago(**delta: float) -> Any:
    return factory.LazyFunction(lambda: timezone.now() - dt.timedelta(**delta))


def ahead(**delta: float) -> Any:
    return factory.LazyFunction(lambda: timezone.now() + dt.timedelta(**delta))


class UserFactory(DjangoModelFactory[User]):
    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"buyer{n}@example.com")
    email_verified_at = ago(days=1)
    name = factory.Faker("name", locale="ko_KR")
    password = factory.django.Password(PASSWORD)

    @factory.post_generation  # type: ignore[untyped-decorator]
    def won(user: User, create: bool, amount: int | None, **kwargs: Any) -> None:  # noqa: N805
        """UserFactory(won=50_000): a user who has charged that much."""
        if amount:
            charge = Charge.objects.create(user=user, amount=amount)
            settle_charge(charge_id=charge.pk, answer=GatewayAnswer(approved=True))


class StaffFactory(UserFactory):
    is_staff = True


class CheckInStaffFactory(StaffFactory):
    """Staff who may check in tickets."""

    @factory.post_generation  # type: ignore[untyped-decorator]
    def may_check_in(user: User, create: bool, extracted: Any, **kwargs: Any) -> None:  # noqa: N805
        user.user_permissions.add(Permission.objects.get(codename="check_in_ticket"))


def staff(*roles: str, concerts: Iterable[Concert] = (), **fields: Any) -> User:
    """A member of the staff with these roles (operations/roles.py); of some concerts only."""
    user = StaffFactory.create(**fields)
    groups = list(Group.objects.filter(name__in=roles))
    assert len(groups) == len(roles), f"no such role: {roles}"
    user.groups.set(groups)
    StaffConcert.objects.bulk_create(StaffConcert(user=user, concert=each) for each in concerts)
    return user


class WaitingRoomFactory(DjangoModelFactory[WaitingRoom]):
    class Meta:
        model = WaitingRoom

    title = factory.Sequence(lambda n: f"Room {n}")
    slug = factory.Sequence(lambda n: f"room-{n}")
    state = WaitingRoom.State.OPEN
    capacity = 100


class ConcertFactory(DjangoModelFactory[Concert]):
    class Meta:
        model = Concert

    title = factory.Sequence(lambda n: f"Concert {n}")
    refund_policy = KOREAN_STANDARD
    refund_policy_reason = factory.LazyAttribute(
        lambda concert: (
            "" if RefundPolicy.parse(concert.refund_policy).meets_standard else "A hall to fill"
        )
    )
    start_time = ahead(days=30)
    end_time = ahead(days=31)
    waiting_room = factory.SubFactory(WaitingRoomFactory)


class ScheduleFactory(DjangoModelFactory[ConcertSchedule]):
    """A schedule on sale with ``seats`` seats (10 by default) of one price."""

    class Meta:
        model = ConcertSchedule
        skip_postgeneration_save = True

    class Params:
        # Tickets can be checked in now, and can still be cancelled without a fee.
        doors_open = factory.Trait(
            reserve_until=ahead(days=19),
            start_at=ahead(days=20),
            end_at=ahead(days=20, hours=2),
            doors_open_minutes=21 * 24 * 60,
        )

    concert = factory.SubFactory(ConcertFactory)
    price = 10_000
    purchase_limit = 4
    cooldown_seconds = 0
    reserve_from = ago(hours=1)
    reserve_until = ahead(days=29)
    start_at = ahead(days=30)
    end_at = ahead(days=30, hours=2)

    @factory.post_generation  # type: ignore[untyped-decorator]
    def seats(schedule: ConcertSchedule, create: bool, n: int | None, **kwargs: Any) -> None:  # noqa: N805
        n = 10 if n is None else n
        block = Block(section="", rows=1, seats_per_row=n, grade="R", price=schedule.price)
        generate_seats(schedule_id=schedule.pk, blocks=[block])
        schedule.refresh_from_db()


def fill(
    schedule: ConcertSchedule,
    *,
    sections: int,
    rows: int,
    seats_per_row: int,
    name: str = "1층 {}구역",
    grade: str = "R",
) -> None:
    """Add so many equal sections, named by their number from 1."""
    blocks = [
        Block(name.format(number), rows, seats_per_row, grade, schedule.price)
        for number in range(1, sections + 1)
    ]
    generate_seats(schedule_id=schedule.pk, blocks=blocks)


def admitted(user: User, schedule: ConcertSchedule) -> QueueToken:
    """The user's admitted token for the schedule's room."""
    room = schedule.concert.waiting_room
    place, _joined = join_and_leave.join(user=user, slug=room.slug)
    token = QueueToken.objects.get(pk=place.token)
    assert token.is_admitted, "the room is full or not open"
    return token


def held(user: User, schedule: ConcertSchedule, *numbers: int) -> list[Reservation]:
    """Admit the user and hold the seats."""
    admitted(user, schedule)
    return hold_seats(user=user, schedule_id=schedule.pk, numbers=numbers or (1,))


def bought(user: User, schedule: ConcertSchedule, *numbers: int) -> Any:
    """Hold and pay seats for the user, who must have the money; the receipt."""
    reservations = held(user, schedule, *numbers)
    return pay_reservations(
        user=user, reservation_ids=[reservation.pk for reservation in reservations]
    )


def scanned(ticket: Ticket, *, by: User | None = None, gate: str = "") -> CheckIn:
    """Check the ticket in at its own show, whose doors must be open."""
    schedule_id = ticket.reservation.schedule_id
    staff = by or StaffFactory.create()
    return check_in(code=ticket.code, schedule_id=schedule_id, by=staff, gate=gate)


def scanned_offline(
    ticket: Ticket, *, by: User | None = None, gate: str = "", minutes_ago: float = 5
) -> CheckIn | CheckInConflict:
    """What a phone that had no network at that time has sent now."""
    at = timezone.now() - dt.timedelta(minutes=minutes_ago)
    scan = OfflineScan(id=uuid.uuid4(), code=ticket.code, gate=gate, scanned_at=at)
    schedule_id = ticket.reservation.schedule_id
    (record,) = sync_scans(schedule_id=schedule_id, scans=[scan], by=by or StaffFactory.create())
    return record


def overdue(*reservations: Reservation) -> None:
    """Let these holds be expired, as if they had been taken ten minutes ago.

    The database's clock cannot be frozen, so the holds are moved into the past.
    """
    held_at = timezone.now() - dt.timedelta(minutes=10)
    over_at = held_at + dt.timedelta(minutes=5)
    with transaction.atomic():
        for reservation in reservations:
            Reservation.objects.filter(pk=reservation.pk).update(
                created_at=held_at, expires_at=over_at
            )
            Seat.objects.filter(pk=reservation.seat_id).update(hold_expires_at=over_at)
            # The holder had been admitted before.
            QueueToken.objects.filter(
                user=reservation.user, status=QueueToken.Status.ACTIVE, available_at__gt=held_at
            ).update(available_at=held_at)
    for reservation in reservations:
        reservation.refresh_from_db()


def balance_of(user: User) -> int:
    balance = Balance.objects.filter(user=user).first()
    return balance.amount if balance else 0


def expected_to_ask(token: QueueToken, *, seconds_ago: int) -> None:
    """Let a poll be overdue by this long, in a line that has moved for a long time.

    The room must have its index.
    """
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.hset(f"line:{token.room_id}:room", "moving_since", 1)
    now, _micros = client.time()
    due = {str(token.position): (now - seconds_ago) * 1000}
    assert client.zadd(f"line:{token.room_id}:due", due, xx=True, ch=True)
