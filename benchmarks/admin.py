"""The staff's lists at a million rows (admin_rows.py): first page, searches, filters, last page.

Each list's worst of every kind of page, as the median of a few requests to Django in this process,
rendered whole: what the server spends, without the network.
"""

import statistics
import time
import uuid
from argparse import Namespace
from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.models import User
from benchmarks import admin_rows
from benchmarks.rows import Fact
from concertbook.admin.pages import registered_admins
from concertbook.admin.paging import LAST_PAGE
from concerts.models import ConcertSchedule
from operations.services.find import find

GOAL_MS = 300
FIND_GOAL_MS = 50
REQUESTS = 3
SEARCHES = ("buyer77777", "buyer77777@benchmark.invalid", "김각", "nothing-begins-so")


def measure(options: Namespace) -> Iterator[Fact]:
    if not User.objects.filter(email="buyer0@benchmark.invalid").exists():
        admin_rows.write(options.rows)
    settings.ALLOWED_HOSTS = ["testserver"]
    staff = User.objects.filter(is_superuser=True).first() or User.objects.create_superuser(
        "benchmark@staff.invalid"
    )
    client = Client()
    client.force_login(staff)
    for text in (*SEARCHES, _id_of("ticket"), _id_of("user")[:8], "x" * 27):
        took = [_ms(lambda text=text: find(actor=staff, text=text)) for _try in range(REQUESTS)]
        yield Fact(f"find {text[:30]}", f"{statistics.median(took):.0f} ms", f"{FIND_GOAL_MS} ms")
    for page in registered_admins():
        yield from _list(client, page)


def _list(client: Client, page: Any) -> Iterator[Fact]:
    address = reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_changelist")
    first = client.get(address)
    if first.status_code != 200:
        return
    answered: Any = first
    shown = answered.context_data["cl"]
    kinds: dict[str, Sequence[str]] = {
        "first page": [""],
        "last page": [f"?p={LAST_PAGE}"] if shown.has_next else [],
        "search": [f"?q={text}" for text in (*SEARCHES, _id_of(page.opts.model_name)[:8])]
        if shown.search_fields
        else [],
        "filter": list(_filters(shown)),
        "sorted": [f"?o={column}" for column in _columns(page, shown)],
    }
    for kind, queries in kinds.items():
        if queries:
            took, query = max((_median(client, address + query), query) for query in queries)
            name = f"{page.opts.label} {kind}"
            yield Fact(name[:40], f"{took:.0f} ms  {query}", f"{GOAL_MS} ms")


def _filters(shown: Any) -> Iterator[str]:
    for spec in shown.filter_specs:
        if hasattr(spec, "lookup_kwarg") and "schedule" in spec.lookup_kwarg:
            # Chosen by typing: one in the middle.
            schedule = ConcertSchedule.objects.order_by("start_at")[admin_rows.SALES // 4]
            yield f"?{spec.lookup_kwarg}={schedule.pk}"
        else:
            yield from (choice["query_string"] for choice in spec.choices(shown))


def _columns(page: Any, shown: Any) -> Iterator[str]:
    for number, name in enumerate(shown.list_display):
        if name in page.sortable_by if page.sortable_by is not None else ():
            yield from (str(number), f"-{number}")


def _id_of(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT md5(%s::text)::uuid", [f"{name} 500001"])
        (found,) = cursor.fetchone()
    return str(uuid.UUID(str(found)))


def _median(client: Client, address: str) -> float:
    def get() -> None:
        answer = client.get(address)
        if answer.status_code not in (200, 302):
            raise SystemExit(f"{answer.status_code} {address}")

    return statistics.median(_ms(get) for _try in range(REQUESTS))


def _ms(act: Any) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000
