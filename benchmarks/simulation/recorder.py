"""What a simulation records: broken guarantees, and how good the estimates of waits were."""

import datetime as dt
import statistics
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.rows import Fact
from benchmarks.simulation.buyers import Buyer
from benchmarks.simulation.clock import Clock
from concertbook.db.clock import database_now
from operations.load import guarantees
from queueing.models import QueueEntryHistory, QueueToken, WaitingRoom
from queueing.services.queue_position import QueuePosition


@dataclass
class BrokenGuarantees:
    """How often each guarantee was broken."""

    overtaken: int
    past_capacity: int
    past_pace: int
    lost_places: int
    pushed_back: int
    dropped_though_asking: int


@dataclass
class Estimate:
    """What a buyer was told of the wait, in seconds, and when."""

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
class Recorder:
    clock: Clock
    room: WaitingRoom
    buyers: dict[uuid.UUID, Buyer]
    lost_places: int = 0
    pushed_back: int = 0
    dropped_though_asking: int = 0
    last_seen: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    estimates: list[Estimate] = field(default_factory=list)
    # Seconds from an admission until its buyer knew of it.
    learned: list[float] = field(default_factory=list)

    # --- While it runs ---------------------------------------------------------------------------

    def see_endings(self) -> None:
        """Read what the history says since last time; no buyer who asks in time may be dropped."""
        new = QueueEntryHistory.objects.filter(pk__gt=self.last_seen, token__room=self.room)
        rows = new.order_by("pk").values_list("pk", "user_id", "token", "outcome", "exited_at")
        for pk, user, token, outcome, exited_at in rows:
            buyer = self.buyers[user]
            if token == buyer.token:
                buyer.ended = outcome
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
            if outcome == QueueEntryHistory.Outcome.IDLE:
                silent_for = self.clock.since_start(exited_at) - buyer.due
                self.dropped_though_asking += silent_for < self.room.idle_seconds
            self.last_seen = pk

    def see_position(self, buyer: Buyer, place: QueuePosition) -> None:
        kept = (place.token, place.position) == (buyer.token, buyer.position)
        self.lost_places += not kept
        self.pushed_back += place.ahead > buyer.ahead
        buyer.ahead = place.ahead

    def see_turn(self, buyer: Buyer, place: QueuePosition) -> None:
        """Note after how many seconds an awake buyer who saw the front pass learns of the turn."""
        if buyer.saw_front and buyer.asks_next < buyer.sleeps_at and place.expires_at:
            admitted_at = place.expires_at - dt.timedelta(seconds=self.room.active_seconds)
            self.learned.append(self.clock.seconds - self.clock.since_start(admitted_at))

    def turns_learned(self) -> Iterator[Fact]:
        if self.learned:
            latest = f"{max(self.learned):.1f} s"
            yield Fact("the front passed, learned of the turn after", latest, "2 s")

    def see_gone(self, buyer: Buyer) -> None:
        """Told that the token has ended: so it must have, or the time inside must be over."""
        found = QueueToken.objects.live().filter(user=buyer.user_id, room=self.room).first()
        if found and (not found.is_admitted or found.admits(database_now())):
            self.lost_places += 1
        buyer.ended = buyer.ended or "GONE"

    def note_estimate(self, place: QueuePosition) -> None:
        self.estimates.append(
            Estimate(
                told_at=self.clock.seconds,
                token=place.token,
                likely=place.estimated_wait_seconds,
                earliest=place.estimated_wait_from_seconds,
                latest=place.estimated_wait_until_seconds,
            )
        )

    # --- When it is over -------------------------------------------------------------------------

    def broken_guarantees(self) -> BrokenGuarantees:
        self.see_endings()
        most_inside = guarantees.most_inside(self.room.slug)
        most_admitted = guarantees.most_admitted_in_a_minute(self.room.slug)
        return BrokenGuarantees(
            overtaken=guarantees.overtaken(self.room.slug),
            past_capacity=max(0, most_inside - self.room.capacity),
            past_pace=max(0, most_admitted - self.room.admit_per_minute),
            lost_places=self.lost_places + self._vanished(),
            pushed_back=self.pushed_back,
            dropped_though_asking=self.dropped_though_asking,
        )

    def _vanished(self) -> int:
        """Buyers who should have a position and have none."""
        live = set(QueueToken.objects.live().filter(room=self.room).values_list("pk", flat=True))
        return sum(
            1
            for buyer in self.buyers.values()
            if buyer.token is not None and not buyer.ended and buyer.token not in live
        )

    def checked_estimates(self) -> list[Estimate]:
        """The estimates told to those who did get in, with their real waits."""
        let_in = QueueToken.objects.filter(room=self.room, available_at__isnull=False)
        moments = dict(let_in.values_list("pk", "available_at").iterator())
        checked = []
        for estimate in self.estimates:
            if moment := moments.get(estimate.token):
                estimate.wait = self.clock.since_start(moment) - estimate.told_at
                checked.append(estimate)
        return checked


def quality(name: str, estimates: Sequence[Estimate]) -> Iterator[Fact]:
    if not estimates:
        return
    kept, early, late = (
        _share(estimates, of)
        for of in (
            [estimate for estimate in estimates if estimate.is_kept],
            [estimate for estimate in estimates if estimate.wait < estimate.earliest],
            [estimate for estimate in estimates if estimate.wait > estimate.latest],
        )
    )
    error = statistics.median(estimate.error for estimate in estimates)
    width = statistics.median(estimate.latest / max(estimate.earliest, 1) for estimate in estimates)
    yield Fact(
        f"{name} ({len(estimates):,})",
        f"{kept} within the range, {early} earlier, {late} later;"
        f" median error {error:.0%}; until/from {width:.2f}",
    )


def _share(estimates: Sequence[Estimate], some: Sequence[Estimate]) -> str:
    return f"{len(some) / len(estimates):.0%}"


def by_minute(estimates: Iterable[Estimate]) -> Iterator[str]:
    """For tuning the forecast: what was told each minute, and what came true."""
    minutes: dict[int, list[Estimate]] = {}
    for estimate in estimates:
        minutes.setdefault(int(estimate.told_at // 60), []).append(estimate)
    yield "minute  estimates  kept  wait  told from  likely  until (medians, s)"
    for minute, some in sorted(minutes.items()):
        figures = (
            [estimate.wait for estimate in some],
            [estimate.earliest for estimate in some],
            [estimate.likely for estimate in some],
            [estimate.latest for estimate in some],
        )
        medians = "  ".join(f"{statistics.median(each):>7,.0f}" for each in figures)
        kept = sum(estimate.is_kept for estimate in some) / len(some)
        yield f"{minute:>6}  {len(some):>7}  {kept:>4.0%}  {medians}"
