"""Two workers that sweep at the same moment tell each holder of a moved show once."""

import pytest

from payments.services.move_news import tell_of_moves
from tests.concurrency.threads import Meeting, race
from tests.factories import ScheduleFactory, UserFactory, bought
from tests.payments.test_letters import half_a_minute_later, move, told

pytestmark = pytest.mark.django_db(transaction=True)

MOVES = 'FROM "concerts_schedulemove"'


def test_two_sweeps_at_once_tell_each_holder_once():
    schedule = ScheduleFactory()
    for number in (1, 2):
        bought(UserFactory(won=10_000), schedule, number)
    move(schedule, hours=1)
    half_a_minute_later()

    queued = race(tell_of_moves, tell_of_moves, meeting=Meeting(MOVES))

    assert sorted(queued) == [0, 2]
    assert told().count() == 2
