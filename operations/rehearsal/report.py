"""What came of a rehearsal: figures, and what was wrong with it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from operations.load import guarantees
from operations.load.recorder import Operation, percentile
from operations.rehearsal.buyers import Population
from operations.services.audit import Finding
from payments.models import Reservation, Ticket


@dataclass(frozen=True)
class Report:
    """The buyers' record set against the database; ``seconds`` is how long the sale took."""

    population: Population
    seconds: float
    sold: int
    tickets: int
    most_inside: int
    findings: list[Finding]

    @property
    def server_errors(self) -> int:
        return sum(answer.status >= 500 for answer in self.population.recorder.answers)

    def wrongs(self) -> list[str]:
        """Each thing that is wrong, in words; empty after a good rehearsal."""
        return list(self._wrongs())

    def _wrongs(self) -> Iterator[str]:
        sale, population = self.population.sale, self.population
        if self.sold > sale.seats or (self.sold < sale.seats <= population.determined):
            yield f"{self.sold} seats sold instead of {sale.seats}"
        if not self.sold == self.tickets == population.bought:
            yield (
                f"{self.sold} seats sold, {self.tickets} tickets,"
                f" but the buyers were told of {population.bought}"
            )
        if self.most_inside > sale.capacity:
            yield f"{self.most_inside} people inside, {sale.capacity} allowed"
        if self.server_errors:
            yield f"{self.server_errors} answers of 5xx"
        for wrong, times in Counter(population.wrong).items():
            yield f"{wrong} ({times} times)" if times > 1 else wrong
        for finding in self.findings:
            if finding.violations:
                yield f"the audit found {finding.violations} x {finding.check.name}"

    def text(self) -> str:
        sale, recorder = self.population.sale, self.population.recorder
        answers, errors = recorder.answers, recorder.connection_errors
        rate = len(answers) / self.seconds
        facts = [
            f"buyers             {len(sale.accounts):,}, seed {self.population.seed}",
            f"seats sold         {self.sold:,} of {sale.seats:,}",
            f"tickets            {self.tickets:,}",
            f"inside at most     {self.most_inside:,} of {sale.capacity:,}",
            f"requests           {len(answers):,} in {self.seconds:.1f} s, {rate:,.0f}/s",
            f"answers of 5xx     {self.server_errors:,}",
            f"connection errors  {len(errors):,}",
        ]
        sections = [
            facts,
            _counts("how it ended for the buyers", self.population.phases()),
            _counts("refusals", Counter(_refusal(a) for a in answers if not a.ok)),
            _counts("connection errors", Counter(errors)),
            _latencies(answers),
        ]
        return "\n\n".join("\n".join(lines) for lines in sections if lines)


def write_report(population: Population, *, seconds: float, findings: list[Finding]) -> Report:
    """Count in the database what the rehearsal sold."""
    schedule = population.sale.schedule_id
    sold = Reservation.objects.filter(
        schedule=schedule, status=Reservation.Status.CONFIRMED, seat__status="RESERVED"
    )
    tickets = Ticket.objects.filter(reservation__schedule=schedule, status=Ticket.Status.ISSUED)
    return Report(
        population=population,
        seconds=seconds,
        sold=sold.count(),
        tickets=tickets.count(),
        most_inside=guarantees.most_inside(population.sale.slug),
        findings=findings,
    )


def _refusal(answer: Operation) -> str:
    return f"{answer.kind}: {answer.status} {answer.code}"


def _counts(title: str, counts: Counter[str]) -> list[str]:
    if not counts:
        return []
    return [title, *(f"  {times:>8,}  {what}" for what, times in counts.most_common())]


def _latencies(answers: Sequence[Operation]) -> list[str]:
    lines = [f"{'ms':<10}{'answers':>10}{'p50':>10}{'p95':>10}{'p99':>10}"]
    for kind in dict.fromkeys(answer.kind for answer in answers):
        times = sorted(1000 * answer.seconds for answer in answers if answer.kind == kind)
        cells = [f"{percentile(times, percent):>10,.1f}" for percent in (50, 95, 99)]
        lines.append(f"{kind:<10}{len(times):>10,}{''.join(cells)}")
    return lines
