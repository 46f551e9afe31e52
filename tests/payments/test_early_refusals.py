"""Holds of taken seats are refused from the snapshot, and no rule before that is passed over."""

import json

import pytest
import redis
from django.conf import settings as django_settings
from django.utils import timezone

from accounts.app_tokens import issue_tokens
from accounts.sessions import end_sessions
from concerts.models import ConcertSchedule, Seat
from concerts.seat_index import keys, looks
from concerts.services import seat_states
from payments.fast_path.hold import HOLDS
from payments.models import Reservation
from payments.services import holds
from payments.services.releases import release_expired_holds, release_reservation
from payments.services.ticket_cancellation import cancel_ticket
from queueing.services import index_build, join_and_leave
from tests.factories import (
    ScheduleFactory,
    UserFactory,
    WaitingRoomFactory,
    admitted,
    bought,
    held,
    overdue,
)
from tests.fast_path import FellThrough, ask

pytestmark = pytest.mark.django_db(transaction=True)


class Buyer:
    """An app of an admitted user who has held nothing yet."""

    def __init__(self, schedule):
        self.user = UserFactory()
        self.schedule = schedule
        self.token = admitted(self.user, schedule).pk
        self.access = issue_tokens(self.user).access

    def hold(self, *numbers, **headers):
        status, _headers, body = ask(
            f"/api/v1/schedules/{self.schedule.pk}/reservations/",
            method="POST",
            content=json.dumps({"seats": numbers}).encode(),
            content_type="application/json",
            **{
                "Authorization": f"Bearer {self.access}",
                "Queue-Token": str(self.token),
                "Accept-Language": "en",
            }
            | headers,
        )
        return status, body

    def refusal(self, *numbers, **headers):
        _status, body = self.hold(*numbers, **headers)
        return body["code"]


@pytest.fixture
def asked(monkeypatch):
    """The holds that reach a transaction."""
    found = []

    def hold(requests, **options):
        found.extend(requests)
        return real(requests, **options)

    real = holds.hold
    monkeypatch.setattr(holds, "hold", hold)
    return found


@pytest.fixture
def schedule():
    """Of four seats, 1 is held and 2 is sold; the snapshot knows it, and the line's index."""
    schedule = ScheduleFactory(seats=4)
    held(UserFactory(), schedule, 1)
    bought(UserFactory(won=100_000), schedule, 2)
    return schedule


@pytest.fixture
def buyer(schedule):
    buyer = Buyer(schedule)
    index_build.build_missing()
    seat_states.recent_snapshot(schedule.pk)
    return buyer


def test_a_refusal_does_not_suggest_a_seat_that_the_buyer_took_since(buyer, frozen):
    assert buyer.hold(3)[0] == 201

    status, body = buyer.hold(1)

    assert (status, body["code"], body["nearest"]) == (409, "seat_taken", [4])


@pytest.mark.parametrize("number", [1, 2])
def test_a_taken_seat_is_refused_without_sql(buyer, asked, number, django_assert_num_queries):
    with django_assert_num_queries(0):
        status, body = buyer.hold(number)

    assert (status, body["code"], body["seat"], body["yours"]) == (409, "seat_taken", number, False)
    assert body["nearest"] == [3]
    assert asked == []


def test_it_is_the_transactions_refusal(buyer, app):
    early = buyer.hold(2)[1]
    early["nearest"] = sorted(early["nearest"])
    late = app(buyer.user).post(
        f"/api/v1/schedules/{buyer.schedule.pk}/reservations/",
        {"seats": [2]},
        format="json",
        headers={"Queue-Token": str(buyer.token), "Accept-Language": "en"},
    )
    assert late.status_code == 409
    assert early == late.json()


def test_a_free_seat_is_held_whatever_the_snapshot_shows_of_others(buyer):
    assert buyer.hold(3)[0] == 201
    assert Reservation.objects.filter(user=buyer.user, seat__number=3).exists()


def test_after_the_first_refusal_by_a_transaction_the_process_has_a_snapshot(buyer, asked):
    seat_states._copies.clear()
    assert buyer.refusal(1) == "seat_taken"
    assert len(asked) == 1

    assert buyer.refusal(1) == "seat_taken"
    assert len(asked) == 1


# A seat that comes free


def test_a_seat_whose_hold_is_overdue_is_not_refused(schedule, frozen):
    reservation = Reservation.objects.get(seat__number=1)
    overdue(reservation)
    buyer = Buyer(schedule)
    index_build.build_missing()
    assert seat_states.recent_snapshot(schedule.pk).states[0] == 1

    assert buyer.hold(1)[0] == 201


def test_a_hold_that_ends_after_the_snapshot_was_read_is_not_refused(buyer, frozen):
    copy = seat_states.last_copy(buyer.schedule.pk)
    Reservation.objects.filter(seat__number=1)
    overdue(Reservation.objects.get(seat__number=1))
    copy.until[0] = copy.read_at

    assert buyer.hold(1)[0] == 201


def test_a_seat_in_its_cooldown_is_refused_until_it_ends(asked, frozen):
    schedule = ScheduleFactory(seats=2, cooldown_seconds=3600)
    overdue(*held(UserFactory(), schedule, 1))
    release_expired_holds()
    buyer = Buyer(schedule)
    index_build.build_missing()
    snapshot = seat_states.recent_snapshot(schedule.pk)
    asked.clear()
    assert buyer.refusal(1) == "seat_taken"
    assert asked == []

    Seat.objects.filter(schedule=schedule, number=1).update(available_from=timezone.now())
    snapshot.until[0] = snapshot.read_at

    assert buyer.hold(1)[0] == 201


@pytest.mark.parametrize("how", ["released", "cancelled"])
def test_a_seat_that_came_back_is_refused_no_longer_than_the_snapshot_lives(
    schedule, frozen, monkeypatch, how
):
    buyer = Buyer(schedule)
    index_build.build_missing()
    seat_states.recent_snapshot(schedule.pk)
    reservation = Reservation.objects.get(seat__number=1 if how == "released" else 2)
    number = reservation.seat.number
    if how == "released":
        release_reservation(user=reservation.user, reservation_id=reservation.pk)
    else:
        cancel_ticket(user=reservation.user, ticket_id=reservation.ticket.pk)
    assert buyer.refusal(number) == "seat_taken"

    monkeypatch.setattr(looks, "REBUILT_IF_CHANGED", 0)

    assert buyer.hold(number)[0] == 201


def test_a_snapshot_that_is_a_second_old_refuses_nothing(buyer, frozen, asked):
    key = f"seats:{buyer.schedule.pk.hex}:snapshot"
    store = redis.Redis.from_url(django_settings.REDIS_URL)
    store.hincrby(key, "built_at", -1000)

    assert buyer.refusal(1) == "seat_taken"
    assert len(asked) == 1


# The rules that come before


def test_a_stranger_is_not_admitted(buyer, asked):
    other = Buyer(ScheduleFactory(seats=1))
    index_build.build_missing()
    other.schedule = buyer.schedule
    assert other.refusal(1) == "queue_not_admitted"
    assert other.refusal(1, **{"Queue-Token": str(buyer.token)}) == "queue_not_admitted"


def test_who_has_left_is_not_admitted(buyer):
    join_and_leave.leave(user=buyer.user, token=buyer.token)
    assert buyer.refusal(1) == "queue_not_admitted"


def test_one_who_waits_is_not_admitted():
    room = WaitingRoomFactory(capacity=1)
    schedule = ScheduleFactory(seats=2, concert__waiting_room=room)
    held(UserFactory(), schedule, 1)
    buyer = UserFactory()
    place, _joined = join_and_leave.join(user=buyer, slug=room.slug)
    waiting = Buyer.__new__(Buyer)
    waiting.user, waiting.schedule, waiting.token = buyer, schedule, place.token
    waiting.access = issue_tokens(buyer).access
    index_build.build_missing()
    seat_states.recent_snapshot(schedule.pk)

    assert waiting.refusal(1) == "queue_not_admitted"


def test_a_buyer_whose_session_has_ended_is_left_to_django(buyer):
    end_sessions(user_ids=[buyer.user.pk])
    with pytest.raises(FellThrough):
        buyer.hold(1)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"reserve_from": timezone.timedelta(hours=1)}, "sale_not_open"),
        ({"reserve_until": timezone.timedelta(hours=-1)}, "sale_closed"),
    ],
)
def test_the_sale_must_be_open(buyer, change, code):
    times = {name: timezone.now() + delta for name, delta in change.items()}
    times = {"reserve_from": timezone.now() - timezone.timedelta(hours=2)} | times
    ConcertSchedule.objects.filter(pk=buyer.schedule.pk).update(**times)
    seat_states._build(buyer.schedule.pk)

    assert buyer.refusal(1) == code


def test_a_cancelled_schedule_sells_nothing(buyer):
    ConcertSchedule.objects.filter(pk=buyer.schedule.pk).update(
        cancelled_at=timezone.now(), cancelled_by=UserFactory()
    )
    seat_states._build(buyer.schedule.pk)
    assert buyer.refusal(1) == "schedule_cancelled"


def test_an_unknown_seat_comes_before_a_taken_one(buyer):
    assert buyer.refusal(1, 99) == "seat_not_found"


def test_the_purchase_limit_comes_before_a_taken_seat(schedule, buyer, frozen):
    ConcertSchedule.objects.filter(pk=schedule.pk).update(purchase_limit=1)
    seat_states._build(schedule.pk)
    assert buyer.refusal(1, 2) == "purchase_limit_exceeded"
    held(buyer.user, schedule, 3)

    assert buyer.refusal(1) == "purchase_limit_exceeded", "known from the own change"

    redis.Redis.from_url(django_settings.REDIS_URL).delete(
        keys.own_changes(schedule.pk, buyer.user.pk), keys.held_lately(buyer.user.pk)
    )
    seat_states._build(schedule.pk)
    assert buyer.refusal(1) == "purchase_limit_exceeded", "known from the history"


def test_hoarding_in_another_schedule_comes_before_a_taken_seat(buyer, settings):
    settings.GIVEN_UP_PER_HOUR = 1
    elsewhere = ScheduleFactory(seats=1)
    (reservation,) = held(buyer.user, elsewhere, 1)
    release_reservation(user=buyer.user, reservation_id=reservation.pk)

    status, body = buyer.hold(1)
    assert (status, body["code"]) == (429, "too_many_requests"), "also the code of hoarding"


def test_an_own_seat_is_said_to_be_ones_own(buyer):
    held(buyer.user, buyer.schedule, 3)
    seat_states._build(buyer.schedule.pk)
    assert buyer.hold(3)[1]["yours"] is True


def test_a_request_with_a_key_gets_its_saved_answer(buyer, asked):
    status, first = buyer.hold(3, **{"Idempotency-Key": "k"})
    seat_states._build(buyer.schedule.pk)

    assert (status, buyer.hold(3, **{"Idempotency-Key": "k"})) == (201, (201, first))


def test_an_invalid_key_comes_before_a_taken_seat(buyer):
    assert buyer.refusal(1, **{"Idempotency-Key": "k" * 256}) == "idempotency_key_invalid"


def test_early_refusals_are_counted_as_requests_of_the_user(buyer, settings):
    settings.REQUESTS_PER_USER = 2
    assert [buyer.hold(1)[0] for _request in range(3)] == [409, 409, 429]


def test_a_refusal_that_is_left_to_the_transaction_is_counted_once(buyer, asked, settings):
    settings.REQUESTS_PER_USER = 3
    buyer.hold(4)
    assert [buyer.hold(1)[0] for _request in range(4)] == [409, 409, 409, 429]
    assert len(asked) == 4


def test_without_redis_the_transaction_refuses(buyer, asked, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert buyer.refusal(1) == "seat_taken"
    assert len(asked) == 1


def test_a_seat_that_was_taken_since_the_snapshot_is_not_suggested(buyer, frozen):
    held(UserFactory(), buyer.schedule, 3)
    _status, body = buyer.hold(3)
    assert (body["code"], body["nearest"]) == ("seat_taken", [4])


def test_the_group_commits_thread_is_not_needed(buyer, monkeypatch):
    monkeypatch.setattr(HOLDS, "do", None)
    assert buyer.refusal(1) == "seat_taken"
