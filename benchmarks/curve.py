"""How often the line asks to be asked, by the very function of its script."""

from collections.abc import Iterator

import redis
from django.conf import settings

from benchmarks.rows import Fact
from queueing.line import scripts
from queueing.line.poll_interval import LATEST_POLL, POLLS_SPREAD

# Each position in line is tried with so many of the chances that a poll may draw.
CHANCES = 20
BATCH = 50_000
POSITIONS = [0, 100, 600, 1_000, 3_000, 10_000, 30_000, 100_000, 1_000_000]
LENGTHS = [1_000, 10_000, 100_000, 1_000_000]
# How many people at the head of the line the goal wants to know within two seconds.
FIRST = 600

# Lengths of a line whose people watch its front. The paces at which they are admitted, a second.
WATCHING = [100_000, 1_000_000, 10_000_000]
PACES = [1, 500, 2_000]
# As static/js/waiting.js looks at the front: people ahead from which on it does; seconds between
# two looks, as a share of the wait and between two bounds, less up to a quarter at random.
FAR = 100
LOOKS_IN_A_WAIT = 20
SOONEST_LOOK, LATEST_LOOK = 1, 15
MEAN_SPREAD = 0.875

# ARGV: positions from and up to, how many of the line's pace in people a second, chances, '1' for
# people who watch the front of the line
# Returns polls a second of all those positions, the shortest and the longest time between two.
SWEEP = scripts.compose("""
-- include poll_after
local slow, chances = tonumber(ARGV[3]), tonumber(ARGV[4])
local rate, shortest, longest = 0, math.huge, 0
for ahead = tonumber(ARGV[1]), tonumber(ARGV[2]) do
    local sum = 0
    for turn = 1, chances do
        local chance = (turn - 0.5) / chances
        local after = poll_after(ahead, 0, 'OPEN', 0, slow, false, 0, ARGV[5] == '1', chance)
        sum = sum + after
        shortest, longest = math.min(shortest, after), math.max(longest, after)
    end
    rate = rate + chances / sum
end
return {tostring(rate), tostring(shortest), tostring(longest)}
""")


def poll_curve(waiting: int) -> Iterator[Fact]:
    for ahead in (ahead for ahead in POSITIONS if ahead <= waiting):
        _rate, shortest, longest = _sweep(ahead, ahead)
        yield Fact(f"asked to poll again, {ahead:,} ahead", f"{shortest:g} to {longest:g} s")
    _rate, _shortest, longest = _sweep(0, FIRST - 1)
    yield Fact(f"the first {FIRST} poll after", f"{longest:g} s at most", "2 s")
    for length in (length for length in LENGTHS if length <= waiting):
        rate = polls_per_second(length)
        yield Fact(f"polls of {length:,} waiting", f"{rate:,.0f} a second", "below 5,000")
    for pace in (500, 1000, 2000):
        rate = polls_per_second(waiting, pace)
        yield Fact(f"the same of {waiting:,} at {pace:,} in/s", f"{rate:,.0f} a second")

    for length in WATCHING:
        for pace in PACES:
            polls, looks = (
                polls_per_second(length, pace, watch=True),
                looks_per_second(length, pace),
            )
            yield Fact(
                f"{length:,} watch, {pace:,} in/s",
                f"{polls:,.0f} polls and {looks:,.0f} looks at the front a second",
            )


def polls_per_second(waiting: int, pace: float = 1.0, *, watch: bool = False) -> float:
    """By all who wait, when ``pace`` people a second are let in at least.

    Those who ``watch`` the front poll as a sign of life only.
    """
    # All who are further back poll alike.
    varied = min(waiting, round(LATEST_POLL * max(POLLS_SPREAD, pace)))
    starts = range(0, varied, BATCH)
    rate = sum(_sweep(start, min(start + BATCH, varied) - 1, pace, watch)[0] for start in starts)
    return rate + (waiting - varied) * _sweep(varied, varied, pace, watch)[0]


def looks_per_second(waiting: int, pace: float) -> float:
    """At the front of the line, by all who wait and watch it: for a cache to answer."""
    return sum(
        1 / (MEAN_SPREAD * max(SOONEST_LOOK, min(ahead / pace / LOOKS_IN_A_WAIT, LATEST_LOOK)))
        for ahead in range(FAR, waiting)
    )


def _sweep(
    first: int, last: int, pace: float = 1.0, watch: bool = False
) -> tuple[float, float, float]:
    client = redis.Redis.from_url(settings.REDIS_URL)
    watches = "1" if watch else ""
    answer = client.eval(SWEEP.text, 0, first, last, pace, CHANCES, watches)
    rate, shortest, longest = map(float, answer)
    return rate, shortest, longest
