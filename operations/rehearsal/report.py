"""What came of a rehearsal: figures, and what was wrong with it."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from operations.rehearsal.buyers import Crowd
from operations.rehearsal.client import Answer
from operations.rehearsal.stage import most_inside
from operations.services.audit import Finding
from payments.models import Reservation, Ticket


@dataclass(frozen=True)
class Report:
    """The clients' log set against the database; ``seconds`` is how long the sale took."""

    crowd: Crowd
    seconds: float
    sold: int
    tickets: int
    most_inside: int
    findings: list[Finding]

    @property
    def server_errors(self) -> int:
        return sum(answer.status >= 500 for answer in self.crowd.log.answers)

    def wrongs(self) -> list[str]:
        """Each thing that is wrong, in words; empty after a good rehearsal."""
        return list(self._wrongs())

    def _wrongs(self) -> Iterator[str]:
        stage, crowd = self.crowd.stage, self.crowd
        if self.sold > stage.seats or (self.sold < stage.seats <= crowd.determined):
            yield f"{self.sold} seats sold instead of {stage.seats}"
        if not self.sold == self.tickets == crowd.bought:
            yield (
                f"{self.sold} seats sold, {self.tickets} tickets,"
                f" but the buyers were told of {crowd.bought}"
            )
        if self.most_inside > stage.capacity:
            yield f"{self.most_inside} people inside, {stage.capacity} allowed"
        if self.server_errors:
            yield f"{self.server_errors} answers of 5xx"
        for wrong, times in Counter(crowd.wrong).items():
            yield f"{wrong} ({times} times)" if times > 1 else wrong
        for finding in self.findings:
            if finding.violations:
                yield f"the audit found {finding.violations} x {finding.check.name}"

    def text(self) -> str:
        stage, log = self.crowd.stage, self.crowd.log
        rate = len(log.answers) / self.seconds
        facts = [
            f"buyers             {len(stage.access):,}, seed {self.crowd.seed}",
            f"seats sold         {self.sold:,} of {stage.seats:,}",
            f"tickets            {self.tickets:,}",
            f"inside at most     {self.most_inside:,} of {stage.capacity:,}",
            f"requests           {len(log.answers):,} in {self.seconds:.1f} s, {rate:,.0f}/s",
            f"answers of 5xx     {self.server_errors:,}",
            f"connection errors  {len(log.connection_errors):,}",
        ]
        sections = [
            facts,
            _counts("how it ended for the buyers", self.crowd.phases()),
            _counts("refusals", Counter(_refusal(a) for a in log.answers if not a.ok)),
            _counts("connection errors", Counter(log.connection_errors)),
            _latencies(log.answers),
        ]
        return "\n\n".join("\n".join(lines) for lines in sections if lines)


def write_report(crowd: Crowd, *, seconds: float, findings: list[Finding]) -> Report:
    """Count in the database what the rehearsal sold."""
    schedule = crowd.stage.schedule_id
    sold = Reservation.objects.filter(
        schedule=schedule, status=Reservation.Status.CONFIRMED, seat__status="RESERVED"
    )
    tickets = Ticket.objects.filter(reservation__schedule=schedule, status=Ticket.Status.ISSUED)
    return Report(
        crowd=crowd,
        seconds=seconds,
        sold=sold.count(),
        tickets=tickets.count(),
        most_inside=most_inside(crowd.stage.slug),
        findings=findings,
    )


def _refusal(answer: Answer) -> str:
    return f"{answer.step}: {answer.status} {answer.code}"


def _counts(title: str, counts: Counter[str]) -> list[str]:
    if not counts:
        return []
    return [title, *(f"  {times:>8,}  {what}" for what, times in counts.most_common())]


def _latencies(answers: Sequence[Answer]) -> list[str]:
    lines = [f"{'ms':<10}{'answers':>10}{'p50':>10}{'p95':>10}{'p99':>10}"]
    for step in dict.fromkeys(answer.step for answer in answers):
        times = sorted(1000 * answer.seconds for answer in answers if answer.step == step)
        cells = [f"{percentile(times, percent):>10,.1f}" for percent in (50, 95, 99)]
        lines.append(f"{step:<10}{len(times):>10,}{''.join(cells)}")
    return lines


def percentile(ascending: Sequence[float], percent: int) -> float:
    """The smallest value that at least this many percent do not exceed (nearest rank)."""
    return ascending[math.ceil(len(ascending) * percent / 100) - 1]
