"""Who watches a simulation: what was promised, what was kept, and how good the guesses were."""

import statistics
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from django.db import connection

from benchmarks.clock import Clock
from benchmarks.fans import Fan
from benchmarks.rows import Fact
from concertbook.db.clock import database_now
from queueing.models import QueueEntryHistory, QueueToken, WaitingRoom
from queueing.services.queue_position import QueuePosition

# Promises are broken when any of these is not 0.
OVERTAKEN = """
SELECT count(*) FROM (
    SELECT coalesce(available_at, CASE status WHEN 'EXPIRED' THEN expires_at ELSE 'infinity' END)
               AS out_of_line,
           min(available_at) OVER (ORDER BY position DESC ROWS BETWEEN UNBOUNDED PRECEDING
                                   AND 1 PRECEDING) AS somebody_later_in
    FROM queueing_queuetoken WHERE room_id = %(room)s) line
WHERE somebody_later_in < out_of_line
"""
MOST_INSIDE = """
SELECT coalesce(max(inside), 0) FROM (
    SELECT sum(step) OVER (ORDER BY at, step) AS inside FROM (
        SELECT available_at AS at, 1 AS step FROM queueing_queuetoken
        WHERE room_id = %(room)s AND available_at IS NOT NULL
        UNION ALL
        SELECT expires_at, -1 FROM queueing_queuetoken
        WHERE room_id = %(room)s AND available_at IS NOT NULL AND status = 'EXPIRED') doors) steps
"""
MOST_IN_A_MINUTE = """
SELECT coalesce(max(within), 0) FROM (
    SELECT count(*) OVER (ORDER BY available_at
                          RANGE BETWEEN '1 minute' PRECEDING AND CURRENT ROW) AS within
    FROM queueing_queuetoken WHERE room_id = %(room)s AND available_at IS NOT NULL) minutes
"""


@dataclass
class Promises:
    """How often a promise was broken."""

    overtaken: int
    past_capacity: int
    past_pace: int
    lost_places: int
    pushed_back: int
    dropped_though_asking: int


@dataclass
class Guess:
    """What somebody was told of their wait, in seconds, and when."""

    told_at: float
    token: uuid.UUID
    likely: float
    earliest: float
    latest: float
    wait: float = -1.0

    @property
    def error(self) -> float:
        return abs(self.likely - self.wait) / max(self.wait, 1.0)

    @property
    def is_kept(self) -> bool:
        return self.earliest <= self.wait <= self.latest


@dataclass
class Witness:
    clock: Clock
    room: WaitingRoom
    fans: dict[uuid.UUID, Fan]
    lost_places: int = 0
    pushed_back: int = 0
    dropped_though_asking: int = 0
    last_seen: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    guesses: list[Guess] = field(default_factory=list)

    # --- While it runs ---------------------------------------------------------------------------

    def see_endings(self) -> None:
        """Read what the history says since last time; nobody may be dropped who asks in time."""
        new = QueueEntryHistory.objects.filter(pk__gt=self.last_seen, token__room=self.room)
        rows = new.order_by("pk").values_list("pk", "user_id", "token", "outcome", "exited_at")
        for pk, user, token, outcome, exited_at in rows:
            fan = self.fans[user]
            if token == fan.token:
                fan.ended = outcome
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
            if outcome == QueueEntryHistory.Outcome.IDLE:
                silent_for = self.clock.since_start(exited_at) - fan.due
                self.dropped_though_asking += silent_for < self.room.idle_seconds
            self.last_seen = pk

    def see_place(self, fan: Fan, place: QueuePosition) -> None:
        kept = (place.token, place.position) == (fan.token, fan.position)
        self.lost_places += not kept
        self.pushed_back += place.ahead > fan.ahead
        fan.ahead = place.ahead

    def see_gone(self, fan: Fan) -> None:
        """Told that their place is gone: so it must be, or their time inside over."""
        found = QueueToken.objects.live().filter(user=fan.user_id, room=self.room).first()
        if found and (not found.is_admitted or found.admits(database_now())):
            self.lost_places += 1
        fan.ended = fan.ended or "GONE"

    def note_guess(self, place: QueuePosition) -> None:
        self.guesses.append(
            Guess(
                told_at=self.clock.seconds,
                token=place.token,
                likely=place.estimated_wait_seconds,
                earliest=place.estimated_wait_from_seconds,
                latest=place.estimated_wait_until_seconds,
            )
        )

    # --- When it is over -------------------------------------------------------------------------

    def promises(self) -> Promises:
        self.see_endings()
        room = {"room": self.room.pk}
        most_inside = _count(MOST_INSIDE, room)
        return Promises(
            overtaken=_count(OVERTAKEN, room),
            past_capacity=max(0, most_inside - self.room.capacity),
            past_pace=max(0, _count(MOST_IN_A_MINUTE, room) - self.room.admit_per_minute),
            lost_places=self.lost_places + self._vanished(),
            pushed_back=self.pushed_back,
            dropped_though_asking=self.dropped_though_asking,
        )

    def _vanished(self) -> int:
        """People who should have a place and have none."""
        live = set(QueueToken.objects.live().filter(room=self.room).values_list("pk", flat=True))
        return sum(
            1
            for fan in self.fans.values()
            if fan.token is not None and not fan.ended and fan.token not in live
        )

    def kept_guesses(self) -> list[Guess]:
        """The guesses of those who did get in, with their real waits."""
        let_in = QueueToken.objects.filter(room=self.room, available_at__isnull=False)
        moments = dict(let_in.values_list("pk", "available_at").iterator())
        checked = []
        for guess in self.guesses:
            if moment := moments.get(guess.token):
                guess.wait = self.clock.since_start(moment) - guess.told_at
                checked.append(guess)
        return checked


def _count(sql: str, arguments: dict[str, int]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, arguments)
        (count,) = cursor.fetchone()
    return int(count)


def quality(name: str, guesses: Sequence[Guess]) -> Iterator[Fact]:
    if not guesses:
        return
    kept, early, late = (
        _share(guesses, of)
        for of in (
            [guess for guess in guesses if guess.is_kept],
            [guess for guess in guesses if guess.wait < guess.earliest],
            [guess for guess in guesses if guess.wait > guess.latest],
        )
    )
    error = statistics.median(guess.error for guess in guesses)
    width = statistics.median(guess.latest / max(guess.earliest, 1) for guess in guesses)
    yield Fact(
        f"{name} ({len(guesses):,})",
        f"{kept} within the range, {early} earlier, {late} later;"
        f" median error {error:.0%}; until/from {width:.2f}",
    )


def _share(guesses: Sequence[Guess], some: Sequence[Guess]) -> str:
    return f"{len(some) / len(guesses):.0%}"


def by_minute(guesses: Iterable[Guess]) -> Iterator[str]:
    """For whoever tunes the forecast: what was said each minute, and what came true."""
    minutes: dict[int, list[Guess]] = {}
    for guess in guesses:
        minutes.setdefault(int(guess.told_at // 60), []).append(guess)
    yield "minute  guesses  kept  wait  told from  likely  until (medians, s)"
    for minute, some in sorted(minutes.items()):
        figures = (
            [guess.wait for guess in some],
            [guess.earliest for guess in some],
            [guess.likely for guess in some],
            [guess.latest for guess in some],
        )
        medians = "  ".join(f"{statistics.median(each):>7,.0f}" for each in figures)
        kept = sum(guess.is_kept for guess in some) / len(some)
        yield f"{minute:>6}  {len(some):>7}  {kept:>4.0%}  {medians}"
