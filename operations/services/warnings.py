"""What needs a hand: the checks of the front page, each of which names what to do.

A check takes the database's time and returns its warnings, none if all is well. It reads few rows,
by an index, as the page is opened all day.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.core.cache import cache
from django.db.models import Exists, Min, OuterRef, Q
from django.urls import reverse
from django.utils.timezone import localtime
from django.utils.translation import get_language, gettext, ngettext

from accounts.models import Activity, Charge, Credit, OutgoingMessage
from concertbook.db.clock import database_now
from concertbook.templatetags.money import won
from concerts.models import ConcertSchedule, ConcertScheduleQuerySet
from concerts.services.show_checks import outside_the_run, room_opens_first, without_seats
from payments.models import Reservation
from queueing.line import room_record
from queueing.line.errors import LineUnavailable
from queueing.line.records import from_milliseconds
from queueing.models import WaitingRoom

State = WaitingRoom.State
# How long something may take before a person should look.
TICKS_WITHIN = dt.timedelta(seconds=10)
HOLDS_END_WITHIN = dt.timedelta(seconds=60)
MAIL_WITHIN = dt.timedelta(minutes=2)
CHARGES_SETTLE_WITHIN = dt.timedelta(minutes=3)
REFUNDS_WITHIN = dt.timedelta(minutes=5)
# Mistakes in a sale are worth a warning this long before it opens.
AHEAD = dt.timedelta(days=14)
MOST = 5


@dataclass(frozen=True)
class Warning:
    """``text`` says what is wrong, ``action`` what to do, at ``link``. ``tone``: bad or warn."""

    text: str
    action: str
    link: str
    tone: str = "warn"


Check = Callable[[dt.datetime], Iterable[Warning]]


def recent_warnings() -> list[Warning]:
    """``read_warnings``, at most five seconds old."""
    key = f"warnings:{get_language()}"
    found: list[Warning] | None = cache.get(key)
    if found is None:
        found = read_warnings()
        cache.set(key, found, timeout=5)
    return found


def waiting_decisions() -> list[Warning]:
    """What waits for one who may approve credits."""
    return list(credits_wait(database_now()))


def read_warnings() -> list[Warning]:
    """The warnings of all checks, the urgent ones first."""
    now = database_now()
    found = [warning for check in CHECKS for warning in check(now)]
    return sorted(found, key=lambda warning: warning.tone != "bad")


def ticks_are_late(now: dt.datetime) -> Iterator[Warning]:
    """Rooms in which the line should move and has not for ten seconds: beat or worker is silent."""
    rooms = WaitingRoom.objects.published().filter(
        Q(state__in=WaitingRoom.MOVING) | Q(state=State.SCHEDULED, opens_at__lt=now - TICKS_WITHIN)
    )
    late = [room for room in rooms if _is_late(room, now)]
    if late:
        yield Warning(
            gettext("The line of %(room)s stands still: beat or the worker is silent.")
            % {"room": late[0].title},
            gettext("Look at the room"),
            _board(late[0].pk),
            tone="bad",
        )


def _is_late(room: WaitingRoom, now: dt.datetime) -> bool:
    if room.state == State.SCHEDULED:
        return True
    try:
        return now - from_milliseconds(room_record.read_front(room.pk).measured_at) > TICKS_WITHIN
    except LineUnavailable:
        # Without Redis polls read the table, and the tick leaves no time there.
        return False


def redis_is_away(now: dt.datetime) -> Iterator[Warning]:
    room = WaitingRoom.objects.filter(state__in=WaitingRoom.MOVING).order_by("-pk").first()
    try:
        if room:
            room_record.read_front(room.pk)
    except LineUnavailable:
        yield Warning(
            gettext("The line is served from the database: Redis is away, or just came back."),
            gettext("Look at the board"),
            reverse("console:board"),
        )


def holds_are_overdue(now: dt.datetime) -> Iterator[Warning]:
    """The sweep that ends holds runs every two seconds."""
    held = Reservation.objects.filter(is_held=True, expires_at__lt=now - HOLDS_END_WITHIN)
    if count := held[:1000].count():
        said = ngettext(
            "%(n)s hold has run out and was not ended: the worker is silent.",
            "%(n)s holds have run out and were not ended: the worker is silent.",
            count,
        )
        yield Warning(
            said % {"n": f"{count:,}"},
            gettext("See the reservations"),
            reverse("admin:payments_reservation_changelist") + "?status__exact=HOLD",
            tone="bad",
        )


def mail_is_late(now: dt.datetime) -> Iterator[Warning]:
    waiting = OutgoingMessage.objects.filter(is_queued=True, due_at__lt=now - MAIL_WITHIN)
    oldest = waiting.aggregate(due=Min("due_at"))["due"]
    if oldest is not None:
        yield Warning(
            gettext("Mails wait since %(time)s: the mail server or the mail's worker is silent.")
            % {"time": f"{localtime(oldest):%H:%M:%S}"},
            gettext("See the messages"),
            reverse("admin:accounts_outgoingmessage_changelist") + "?status__exact=QUEUED",
        )


def charges_are_pending(now: dt.datetime) -> Iterator[Warning]:
    pending = Charge.objects.filter(is_pending=True, created_at__lt=now - CHARGES_SETTLE_WITHIN)
    if count := pending[:1000].count():
        said = ngettext(
            "%(n)s charge has been pending for minutes: the gateway does not answer.",
            "%(n)s charges have been pending for minutes: the gateway does not answer.",
            count,
        )
        yield Warning(
            said % {"n": f"{count:,}"},
            gettext("See the charges"),
            reverse("admin:accounts_charge_changelist") + "?status__exact=PENDING",
            tone="bad",
        )


def refunds_are_unfinished(now: dt.datetime) -> Iterator[Warning]:
    """Cancelled dates with reservations that the sweep has not refunded."""
    left = Reservation.objects.live().filter(schedule=OuterRef("pk"))
    late = ConcertSchedule.objects.filter(cancelled_at__lt=now - REFUNDS_WITHIN)
    for schedule in late.filter(Exists(left)).select_related("concert")[:MOST]:
        yield Warning(
            gettext("%(date)s was cancelled, and buyers of it still wait for their refunds.")
            % {"date": schedule},
            gettext("See the refunds"),
            reverse("admin:concerts_concertschedule_refunds", args=[schedule.pk]),
            tone="bad",
        )


def on_sale_without_seats(now: dt.datetime) -> Iterator[Warning]:
    empty = without_seats(_coming(now)).filter(concert__waiting_room__state__in=_OPEN)
    for schedule in empty[:MOST]:
        yield Warning(
            gettext("The room is open, and %(date)s has no seats.") % {"date": schedule},
            gettext("Create seats"),
            reverse("admin:concerts_concertschedule_generate", args=[schedule.pk]),
            tone="bad",
        )


_OPEN = (State.OPEN, State.PAUSED, State.DRAINING)


def sale_opens_after_room(now: dt.datetime) -> Iterator[Warning]:
    """Buyers would be let in and could hold nothing."""
    dates = _coming(now)
    before = Q(pk__in=room_opens_first(dates).values("pk"))
    open_now = Q(concert__waiting_room__state__in=_OPEN)
    later = dates.filter(before | open_now, reserve_from__gt=now)
    others = ConcertSchedule.objects.filter(
        concert__waiting_room=OuterRef("concert__waiting_room"),
        cancelled_at=None,
        reserve_from__lte=now,
        reserve_until__gt=now,
    )
    for schedule in later.exclude(open_now & Exists(others))[:MOST]:
        yield Warning(
            gettext("The sale of %(date)s opens at %(sale)s, after its waiting room.")
            % {"date": schedule, "sale": f"{localtime(schedule.reserve_from):%m-%d %H:%M:%S}"},
            gettext("Edit the date"),
            _schedule(schedule),
        )


def date_is_outside_the_run(now: dt.datetime) -> Iterator[Warning]:
    for schedule in outside_the_run(_coming(now))[:MOST]:
        yield Warning(
            gettext("%(date)s is outside of the run that its concert announces.")
            % {"date": schedule},
            gettext("Edit the concert"),
            reverse("admin:concerts_concert_change", args=[schedule.concert_id]),
        )


def line_waits_at_a_pause(now: dt.datetime) -> Iterator[Warning]:
    live: Any = WaitingRoom.objects.live()
    paused = live.filter(state=State.PAUSED, first_waiting__isnull=False)
    for room in paused[:MOST]:
        yield Warning(
            gettext("%(room)s is paused while people wait.") % {"room": room.title},
            gettext("Look at the room"),
            _board(room.pk),
        )


def rehearsal_still_stands(now: dt.datetime) -> Iterator[Warning]:
    standing = WaitingRoom.objects.exclude(rehearsal="").exclude(state=State.CLOSED)
    for room in standing[:MOST]:
        yield Warning(
            gettext("The rehearsal %(room)s has not been ended.") % {"room": room.title},
            gettext("Look at the room"),
            _board(room.pk),
        )


def audit_is_not_clean(now: dt.datetime) -> Iterator[Warning]:
    """By the last audit that was run."""
    last = Activity.objects.filter(act="audit.run").order_by("-id").first()
    findings = (last.new or {}).get("findings") if last else None
    if last and findings:
        yield Warning(
            gettext("The audit of %(time)s found violations: do not settle before they are solved.")
            % {"time": f"{localtime(last.at):%m-%d %H:%M:%S}"},
            gettext("See the log"),
            reverse("admin:accounts_activity_changelist"),
            tone="bad",
        )


def credits_wait(now: dt.datetime) -> Iterator[Warning]:
    """For those who may decide on them: it is no fault of the system."""
    waiting = Credit.objects.filter(state=Credit.State.WAITING).select_related("user", "asked_by")
    for credit in waiting.order_by("asked_at")[:MOST]:
        yield Warning(
            gettext("A credit of %(amount)s for %(person)s waits for a second person (%(who)s).")
            % {"amount": won(credit.amount), "person": credit.user, "who": credit.asked_by},
            gettext("Decide"),
            reverse("console:person", args=[credit.user_id]),
        )


def _coming(now: dt.datetime) -> ConcertScheduleQuerySet:
    """The dates that are on sale, or will be within two weeks."""
    real = ConcertSchedule.objects.of_rehearsal("").filter(cancelled_at=None)
    coming = real.filter(reserve_from__lt=now + AHEAD, reserve_until__gt=now)
    return coming.select_related("concert").order_by("reserve_from", "pk")


def _board(room_id: int) -> str:
    return reverse("console:board_room", args=[room_id])


def _schedule(schedule: ConcertSchedule) -> str:
    return reverse("admin:concerts_concertschedule_change", args=[schedule.pk])


CHECKS: tuple[Check, ...] = (
    ticks_are_late,
    redis_is_away,
    holds_are_overdue,
    mail_is_late,
    charges_are_pending,
    refunds_are_unfinished,
    on_sale_without_seats,
    sale_opens_after_room,
    date_is_outside_the_run,
    line_waits_at_a_pause,
    rehearsal_still_stands,
    audit_is_not_clean,
)
