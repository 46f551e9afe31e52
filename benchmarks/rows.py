"""What a benchmark prints: ratios to a yardstick, and measurements beside their goals."""

import statistics
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.load import Result, run

HEAD = f"{'ours':<40}{'per second':>10}  {'yardstick':<28}{'per second':>10}{'ratio':>9}"


@dataclass
class Row:
    """One thing measured in turns with what it is compared to, both per second."""

    name: str
    yardstick: str
    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        ours, theirs = statistics.median(self.ours), statistics.median(self.theirs)
        ratio = statistics.median(a / b for a, b in zip(self.ours, self.theirs, strict=True))
        shown = f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.4f}"
        return f"{self.name:<40}{ours:>10,.0f}  {self.yardstick:<28}{theirs:>10,.0f}{shown:>9}"


@dataclass
class Fact:
    """One thing that has no yardstick but a goal."""

    name: str
    value: str
    goal: str = ""

    def __str__(self) -> str:
        return f"{self.name:<40}{self.value}" + (f"  (goal: {self.goal})" if self.goal else "")


def answered(port: int, requests: Sequence[bytes], status: int, options: Namespace) -> float:
    """Answers per second, all of this ``status``."""
    result = run(port, requests, connections=options.connections)
    require_status(result, status)
    return result.per_second


def require_status(result: Result, status: int) -> None:
    """Anything but ``status`` would be a measurement of something else. Raises SystemExit."""
    if set(result.statuses) != {status}:
        raise SystemExit(f"expected only {status}, got {dict(result.statuses)}")


def in_ms(seconds: Sequence[float]) -> str:
    return f"{1000 * statistics.median(seconds):,.0f} ms, at worst {1000 * max(seconds):,.0f} ms"
