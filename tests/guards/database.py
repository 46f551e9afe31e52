"""The constraints and triggers of the database, and a test that fails without each.

They are read from the database's catalogue. Left out are those that Django creates itself: primary
and foreign keys, NOT NULL, the checks of its positive integers (``..._check``) and of its
many-to-many tables (``..._uniq``).
"""

import datetime as dt
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from django.db import connection

from concerts.models import ConcertSchedule, Seat
from concerts.services.seat_plans import present_version
from payments.services.ticket_offers import offer_ticket
from tests.concertbook.test_database_constraints import (
    AFTERWARDS,
    ATTACKS,
    OTHER_ATTACKS,
    assert_refused,
)
from tests.concurrency import guards as dropping
from tests.factories import (
    ScheduleFactory,
    UserFactory,
    WaitingRoomFactory,
    admitted,
    bought,
    held,
    scanned,
)
from tests.queueing.test_draw import (
    test_a_room_that_shuffles_commits_to_a_seed_from_the_beginning as commits_to_a_seed,
)

OURS = ("accounts_", "concerts_", "operations_", "payments_", "queueing_")
CATALOGUE = """
    SELECT conname, conrelid::regclass::text, CASE contype WHEN 'c' THEN 'check' ELSE 'unique' END
    FROM pg_constraint
    WHERE contype IN ('c', 'u', 'x') AND connamespace = 'public'::regnamespace
      AND conname !~ '(_check|_uniq)$'
    UNION
    SELECT index.relname, indrelid::regclass::text, 'unique index'
    FROM pg_index JOIN pg_class index ON index.oid = indexrelid
    WHERE indisunique AND NOT indisprimary AND index.relnamespace = 'public'::regnamespace
      AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
    UNION
    SELECT tgname, tgrelid::regclass::text, 'trigger' FROM pg_trigger WHERE NOT tgisinternal
"""


def guards() -> list[tuple[str, str, str]]:
    """(name, table, kind) of each, as the database has them."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM ({CATALOGUE}) guard ORDER BY 3, 1, 2")
        found: list[Any] = cursor.fetchall()
    return [guard for guard in found if guard[1].startswith(OURS)]


def drop(name: str) -> None:
    """Drop the guard until the end of the current transaction."""
    statements, _restore = (
        dropping._trigger(name) or dropping._constraint(name) or dropping._index(name)
    )
    dropping._run(statements)


def attacks() -> Iterator[tuple[str, str, Callable[[], Any]]]:
    """(guard, attack, test): the test passes with the guard and fails without it."""
    for table in (ATTACKS, AFTERWARDS, OTHER_ATTACKS):
        for what, (guard, attack) in table.items():
            yield guard, what, partial(assert_refused, guard, attack)
    # Nine triggers refuse nothing: they keep the present seat plan, note moves of schedules, end
    # offers, and create rows and sequences that every room needs.
    for done, change in CHANGES_OF_SEATS.items():
        yield f"concerts_seat_{done}_outdates_plan", f"a seat {done}", partial(outdated_by, change)
    yield "concerts_schedule_move_is_noted", "a schedule that is moved", a_move_is_noted
    yield "payments_ticketoffer_ends_with_its_ticket", "a used ticket's offer", offer_ends
    yield "queueing_shuffling_room_has_draw", "a room that draws lots", commits_to_a_seed
    yield "queueing_room_has_positions", "a join of a room", a_buyer_joins
    yield "queueing_capacity_is_on_record", "a room whose capacity changes", capacity_is_kept


def offer_ends() -> None:
    ticket = bought(
        UserFactory.create(won=10_000), ScheduleFactory.create(doors_open=True)
    ).tickets[0]
    offer = offer_ticket(user=ticket.user, ticket_id=ticket.pk, email="friend@example.com")
    scanned(ticket)
    offer.refresh_from_db()
    assert offer.status == "ENDED"


CHANGES_OF_SEATS: dict[str, Callable[[ConcertSchedule], object]] = {
    "added": lambda schedule: Seat.objects.create(
        schedule=schedule, number=9, seat_in_row=9, label="9", price=1
    ),
    "removed": lambda schedule: schedule.seats.filter(number=2).delete(),
    "edited": lambda schedule: schedule.seats.filter(number=2).update(price=1),
    "reclassified": lambda schedule: schedule.seats.filter(number=2).update(kind="restricted"),
}


def outdated_by(change: Callable[[ConcertSchedule], object]) -> None:
    schedule = ScheduleFactory.create(seats=2)
    before = present_version(schedule.pk)
    change(schedule)
    assert present_version(schedule.pk) != before


def capacity_is_kept() -> None:
    room = WaitingRoomFactory.create(capacity=5)
    room.capacity = 3
    room.save()
    assert list(room.capacities.order_by("since").values_list("capacity", flat=True)) == [5, 3]


def a_move_is_noted() -> None:
    schedule = ScheduleFactory.create(seats=1)
    held(UserFactory.create(), schedule, 1)
    before = schedule.start_at
    schedule.start_at += dt.timedelta(minutes=1)
    schedule.save()
    assert schedule.moves.get().from_start_at == before


def a_buyer_joins() -> None:
    assert admitted(UserFactory.create(), ScheduleFactory.create(seats=0)).position


# One attack for each guard.
NOTICED_BY = {guard: (what, test) for guard, what, test in reversed(list(attacks()))}
