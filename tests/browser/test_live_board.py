"""An operator runs a sale from the live board, while a rehearsal's buyers come."""

import time
from io import StringIO
from threading import Thread

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils.dateparse import parse_datetime
from playwright.sync_api import expect

from accounts.models import Activity
from concertbook.db.clock import database_now
from payments.models import Reservation
from queueing.models import QueueToken, WaitingRoom
from tests.browser.chromium import expect_accessible, log_in
from tests.factories import staff
from tests.operations.test_rehearsal import beat

pytestmark = pytest.mark.django_db(transaction=True)

OLDEST_SECONDS = 3


@pytest.fixture
def manager(page, live_server):
    duty = staff("Duty manager")
    log_in(page, live_server, duty)
    return duty


@pytest.fixture
def rehearsal(live_server):
    """The room of a rehearsal that runs in another thread, with time for its operator."""
    printed = StringIO()

    def play():
        try:
            call_command(
                "rehearse",
                "--buyers=14",
                "--seats=60",
                "--capacity=4",
                "--within=6",
                "--seed=3",
                "--deadline=60",
                f"--url={live_server.url}",
                stdout=printed,
            )
        finally:
            connection.close()

    thread = Thread(target=play)
    with beat():
        thread.start()
        yield wait_for_room
        thread.join()
    assert "went well" in printed.getvalue()


def wait_for_room():
    return eventually(lambda: QueueToken.objects.filter(room__state="OPEN").first()).room


def eventually(find, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not (found := find()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def expect_figures(page, room):
    """The page's figures are those that the tables had within the last three seconds."""
    seen = []
    held, sold = Reservation.Status.HOLD, Reservation.Status.CONFIRMED

    def agrees():
        tokens = QueueToken.objects.filter(room=room)
        live = Reservation.objects.live().filter(schedule__concert__waiting_room=room)
        now = {
            "waiting": tokens.waiting().count(),
            "inside": tokens.active().count(),
            "held": live.filter(status=held).count(),
            "sold": live.filter(status=sold).count(),
        }
        seen.append((time.monotonic(), now))
        shown = {
            name: int(page.locator(f"#figures [data-figure={name}]").inner_text()) for name in now
        }
        return any(
            time.monotonic() - moment < OLDEST_SECONDS and then == shown for moment, then in seen
        )

    eventually(agrees, seconds=OLDEST_SECONDS + 2)
    as_of = parse_datetime(page.locator("#as-of").get_attribute("datetime"))
    assert (database_now() - as_of).total_seconds() < OLDEST_SECONDS + 1


def act(page, name, **fields):
    page.locator(".board-acts").get_by_role("link", name=name, exact=True).click()
    for label, value in {**fields, "Why": "a rehearsal of the board"}.items():
        page.get_by_label(label).fill(str(value))
    expect(page.locator("#consequence")).to_contain_text("wait")
    page.locator(".console-form button").click()
    expect(page.locator("#figures")).to_be_visible()


def test_pause_pace_and_resume_while_buyers_come(page, manager, rehearsal):
    room = rehearsal()
    page.goto(f"/admin/board/{room.pk}/")

    act(page, "Pause")
    expect(page.locator("#figures .console-label").first).to_have_text("Paused")
    # Those inside finish, and the others come and wait.
    eventually(lambda: QueueToken.objects.active().filter(room=room).count() == 0)
    eventually(lambda: QueueToken.objects.waiting().filter(room=room).exists())
    expect_figures(page, room)
    expect_accessible(page)

    act(page, "Pace", **{"admitted per minute": 900})
    assert WaitingRoom.objects.get(pk=room.pk).admit_per_minute == 900
    assert not QueueToken.objects.active().filter(room=room).exists()

    act(page, "Open")
    expect(page.locator("#figures .console-label").first).to_have_text("Open")
    eventually(lambda: Reservation.objects.filter(status="CONFIRMED").exists())
    expect_figures(page, room)

    acts = Activity.objects.filter(actor=manager).order_by("id")
    assert [each.act for each in acts] == ["room.pause", "room.pace", "room.open"]
    assert {each.reason for each in acts} == {"a rehearsal of the board"}
