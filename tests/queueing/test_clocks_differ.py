"""Servers whose clocks differ by minutes give the same answers."""

import datetime as dt

import pytest
from django.conf import settings
from django.utils import timezone

from accounts.app_tokens import issue_tokens
from concertbook import celery
from concertbook.celery import app as celery_app
from tests.factories import UserFactory

TEN_MINUTES = dt.timedelta(minutes=10)


@celery_app.task(shared=False)
def run():
    return "run"


def tick(**headers):
    """Deliver a tick with these headers; its result."""
    run.push_request(**headers)
    try:
        return run()
    finally:
        run.pop_request()


@pytest.mark.django_db
@pytest.mark.parametrize("off", [TEN_MINUTES, -TEN_MINUTES], ids=["ahead", "behind"])
def test_a_token_signed_by_one_server_is_accepted_by_another(app, time_machine, off):
    issued = issue_tokens(UserFactory())
    time_machine.move_to(timezone.now() + off)

    phone = app()
    phone.credentials(HTTP_AUTHORIZATION=f"Bearer {issued.access}")

    assert phone.get("/api/v1/me/").status_code == 200
    answer = phone.post("/api/v1/auth/refresh/", {"refresh": issued.refresh}, format="json")
    assert answer.status_code == 200


def test_a_tick_that_comes_too_late_is_dropped():
    sent_at = celery.broker_time()

    assert tick(good_for=1.0, sent_at=sent_at) == "run"
    assert tick(good_for=1.0, sent_at=sent_at - 1.5) is None


@pytest.mark.parametrize("off", [TEN_MINUTES, -TEN_MINUTES], ids=["ahead", "behind"])
def test_a_workers_own_clock_makes_no_tick_late(time_machine, off):
    headers = {}
    celery.write_down_when(headers)
    time_machine.move_to(timezone.now() + off)

    assert tick(good_for=1.0, **headers) == "run"


def test_a_tick_of_unknown_age_is_run(monkeypatch):
    assert tick(good_for=1.0, sent_at=None) == "run"

    monkeypatch.setattr(celery, "broker_time", lambda: None)
    assert tick(good_for=1.0, sent_at=1.0) == "run"


def test_every_tick_says_for_how_long_it_is_good():
    for entry in settings.CELERY_BEAT_SCHEDULE.values():
        assert entry["options"] == {"headers": {"good_for": entry["schedule"]}}
