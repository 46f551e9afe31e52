"""A rehearsal from the console: one at a time, logged, and the page that says go or no-go."""

import pytest
from django.core.cache import cache
from django.urls import reverse

from accounts.models import Activity
from accounts.services import activity
from operations import tasks
from operations.rehearsal import from_console
from operations.services import rehearsal_log
from queueing.models import WaitingRoom
from tests.factories import ScheduleFactory, staff
from tests.operations.test_rehearsal import beat

pytestmark = pytest.mark.django_db(transaction=True)

FIGURES = {"buyers": 6, "seats": 2, "capacity": 3, "within": 0}
PAGE = "console:rehearsal"


@pytest.fixture
def manager(client):
    cache.clear()
    duty = staff("Duty manager")
    client.force_login(duty)
    return duty


@pytest.fixture
def asked(monkeypatch):
    """What the worker was asked to do."""
    asked = []
    monkeypatch.setattr(tasks.rehearse, "delay", lambda *args: asked.append(args))
    return asked


def test_a_rehearsal_is_begun_once_however_often_the_form_is_sent(client, manager, asked):
    for _ in range(2):
        assert client.post(reverse(PAGE), FIGURES).status_code == 302

    assert asked == [(str(manager.pk), FIGURES)]
    assert Activity.objects.get(act="rehearsal.begin").new == FIGURES
    assert client.post(reverse(PAGE), {**FIGURES, "buyers": "1001"}).status_code == 200


def test_it_is_played_to_its_end_and_its_report_is_in_the_log(
    client, manager, settings, live_server
):
    settings.REHEARSAL_URL = live_server.url
    rehearsal_log.begin(actor=manager, figures=rehearsal_log.Figures(**FIGURES))

    with beat():
        from_console.play(actor_id=str(manager.pk), figures=FIGURES)

    outcome = rehearsal_log.last_outcome()
    assert outcome.wrongs == []
    assert "seats sold         2 of 2" in outcome.report
    assert rehearsal_log.progress() is None
    assert WaitingRoom.objects.exclude(rehearsal="").get().state == "CLOSED"
    page = client.get(reverse(PAGE)).content.decode()
    assert "seats sold         2 of 2" in page


def test_one_that_finds_no_server_is_told_as_wrong(manager, settings):
    settings.REHEARSAL_URL = "http://127.0.0.1:9"
    from_console.play(actor_id=str(manager.pk), figures=FIGURES)
    (wrong,) = rehearsal_log.last_outcome().wrongs
    assert "No server answers" in wrong


def test_it_is_a_go_only_with_a_good_rehearsal_and_a_clean_audit(client, manager):
    def is_go():
        cache.clear()
        return client.get(reverse(PAGE)).context["is_go"]

    assert not is_go()
    rehearsal_log.end(actor=None, wrongs=[], report="x")
    assert not is_go()
    activity.record(actor=None, act="audit.run", new={"findings": 0})
    assert is_go()
    rehearsal_log.end(actor=None, wrongs=["2 answers of 5xx"], report="x")
    assert not is_go()


def test_it_needs_the_permission_to_change_rooms(client):
    client.force_login(staff("Support"))
    assert client.post(reverse(PAGE), FIGURES).status_code == 403


def test_it_is_not_for_those_who_work_for_certain_concerts_only(client):
    client.force_login(staff("Duty manager", concerts=[ScheduleFactory().concert]))
    assert client.post(reverse(PAGE), FIGURES).status_code == 403
