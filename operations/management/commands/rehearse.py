"""manage.py rehearse: a whole on-sale against the running server, before the real one."""

import random
import time
from argparse import ArgumentParser
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from django.core.management.base import BaseCommand, CommandError, OutputWrapper

from operations.load.fixtures import Sale, create_sale, end_sessions
from operations.load.http_connection import HttpConnection
from operations.management.commands.audit import as_table
from operations.rehearsal.buyers import Population
from operations.rehearsal.ending import RefundsStuck, end_rehearsal, end_rehearsals
from operations.rehearsal.report import Report, write_report
from operations.services.audit import run_audit

PLAIN_PROGRESS_SECONDS = 5.0
# The phases of buyers who have not gone home yet.
PRESENT = ("joining", "waiting", "inside", "holding")


class Command(BaseCommand):
    help = "Drive the running server as many buyers at once; exits 1 if anything is wrong."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--buyers", type=at_least_one, default=300)
        parser.add_argument("--seats", type=at_least_one, default=50)
        parser.add_argument(
            "--capacity", type=at_least_one, default=100, help="people inside the room at once"
        )
        parser.add_argument(
            "--within", type=float, default=0, help="seconds in which they come; 0: all at once"
        )
        parser.add_argument("--url", default="http://127.0.0.1:8000", help="of the running server")
        parser.add_argument("--seed", type=int, help="who does what; drawn unless given")
        parser.add_argument(
            "--deadline", type=at_least_one, default=240, help="seconds after which it ends"
        )
        parser.add_argument("--keep", action="store_true", help="leave the rehearsal on sale")
        parser.add_argument(
            "--finish",
            "--remove",
            action="store_true",
            help="only end the rehearsals that were kept or killed (and one that runs just now);"
            " --remove is the same, its name in earlier versions",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["finish"]:
            self._finish()
            return
        require_server(options["url"])
        self.stdout.write("creating the sale ...")
        sale = create_sale(
            buyers=options["buyers"], seats=options["seats"], capacity=options["capacity"]
        )
        try:
            wrongs = self._rehearse(sale, options)
        finally:
            end_sessions(sale)
            if options["keep"]:
                self.stdout.write(f"kept: {sale.slug}; end it with: manage.py rehearse --finish")
            else:
                self._end(sale)
        if wrongs:
            raise CommandError("The rehearsal went wrong: " + "; ".join(wrongs))
        self.stdout.write(self.style.SUCCESS("The rehearsal went well."))

    def _rehearse(self, sale: Sale, options: dict[str, Any]) -> list[str]:
        require_same_database(options["url"], sale)
        seed = random.randrange(10**6) if options["seed"] is None else options["seed"]
        population = Population(
            options["url"].rstrip("/"), sale, seed=seed, within=options["within"]
        )
        progress = Progress(self.stdout)
        seconds = population.play(deadline_seconds=options["deadline"], progress=progress.show)
        progress.end()
        report = write_report(population, seconds=seconds, findings=run_audit())
        self._print(report)
        return report.wrongs()

    def _print(self, report: Report) -> None:
        self.stdout.write(f"\n{report.text()}\n\n{as_table(report.findings)}\n")

    def _finish(self) -> None:
        try:
            self.stdout.write(f"{end_rehearsals()} rehearsals ended")
        except RefundsStuck as exc:
            raise CommandError(f"Not ended: {exc}. manage.py audit says more.") from exc

    def _end(self, sale: Sale) -> None:
        try:
            end_rehearsal(sale.slug)
        except RefundsStuck as exc:
            raise CommandError(f"Not ended: {exc}. manage.py audit says more.") from exc


def at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def require_server(url: str) -> None:
    """Raises CommandError unless a server answers there and says that it is ready."""
    try:
        status = get(url, "/readyz")
    except OSError as exc:
        raise CommandError(f"No server answers at {url}: {exc}") from exc
    if status != 200:
        raise CommandError(f"The server at {url} is not ready: /readyz says {status}.")


def require_same_database(url: str, sale: Sale) -> None:
    """Raises CommandError when the server does not see what was set up here."""
    headers = {"Authorization": f"Bearer {sale.accounts[0].access}"}
    if get(url, f"/api/v1/schedules/{sale.schedule_id}/", headers) != 200:
        raise CommandError(f"The server at {url} has another database than this command.")


def get(url: str, path: str, headers: Mapping[str, str] = MappingProxyType({})) -> int:
    address = urlsplit(url)
    connection = HttpConnection(address, timeout=10)
    try:
        return connection.ask("GET", address.path.rstrip("/") + path, None, headers).status
    finally:
        connection.close()


class Progress:
    """Where the buyers are: one line that changes on a terminal, a line now and then elsewhere."""

    def __init__(self, stdout: OutputWrapper) -> None:
        self.stdout = stdout
        self.rewrites = stdout.isatty()
        self.next_at = 0.0

    def show(self, population: Population) -> None:
        if self.rewrites:
            self.stdout.write(f"\r\033[K{progress_line(population)}", ending="")
            self.stdout.flush()
        elif time.monotonic() >= self.next_at:
            self.next_at = time.monotonic() + PLAIN_PROGRESS_SECONDS
            self.stdout.write(progress_line(population))

    def end(self) -> None:
        if self.rewrites:
            self.stdout.write("")


def progress_line(population: Population) -> str:
    phases = population.phases()
    here = [f"{phases[phase]} {phase}" for phase in PRESENT]
    gone = len(population.buyers) - sum(phases[phase] for phase in PRESENT)
    sold = f"{population.bought}/{population.sale.seats} sold"
    return " · ".join(
        [*here, f"{gone} gone", sold, f"{len(population.recorder.answers):,} answers"]
    )
