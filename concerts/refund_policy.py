"""Refunds: the ladder of fees, when cancelling is free, and what a cancelled show pays.

A ladder is written as days before the show and the fee in percent of the price. The rule follows
the consumer standard of the Korea Fair Trade Commission; docs/refunds.md has the source, how we
read it, and examples. Days are dates in Seoul.
"""

import datetime as dt
import re
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from concerts.business_days import DAY, after_business_hours

# The Korean standard: free until ten days before, 90 % on the day itself.
KOREAN_STANDARD = "10:0 7:10 3:20 1:30 0:90"
FREE_AFTER_PURCHASE = dt.timedelta(hours=24)
FREE_AFTER_PURCHASE_DAYS_BEFORE = 3
COMPENSATION_PERCENT = 10
STEP = re.compile(r"(\d{1,3}):(\d{1,3})")


class Basis(models.TextChoices):
    """The rule that decides what a cancellation costs."""

    LADDER = "ladder", _("by the day of the cancellation")
    JUST_BOUGHT = "just_bought", _("free soon after the purchase")
    MOVED = "moved", _("free because the date of the show changed")
    SCHEDULE_CANCELLED = "schedule_cancelled", _("the performance was cancelled")


@dataclass(frozen=True)
class Fee:
    """``won`` kept, which is ``percent`` of the price by ``basis``; it stays so until ``until``."""

    won: int
    percent: int
    basis: Basis
    until: dt.datetime


@dataclass(frozen=True)
class Step:
    """``percent`` of the price is kept when cancelling until the end of the day of ``until``, or
    until that minute."""

    until: dt.datetime
    percent: int
    is_to_the_minute: bool = False


@dataclass(frozen=True)
class Period:
    """Cancelled from ``first`` (None: from the purchase) to ``last`` days before the show, a ticket
    costs ``percent`` of its price."""

    first: int | None
    last: int
    percent: int


@dataclass(frozen=True)
class RefundPolicy:
    """``steps`` are (days before the show, fee in percent), the earliest day first."""

    steps: tuple[tuple[int, int], ...]

    @classmethod
    def parse(cls, text: str) -> "RefundPolicy":
        """Read ``10:0 7:10 3:20``. Raises ValueError when it is not a falling ladder to day 0."""
        matches = [STEP.fullmatch(word) for word in text.split()]
        steps = tuple((int(m[1]), int(m[2])) for m in matches if m)
        days = [day for day, _percent in steps]
        if None in matches or not steps or days != sorted(set(days), reverse=True) or days[-1] != 0:
            raise ValueError(text)
        if any(percent > 100 for _day, percent in steps):
            raise ValueError(text)
        return cls(steps)

    @property
    def meets_standard(self) -> bool:
        """Whether no day costs the buyer more than by the standard.

        A trigger, concerts_policy_below_standard_has_reason, computes the same.
        """
        standard = RefundPolicy.parse(KOREAN_STANDARD)
        # A fee begins on a day of its ladder, and stays the same up to the next such day above.
        days = {day for day, _percent in (*self.steps, *standard.steps)}
        return all(self.step(day)[1] <= standard.step(day)[1] for day in days)

    def step(self, days: int) -> tuple[int, int]:
        """The last day before the show on which the fee is as it is so many days before it, and
        that fee in percent of the price."""
        return next(step for step in self.steps if days >= step[0])

    def periods(self) -> list["Period"]:
        """The ladder as a table, the earliest days first."""
        earliest = [None, *(day - 1 for day, _percent in self.steps)]
        return [
            Period(first, last, percent)
            for first, (last, percent) in zip(earliest, self.steps, strict=False)
        ]

    def fee(
        self,
        *,
        price: int,
        bought_at: dt.datetime,
        sold_for: dt.datetime,
        start_at: dt.datetime,
        now: dt.datetime,
    ) -> Fee:
        """The fee of cancelling at ``now``, which is before ``start_at``. In won, rounded down, for
        the buyer.

        ``sold_for`` is the start that was announced at the purchase, ``start_at`` the present one.
        If the show now is on another date, cancelling is free until it begins. Else it is free for
        24 hours of business days after the purchase, up to three days before the show; then the
        ladder counts.
        """
        if is_moved(sold_for=sold_for, start_at=start_at):
            return Fee(0, 0, Basis.MOVED, start_at)
        last_day, percent = self.step((_date(start_at) - _date(now)).days)
        free_until = free_after_purchase_until(bought_at=bought_at, start_at=start_at)
        if percent and now < free_until:
            return Fee(0, 0, Basis.JUST_BOUGHT, free_until)
        until = min(start_at, _end_of(_date(start_at) - last_day * DAY))
        return Fee(price * percent // 100, percent, Basis.LADDER, until)

    def steps_left(self, *, start_at: dt.datetime, now: dt.datetime) -> list[Step]:
        """The ladder as dates, from ``now`` on; the first of them counts now."""
        steps = [Step(start_at - dt.timedelta(days=days), percent) for days, percent in self.steps]
        return [step for step in steps if _date(step.until) >= _date(now)]

    def steps_of_ticket(
        self, *, bought_at: dt.datetime, start_at: dt.datetime, now: dt.datetime
    ) -> list[Step]:
        """steps_left, after the time after the purchase in which cancelling is free, where that is
        longer than by the ladder."""
        steps = self.steps_left(start_at=start_at, now=now)
        free_until = free_after_purchase_until(bought_at=bought_at, start_at=start_at)
        later = [step for step in steps if _end_of(_date(step.until)) > free_until]
        if free_until <= now or not later or not later[0].percent:
            return steps
        return [Step(free_until, 0, is_to_the_minute=True), *later]


def is_moved(*, sold_for: dt.datetime, start_at: dt.datetime) -> bool:
    """Whether the show is on another date than the one it was sold for."""
    return _date(sold_for) != _date(start_at)


def free_after_purchase_until(*, bought_at: dt.datetime, start_at: dt.datetime) -> dt.datetime:
    """Until when cancelling a ticket bought at ``bought_at`` is free under every ladder."""
    last_day = _date(start_at) - FREE_AFTER_PURCHASE_DAYS_BEFORE * DAY
    return min(after_business_hours(bought_at, FREE_AFTER_PURCHASE), _end_of(last_day))


def compensation(price: int) -> int:
    """Won that a buyer gets above the price when the show is cancelled by the organiser's fault;
    rounded up, for the buyer."""
    return -(-price * COMPENSATION_PERCENT // 100)


def _date(moment: dt.datetime) -> dt.date:
    return moment.astimezone(timezone.get_default_timezone()).date()


def _end_of(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day + DAY, dt.time(), timezone.get_default_timezone())


def validate_refund_policy(text: str) -> None:
    """For the model field. Raises ValidationError."""
    try:
        RefundPolicy.parse(text)
    except ValueError as exc:
        raise ValidationError(
            _("Write steps of days:percent, days falling to 0, like 10:0 7:10 3:20 1:30 0:90.")
        ) from exc
