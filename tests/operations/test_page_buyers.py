"""The load kit's buyers who buy through the pages, as a browser would."""

from collections import Counter

import pytest

from operations.load.fixtures import Terms, create_sale
from operations.load.page_buyers import Population
from operations.services.audit import run_audit
from payments.models import Ticket
from tests.operations.test_rehearsal import beat

pytestmark = pytest.mark.django_db(transaction=True)


def test_eight_buyers_wait_hold_pay_and_get_their_tickets(live_server):
    sale = create_sale(buyers=8, seats=5, capacity=2, terms=Terms(purchase_limit=1))
    population = Population(live_server.url, sale, seed=7, at_a_time=8)

    with beat():
        population.play(deadline_seconds=60)

    assert population.wrong == []
    endings = Counter(buyer.phase for buyer in population.buyers)
    assert endings == {"bought": 5, "seats: sold out": 3}
    assert population.bought == Ticket.objects.count() == 5
    answers = population.recorder.answers
    assert {answer.status for answer in answers} == {200, 302}
    steps = {answer.kind for answer in answers}
    assert {"concert", "join", "room", "poll", "place", "seats", "hold", "leave"} <= steps
    assert {"checkout", "pay", "tickets", "ticket"} <= steps
    assert [finding for finding in run_audit() if finding.violations] == []
