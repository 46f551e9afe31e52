"""The settlement: sales, refunds and fees by concert and day, compared with the ledger.

The rows come from payments, refunds and charges; the ledger is summed separately, for the same
days. Every difference is shown. Rehearsals are left out of both.
"""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from accounts.models import FREE_TICKET, BalanceHistory, Charge, Credit, User
from accounts.services import activity
from concertbook.errors import NotFound
from concerts.models import Concert
from operations.services.periods import Period, period_of
from operations.services.snapshot import snapshot
from payments.models import Payment, Refund

STATEMENT_TIMEOUT = "2min"


@dataclass(frozen=True)
class Figures:
    """Counts of tickets, and amounts in won: ``tickets_free`` given for 0 won and not among those
    sold, ``refunds`` paid back, ``fees`` kept, ``compensations`` paid above the price, ``credits``
    given out of goodwill."""

    tickets_sold: int = 0
    tickets_free: int = 0
    sales: int = 0
    tickets_refunded: int = 0
    refunds: int = 0
    fees: int = 0
    compensations: int = 0
    credits: int = 0
    charges: int = 0
    other: int = 0

    @property
    def net(self) -> int:
        """Sales less refunds, including the fees; compensations and credits are not taken off."""
        return self.sales - self.refunds


@dataclass(frozen=True)
class Row:
    """One concert on one day in the venue's time zone; without a concert, that day's charges,
    credits and other lines."""

    day: dt.date
    concert: Concert | None
    figures: Figures


@dataclass(frozen=True)
class Ledger:
    """The ledger's own sums of the same days, in won; for one concert only its lines.

    ``opening`` and ``closing`` are all balances before and after, None with one concert.
    """

    sales: int
    refunds: int
    compensations: int
    credits: int
    charges: int
    other: int
    opening: int | None
    closing: int | None


@dataclass(frozen=True)
class Settlement:
    first: dt.date
    last: dt.date
    concert: Concert | None
    rows: list[Row]
    ledger: Ledger

    @property
    def total(self) -> Figures:
        return _sum(row.figures for row in self.rows)

    @property
    def differences(self) -> dict[str, int]:
        """The table's sums less the ledger's, in won; all must be 0."""
        names = ("sales", "refunds", "compensations", "credits", "charges", "other")
        found = {name: getattr(self.total, name) - getattr(self.ledger, name) for name in names}
        if self.ledger.opening is not None and self.ledger.closing is not None:
            total = self.total
            given = total.compensations + total.credits + total.other
            moved = total.charges + given - total.net
            found["balances"] = self.ledger.opening + moved - self.ledger.closing
        return found

    @property
    def reconciles(self) -> bool:
        return not any(self.differences.values())


def note_settlement(*, settlement: Settlement, format: str, actor: User) -> None:
    """Write into the log that the settlement was fetched as a file."""
    activity.record(
        actor=actor,
        act="settlement.download",
        target=settlement.concert,
        new={"first": settlement.first, "last": settlement.last, "format": format},
    )


def settle_period(
    *, first: dt.date, last: dt.date, concert_id: uuid.UUID | None = None
) -> Settlement:
    """The settlement from the first day to the last, both included, in the venue's time zone.

    From one read-only snapshot; may run during a sale. Not inside a transaction.
    Raises InvalidPeriod, NotFound for an unknown concert and for a rehearsal's.
    """
    period = period_of(first, last)
    with snapshot(statement_timeout=STATEMENT_TIMEOUT):
        concerts = Concert.objects.visible_to(None)
        concert = concerts.filter(pk=concert_id).first() if concert_id else None
        if concert_id and concert is None:
            raise NotFound
        rows = _rows(period, concert)
        ledger = _ledger(period, concert)
    return Settlement(first=first, last=last, concert=concert, rows=rows, ledger=ledger)


def _rows(period: Period, concert: Concert | None) -> list[Row]:
    money = [*_sales(period, concert), *_refunds(period, concert)]
    if concert is None:
        money += [*_charges(period), *_credits(period), *_other(period)]
    by_row = defaultdict(list)
    for (day, concert_id), figures in money:
        by_row[day, concert_id].append(figures)
    concerts = Concert.objects.in_bulk([pk for _day, pk in by_row if pk])
    rows = [
        Row(day=day, concert=concerts[pk] if pk else None, figures=_sum(figures))
        for (day, pk), figures in by_row.items()
    ]
    return sorted(rows, key=_by_day_and_title)


def _by_day_and_title(row: Row) -> tuple[dt.date, bool, str, str]:
    title = row.concert.title if row.concert else ""
    return row.day, row.concert is None, title, str(row.concert and row.concert.pk)


def _sum(all_figures: Iterable[Figures]) -> Figures:
    found = list(all_figures)
    return Figures(
        **{each.name: sum(getattr(one, each.name) for one in found) for each in fields(Figures)}
    )


# The day, the concert if any, and the figures from one table.
Money = Iterable[tuple[tuple[dt.date, uuid.UUID | None], Figures]]


def _sales(period: Period, concert: Concert | None) -> Money:
    by_day = _of_days(_payments(concert).filter(status=Payment.Status.SUCCESS), "paid_at", period)
    sums = by_day.values("day", about=F("reservation__schedule__concert")).annotate(
        count=Count("pk"), free=Count("pk", filter=Q(reason=FREE_TICKET)), won=Sum("amount")
    )
    for each in sums:
        figures = Figures(
            tickets_sold=each["count"] - each["free"],
            tickets_free=each["free"],
            sales=each["won"],
        )
        yield (each["day"], each["about"]), figures


def _refunds(period: Period, concert: Concert | None) -> Money:
    by_day = _of_days(_refunds_of(concert), "created_at", period)
    sums = by_day.values("day", about=F("payment__reservation__schedule__concert")).annotate(
        count=Count("pk"), won=Sum("amount"), kept=Sum("fee"), on_top=Sum("compensation")
    )
    for each in sums:
        figures = Figures(
            tickets_refunded=each["count"],
            refunds=each["won"],
            fees=each["kept"],
            compensations=each["on_top"],
        )
        yield (each["day"], each["about"]), figures


def _charges(period: Period) -> Money:
    settled = _real(Charge.objects.filter(status=Charge.Status.SUCCESS), "user")
    for each in _of_days(settled, "charged_at", period).values("day").annotate(won=Sum("amount")):
        yield (each["day"], None), Figures(charges=each["won"])


def _credits(period: Period) -> Money:
    given = _real(Credit.objects.filter(state=Credit.State.GIVEN), "user")
    for each in _of_days(given, "decided_at", period).values("day").annotate(won=Sum("amount")):
        yield (each["day"], None), Figures(credits=each["won"])


def _other(period: Period) -> Money:
    lines = _real(BalanceHistory.objects.filter(type=BalanceHistory.Type.OTHER), "balance__user")
    for each in _of_days(lines, "created_at", period).values("day").annotate(won=Sum("delta")):
        yield (each["day"], None), Figures(other=each["won"])


def _of_days(things: QuerySet[Any], moment: str, period: Period) -> QuerySet[Any]:
    day = TruncDate(moment, tzinfo=timezone.get_default_timezone())
    found: QuerySet[Any] = things.filter(_within(moment, period)).order_by().annotate(day=day)
    return found


def _within(moment: str, period: Period) -> Q:
    start, end = period
    return Q(**{f"{moment}__gte": start, f"{moment}__lt": end})


def _payments(concert: Concert | None) -> QuerySet[Payment]:
    payments = _real(Payment.objects.all(), "user")
    return payments.filter(reservation__schedule__concert=concert) if concert else payments


def _refunds_of(concert: Concert | None) -> QuerySet[Refund]:
    refunds = _real(Refund.objects.all(), "payment__user")
    about = "payment__reservation__schedule__concert"
    return refunds.filter(**{about: concert}) if concert else refunds


def _real(things: QuerySet[Any], user: str) -> QuerySet[Any]:
    """Without the rows of rehearsals' buyers, who are few: ``user`` is the path to the user."""
    return things.exclude(**{f"{user}__in": User.objects.exclude(rehearsal="").values("pk")})


def _ledger(period: Period, concert: Concert | None) -> Ledger:
    """Computed from the ledger's lines only; a concert's lines are found by their source."""
    start, end = period
    lines = BalanceHistory.objects.filter(status=BalanceHistory.Status.SUCCESS)
    lines = _real(lines, "balance__user")
    opening = closing = None
    if concert is None:
        opening = _balances(lines.filter(created_at__lt=start))
        closing = _balances(lines.filter(created_at__lt=end))
    else:
        payments, refunds = _payments(concert).values("pk"), _refunds_of(concert)
        compensations = refunds.filter(compensation__gt=0).values("compensation_source")
        lines = lines.filter(
            Q(source__in=payments)
            | Q(source__in=refunds.values("pk"))
            | Q(source__in=compensations)
        )
    types = BalanceHistory.Type
    sums = lines.filter(_within("created_at", period)).aggregate(
        sales=Sum("amount", filter=Q(type=types.RESERVATION), default=0),
        refunds=Sum("amount", filter=Q(type=types.CANCELLATION), default=0),
        compensations=Sum("amount", filter=Q(type=types.COMPENSATION), default=0),
        credits=Sum("amount", filter=Q(type=types.CREDIT), default=0),
        charges=Sum("amount", filter=Q(type=types.CHARGE), default=0),
        other=Sum("delta", filter=Q(type=types.OTHER), default=0),
    )
    return Ledger(**sums, opening=opening, closing=closing)


def _balances(lines: QuerySet[BalanceHistory]) -> int:
    total: int = lines.aggregate(total=Sum("delta", default=0))["total"]
    return total
