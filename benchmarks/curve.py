"""How often the line asks to be asked, by the very function of its script."""

from collections.abc import Iterator

import redis
from django.conf import settings

from benchmarks.rows import Fact
from queueing.line import scripts

# Each position in line is tried with so many of the chances that a poll may draw.
CHANCES = 20
BATCH = 50_000
POSITIONS = [0, 100, 600, 1_000, 3_000, 10_000, 30_000, 100_000, 1_000_000]
LENGTHS = [1_000, 10_000, 100_000, 1_000_000]
# How many people at the head of the line the goal wants to know within two seconds.
FIRST = 600

# ARGV: positions from and up to, how many of the line's pace in people a second, chances
# Returns polls a second of all those positions, the shortest and the longest time between two.
SWEEP = scripts.compose("""
-- include poll_after
local slow, chances = tonumber(ARGV[3]), tonumber(ARGV[4])
local rate, shortest, longest = 0, math.huge, 0
for ahead = tonumber(ARGV[1]), tonumber(ARGV[2]) do
    local sum = 0
    for turn = 1, chances do
        local after = poll_after(ahead, 0, 'OPEN', 0, slow, false, 0, false, (turn - 0.5) / chances)
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


def polls_per_second(waiting: int, pace: float = 1.0) -> float:
    """By all who wait, when ``pace`` people a second are let in at least."""
    starts = range(0, waiting, BATCH)
    return sum(_sweep(start, min(start + BATCH, waiting) - 1, pace)[0] for start in starts)


def _sweep(first: int, last: int, pace: float = 1.0) -> tuple[float, float, float]:
    client = redis.Redis.from_url(settings.REDIS_URL)
    answer = client.eval(SWEEP.text, 0, first, last, pace, CHANCES)
    rate, shortest, longest = map(float, answer)
    return rate, shortest, longest
