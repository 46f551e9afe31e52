"""manage.py loadsample: sample accounts and concerts."""

import datetime as dt
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Permission
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import User
from accounts.services.charges import charge
from concertbook.db.clock import database_now
from concerts.models import Concert, ConcertSchedule, Seat
from concerts.services.seat_generation import Block, generate_seats
from queueing.models import WaitingRoom

WON_PER_BUYER = 1_000_000


@dataclass(frozen=True)
class Account:
    email: str
    password: str
    name: str
    role: str
    is_staff: bool = False
    is_superuser: bool = False
    is_buyer: bool = False
    permissions: Sequence[str] = ()


@dataclass(frozen=True)
class Show:
    """A sample concert. Days count from today; the sale opens in ``opens_in_days``, immediately for
    0. ``slug`` is its waiting room's."""

    slug: str
    title: str
    venue: str
    description: str
    capacity: int
    purchase_limit: int
    blocks: Sequence[Block]
    days: Sequence[int]
    hour: int
    opens_in_days: int = 0


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
        permissions=["check_in_ticket"],
    ),
    Account("minji@concertbook.local", "sample-buyer-1618", "김민지", "buyer", is_buyer=True),
    Account("junho@concertbook.local", "sample-buyer-1414", "이준호", "buyer", is_buyer=True),
]

SHOWS = [
    Show(
        slug="midnight-jazz",
        title="한밤의 재즈: 김도윤 트리오",
        venue="연남 블루룸",
        description="피아노, 베이스, 드럼. 가까이에서 듣는 쉰 석의 밤입니다."
        " 2집 〈늦은 산책〉 전곡과 앙코르 즉흥 연주를 들려드립니다.",
        capacity=20,
        purchase_limit=4,
        blocks=[
            Block(section="중앙", rows=1, seats_per_row=10, grade="VIP", price=88_000),
            Block(section="홀", rows=2, seats_per_row=10, grade="R", price=66_000),
            Block(section="발코니", rows=2, seats_per_row=10, grade="S", price=44_000),
        ],
        days=[14, 15],
        hour=20,
    ),
    Show(
        slug="cinema-symphony",
        title="시네마 심포니: 영화음악의 밤",
        venue="한강 콘서트홀 대극장",
        description="80인조 오케스트라가 스크린 속 명장면을 연주합니다."
        " 1부 고전 영화, 2부 한국 영화. 휴식 20분 포함 120분 공연.",
        capacity=200,
        purchase_limit=6,
        blocks=[
            Block(section="1층 중앙", rows=20, seats_per_row=25, grade="VIP", price=165_000),
            Block(section="1층 좌우", rows=20, seats_per_row=30, grade="R", price=132_000),
            Block(section="2층", rows=15, seats_per_row=40, grade="S", price=99_000),
            Block(section="3층", rows=10, seats_per_row=30, grade="A", price=66_000),
        ],
        days=[30],
        hour=19,
    ),
    Show(
        slug="indie-wave",
        title="인디 웨이브: 첫 번째 물결",
        venue="성수 라이브스테이션",
        description="다섯 팀이 하룻밤에. 예매가 열리기 전부터 대기실에서 줄을 설 수 있습니다.",
        capacity=100,
        purchase_limit=2,
        blocks=[
            Block(section="스탠딩", rows=10, seats_per_row=20, grade="R", price=77_000),
            Block(section="지정석", rows=5, seats_per_row=20, grade="S", price=55_000),
        ],
        days=[45],
        hour=18,
        opens_in_days=7,
    ),
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
        for show in SHOWS:
            load_show(show)
        width = max(len(account.email) for account in ACCOUNTS)
        for account in ACCOUNTS:
            self.stdout.write(f"{account.email:<{width}}  {account.password:<18}  {account.role}")


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
    user.user_permissions.add(*Permission.objects.filter(codename__in=account.permissions))
    if account.is_buyer and not user.charges.exists():
        charge(user=user, amount=WON_PER_BUYER)


def load_show(show: Show) -> None:
    """Put the show on sale; it gets new schedules when the old ones are over or sold out."""
    room = WaitingRoom.objects.filter(slug=show.slug).first() or open_room(show)
    seats = Seat.objects.filter(
        schedule__concert__waiting_room=room,
        schedule__reserve_until__gt=database_now(),
        status=Seat.Status.AVAILABLE,
    )
    if not seats.exists():
        announce(show, room)


def open_room(show: Show) -> WaitingRoom:
    return WaitingRoom.objects.create(
        title=show.title,
        slug=show.slug,
        state=WaitingRoom.State.OPEN,
        capacity=show.capacity,
    )


def announce(show: Show, room: WaitingRoom) -> None:
    evenings = [evening(days, show.hour) for days in show.days]
    concert = run_of(show, room, evenings)
    for start_at in evenings:
        schedule = ConcertSchedule.objects.create(
            concert=concert,
            price=min(block.price for block in show.blocks),
            purchase_limit=show.purchase_limit,
            reserve_from=sale_opening(show),
            reserve_until=start_at - dt.timedelta(hours=1),
            start_at=start_at,
            end_at=start_at + dt.timedelta(hours=2),
        )
        generate_seats(schedule_id=schedule.pk, blocks=show.blocks)


def evening(days: int, hour: int) -> dt.datetime:
    """This hour at the venue, so many days from today."""
    day = timezone.localtime(database_now()) + dt.timedelta(days=days)
    return day.replace(hour=hour, minute=0, second=0, microsecond=0)


def sale_opening(show: Show) -> dt.datetime:
    """20:00 for a future sale, now for an open one."""
    return evening(show.opens_in_days, 20) if show.opens_in_days else database_now()


def run_of(show: Show, room: WaitingRoom, evenings: Sequence[dt.datetime]) -> Concert:
    """The show's concert, new or with its run extended to these evenings."""
    end_time = evenings[-1] + dt.timedelta(hours=2)
    concert, created = Concert.objects.get_or_create(
        waiting_room=room,
        defaults={
            "title": show.title,
            "description": show.description,
            "venue": show.venue,
            "start_time": evenings[0],
            "end_time": end_time,
        },
    )
    if not created:
        concert.end_time = max(concert.end_time, end_time)
        concert.save(update_fields=["end_time", "updated_at"])
    return concert
