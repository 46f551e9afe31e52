"""A rehearsal is invisible to real buyers, separate from the sale, and left out of its sums."""

import datetime as dt

import pytest
from django.contrib import admin
from django.db import IntegrityError
from django.urls import reverse
from django.utils import timezone

from accounts.models import Balance, BalanceHistory, User
from concertbook.errors import NotFound
from concerts.models import Concert, ConcertSchedule
from operations.load.fixtures import create_sale
from operations.rehearsal import ending
from operations.services.audit import full_audit, run_audit
from operations.services.settlement import settle_period
from queueing.models import QueueToken, WaitingRoom
from queueing.services.join_and_leave import join
from tests.factories import (
    ConcertFactory,
    ScheduleFactory,
    UserFactory,
    WaitingRoomFactory,
    admitted,
    bought,
    held,
)
from tests.fast_path import FellThrough, ask

pytestmark = pytest.mark.django_db(transaction=True)


class Rehearsal:
    """A rehearsal on sale with two buyers; the first has bought seat 1."""

    def __init__(self):
        self.slug = create_sale(buyers=2, seats=3, capacity=5).slug
        self.room = WaitingRoom.objects.get(slug=self.slug)
        self.concert = Concert.objects.get(waiting_room=self.room)
        self.schedule = ConcertSchedule.objects.get(concert=self.concert)
        self.buyer, self.second = User.objects.filter(rehearsal=self.slug).order_by("email")
        bought(self.buyer, self.schedule, 1)


@pytest.fixture
def rehearsal():
    return Rehearsal()


def outsiders():
    """No user, a real user, an operator, and a buyer of another rehearsal."""
    create_sale(buyers=1, seats=1, capacity=1)
    other = User.objects.exclude(rehearsal="").latest("created_at")
    operator = UserFactory(is_staff=True, is_superuser=True)
    return [None, UserFactory(won=100_000), operator, other]


def test_no_list_of_the_api_has_its_concert(rehearsal, app):
    real = ConcertFactory()
    for user in (rehearsal.second, *outsiders()):
        results = app(user).get("/api/v1/concerts/").json()["results"]
        assert [found["id"] for found in results] == [str(real.pk)]
        searched = app(user).get("/api/v1/concerts/", {"search": "rehearsal", "on_sale": "true"})
        assert searched.json()["results"] == []


def test_no_list_of_the_pages_has_its_concert(rehearsal, client):
    for user in (rehearsal.second, *outsiders()):
        if user:
            client.force_login(user)
        for query in ({}, {"search": "rehearsal"}, {"on_sale": "on"}):
            page = client.get(reverse("concert_list"), query)
            assert page.status_code == 200
            assert rehearsal.slug not in page.content.decode().replace('value="rehearsal"', "")


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/concerts/{0.concert.pk}/",
        "/api/v1/concerts/{0.concert.pk}/schedules/",
        "/api/v1/schedules/{0.schedule.pk}/",
        "/api/v1/waiting-rooms/{0.slug}/",
        "/concerts/{0.concert.pk}/",
    ],
)
def test_a_visitor_who_was_told_its_id_sees_its_public_address(rehearsal, client, path):
    """A public answer is the same for every visitor; it cannot be joined or bought from."""
    address = path.format(rehearsal)
    answers = set()
    for user in (rehearsal.second, *outsiders()):
        client.logout()
        if user:
            client.force_login(user)
        answers.add(client.get(address).content)

    assert len(answers) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/schedules/{0.schedule.pk}/seats/",
        "/api/v1/schedules/{0.schedule.pk}/seats/changes/",
    ],
)
def test_only_its_own_buyers_see_its_seats_in_the_api(rehearsal, app, path):
    address = path.format(rehearsal)
    admitted(rehearsal.second, rehearsal.schedule)

    assert app(rehearsal.second).get(address).status_code == 200
    for user in outsiders():
        status = app(user).get(address).status_code
        assert status == (401 if user is None else 404)


def test_only_its_own_buyers_find_its_waiting_room(rehearsal, client):
    address = f"/rooms/{rehearsal.slug}/"
    client.force_login(rehearsal.second)
    assert client.get(address).status_code == 200
    for user in outsiders()[1:]:
        client.force_login(user)
        assert client.get(address).status_code == 404


def test_its_seats_are_shown_and_held_on_no_page_of_another_buyer(rehearsal, client):
    address = reverse("seats", args=[rehearsal.schedule.pk])
    for user in outsiders()[1:]:
        client.force_login(user)
        assert client.get(address).status_code == 404
        assert client.post(address, {"seats": ["2"]}, follow=True).status_code == 404
    assert rehearsal.schedule.seats.filter(status="AVAILABLE").count() == 2


def test_other_users_cannot_join_its_room(rehearsal, app, client):
    before = QueueToken.objects.count()
    for user in outsiders()[1:]:
        with pytest.raises(NotFound):
            join(user=user, slug=rehearsal.slug)
        answer = app(user).post(f"/api/v1/waiting-rooms/{rehearsal.slug}/tokens/")
        assert answer.status_code == 404
        client.force_login(user)
        assert client.post(f"/rooms/{rehearsal.slug}/", follow=True).status_code == 404
    assert QueueToken.objects.count() == before


def test_on_the_fast_path_other_users_cannot_join_its_room_or_hold_its_seats(rehearsal, app):
    real = ScheduleFactory()
    for user in outsiders()[1:3]:
        header = app(user)._credentials["HTTP_AUTHORIZATION"]
        with pytest.raises(FellThrough):
            ask(
                f"/api/v1/waiting-rooms/{rehearsal.slug}/tokens/",
                method="POST",
                Authorization=header,
            )
        token = admitted(user, real)
        status, _headers, body = ask(
            f"/api/v1/schedules/{rehearsal.schedule.pk}/reservations/",
            method="POST",
            content=b'{"seats": [2]}',
            content_type="application/json",
            **{"Authorization": header, "Queue-Token": str(token.pk)},
        )
        assert (status, body["code"]) == (404, "not_found")
    assert not QueueToken.objects.filter(room=rehearsal.room, user__rehearsal="").exists()


def test_its_buyers_join_nothing_real(rehearsal):
    real = ScheduleFactory()

    with pytest.raises(NotFound):
        join(user=rehearsal.second, slug=real.concert.waiting_room.slug)


def test_a_room_that_draws_lots_for_a_rehearsal_publishes_no_draw(app):
    WaitingRoomFactory(slug="rehearsal-1", rehearsal="rehearsal-1", shuffle=True)

    for path in ("draw/", "draw/participants/"):
        assert app().get(f"/api/v1/waiting-rooms/rehearsal-1/{path}").status_code == 404


# --- The database keeps them apart ----------------------------------------------------------------


def test_the_database_lets_no_real_user_into_a_rehearsal_nor_its_buyer_into_a_sale(rehearsal):
    real, sale = UserFactory(), WaitingRoomFactory()
    now = timezone.now()
    facts = {"position": 1_000, "issued_at": now, "last_request_at": now}

    for user, room in [(real, rehearsal.room), (rehearsal.second, sale)]:
        with pytest.raises(IntegrityError, match="not of the same rehearsal"):
            QueueToken.objects.create(user=user, room=room, **facts)


def test_the_name_of_a_rehearsal_never_changes(rehearsal):
    real, room = UserFactory(), WaitingRoomFactory()
    for marked, unmarked in [(rehearsal.buyer, real), (rehearsal.room, room)]:
        rows = type(marked).objects
        for row, name in [(marked, ""), (unmarked, rehearsal.slug)]:
            with pytest.raises(IntegrityError, match="never changes"):
                rows.filter(pk=row.pk).update(rehearsal=name)


def test_its_concert_cannot_leave_its_room_and_a_real_one_cannot_enter_it(rehearsal):
    real = ConcertFactory()
    for concert, room in [(real, rehearsal.room), (rehearsal.concert, real.waiting_room)]:
        with pytest.raises(IntegrityError, match="does not move"):
            Concert.objects.filter(pk=concert.pk).update(waiting_room=room)


# --- Left out of sums and lists -------------------------------------------------------------------


@pytest.mark.parametrize("ended", [False, True])
def test_settlement_and_sums_are_the_same_with_and_without_rehearsals(ended):
    bought(UserFactory(won=100_000), ScheduleFactory(price=10_000), 1, 2)
    today = timezone.localdate()
    settled = settle_period(first=today, last=today)
    totals = full_audit().totals

    rehearsal = Rehearsal()
    held(rehearsal.second, rehearsal.schedule, 2)
    if ended:
        ending.end_rehearsals()

    assert settle_period(first=today, last=today) == settled
    assert settled.reconciles
    assert full_audit().totals == totals
    assert [each for each in run_audit() if each.violations] == []
    tomorrow = today + dt.timedelta(days=1)
    assert settle_period(first=tomorrow, last=tomorrow).reconciles


def test_a_rehearsals_concert_cannot_be_settled(rehearsal, client):
    today = timezone.localdate()
    with pytest.raises(NotFound):
        settle_period(first=today, last=today, concert_id=rehearsal.concert.pk)

    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    page = client.get(reverse("admin:payments_payment_settlement"))
    assert rehearsal.slug not in page.content.decode()


def admin_lists():
    """Every model's admin except those of the staff's own rows, which no rehearsal makes."""
    staffs = {
        *("auth.Group", "accounts.Activity", "accounts.Document", "accounts.Business"),
        "operations.ReportMail",
    }
    ours = ("accounts", "queueing", "concerts", "payments", "operations", "auth", "admin")
    for model, model_admin in admin.site._registry.items():
        if model._meta.app_label in ours and model._meta.label not in staffs:
            yield model, model_admin


def test_every_list_of_the_admin_knows_rehearsals():
    assert [model for model, its in admin_lists() if not getattr(its, "rehearsal_path", "")] == []


def test_lists_of_the_admin_show_rehearsals_when_asked_for_them(rehearsal, client):
    schedule = ScheduleFactory()
    bought(UserFactory(won=100_000), schedule)
    ending.end_rehearsals()
    client.force_login(UserFactory(is_staff=True, is_superuser=True))

    def listed(model, **query):
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
        return client.get(reverse(name), query).context["cl"].queryset.count()

    for model, _its in admin_lists():
        real, every = listed(model), listed(model, rehearsals="with")
        only = listed(model, rehearsals="only")
        assert (real + only, every) == (every, model._default_manager.count())
    assert listed(Concert) == listed(WaitingRoom) == 1
    assert listed(Concert, rehearsals="only") == 1
    assert listed(Balance) == 1
    assert listed(BalanceHistory, rehearsals="only") > 2


# --- Rehearsals of earlier versions ---------------------------------------------------------------
