"""A new show in one step: concert, waiting room, dates and seats, as a draft."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.services import activity
from accounts.services.idempotency import IdempotentRequest
from concertbook.db.clock import database_now
from concerts.models import Concert, ConcertSchedule
from concerts.services.posters import add_poster
from concerts.services.seat_generation import Block, generate_seats
from concerts.services.seat_locks import lock_seat_plan
from concerts.services.show_dates import copy_seats, require_dates
from queueing.services.new_rooms import create_draft_room

# For a show whose running time is not known yet.
USUAL_MINUTES = 120
LEAST_CAPACITY = 100


@dataclass(frozen=True)
class NewSale:
    """How a new show is sold. The seats are ``blocks``, or those of the date ``plan_of``.

    ``capacity`` of the waiting room: None for a quarter of a date's seats.
    """

    starts: Sequence[dt.datetime]
    opens_at: dt.datetime
    blocks: Sequence[Block] = ()
    plan_of: uuid.UUID | None = None
    purchase_limit: int = 4
    capacity: int | None = None
    shuffle: bool = False


def create_show(
    *,
    concert: Concert,
    sale: NewSale,
    poster: bytes | None = None,
    actor: User,
    once: IdempotentRequest | None = None,
) -> Concert:
    """Save a draft: no buyer finds it until it is published (services/publication).

    ``concert`` is new and has its texts; ``poster`` is a picture of posters.encode. The waiting
    room opens when the sale does, and each date's sale closes when it starts. Raises
    ValidationError, and with ``once`` AnsweredBefore and IdempotencyKeyReused.
    """
    with transaction.atomic():
        if once is not None:
            once.claim_waiting()
        plan = lock_seat_plan(sale.plan_of, seats_before=None) if sale.plan_of else None
        seats = plan.seat_quantity if plan else sum(b.rows * b.seats_per_row for b in sale.blocks)
        _require_sale(sale, seats)
        concert.waiting_room = create_draft_room(
            title=concert.title,
            opens_at=sale.opens_at,
            capacity=sale.capacity or max(LEAST_CAPACITY, seats // 4),
            shuffle=sale.shuffle,
        )
        concert.poster = add_poster(poster) if poster else None
        _add_dates(concert, sale, plan, actor)
        activity.record(
            actor=actor,
            act="show.create",
            target=concert,
            new={"dates": sorted(sale.starts), "seats": seats, "reserve_from": sale.opens_at},
        )
        if once is not None:
            once.save(str(concert.pk))
    return concert


def _require_sale(sale: NewSale, seats: int) -> None:
    if not seats:
        raise ValidationError(_("Please describe the seats, or choose a date to copy them from."))
    require_dates(sale.starts, seats=seats, now=database_now())
    if sale.opens_at >= min(sale.starts):
        raise ValidationError(_("The sale must open before the first date."))


def _add_dates(concert: Concert, sale: NewSale, plan: ConcertSchedule | None, actor: User) -> None:
    runs = dt.timedelta(minutes=concert.running_minutes or USUAL_MINUTES)
    concert.start_time, concert.end_time = min(sale.starts), max(sale.starts) + runs
    concert.save()
    dates = [
        ConcertSchedule(
            concert=concert,
            price=plan.price if plan else min(block.price for block in sale.blocks),
            purchase_limit=sale.purchase_limit,
            reserve_from=sale.opens_at,
            reserve_until=start,
            start_at=start,
            end_at=start + runs,
        )
        for start in sorted(sale.starts)
    ]
    ConcertSchedule.objects.bulk_create(dates)
    if plan:
        copy_seats(plan, dates)
        return
    first, *others = dates
    generate_seats(schedule_id=first.pk, blocks=sale.blocks, actor=actor)
    first.refresh_from_db(fields=["seat_quantity"])
    copy_seats(first, others)
