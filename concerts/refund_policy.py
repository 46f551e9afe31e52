"""The refund ladder: days before the show, and the fee in percent of the price."""

import datetime as dt
import re
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

# The Korean standard: free until ten days before, 90 % on the day itself.
KOREAN_STANDARD = "10:0 7:10 3:20 1:30 0:90"
FREE_AFTER_PURCHASE = dt.timedelta(hours=24)
FREE_AFTER_PURCHASE_DAYS_BEFORE = 3
STEP = re.compile(r"(\d{1,3}):(\d{1,3})")


@dataclass(frozen=True)
class Step:
    """``percent`` of the price is kept when cancelling until the end of the day of ``until``."""

    until: dt.datetime
    percent: int


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

    def periods(self) -> list["Period"]:
        """The ladder as a table, the earliest days first."""
        earliest = [None, *(day - 1 for day, _percent in self.steps)]
        return [
            Period(first, last, percent)
            for first, (last, percent) in zip(earliest, self.steps, strict=False)
        ]

    def fee(
        self, *, price: int, bought_at: dt.datetime, start_at: dt.datetime, now: dt.datetime
    ) -> int:
        """Won kept of ``price`` when cancelling at ``now``; rounded down, for the buyer.

        Days are counted between dates in the venue's time zone.
        """
        days = (_date(start_at) - _date(now)).days
        if now - bought_at < FREE_AFTER_PURCHASE and days >= FREE_AFTER_PURCHASE_DAYS_BEFORE:
            return 0
        percent = next((percent for day, percent in self.steps if days >= day), 100)
        return price * percent // 100

    def steps_left(self, *, start_at: dt.datetime, now: dt.datetime) -> list[Step]:
        """The ladder as dates, from ``now`` on; the first of them counts now."""
        steps = [Step(start_at - dt.timedelta(days=days), percent) for days, percent in self.steps]
        return [step for step in steps if _date(step.until) >= _date(now)]


def _date(moment: dt.datetime) -> dt.date:
    return moment.astimezone(timezone.get_default_timezone()).date()


def validate_refund_policy(text: str) -> None:
    """For the model field. Raises ValidationError."""
    try:
        RefundPolicy.parse(text)
    except ValueError as exc:
        raise ValidationError(
            _("Write steps of days:percent, days falling to 0, like 10:0 7:10 3:20 1:30 0:90.")
        ) from exc
