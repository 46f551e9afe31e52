"""Concerts, schedules and seats: created, changed and deleted by an operator."""

import datetime as dt

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import Activity
from concerts.errors import SeatTaken
from concerts.models import Concert, ConcertSchedule, Seat
from concerts.services import schedule_rules, seat_editing
from payments.services.releases import release_reservation
from tests.factories import ScheduleFactory, StaffFactory, UserFactory, WaitingRoomFactory, held

pytestmark = pytest.mark.django_db

NOON = timezone.localtime().replace(hour=12, minute=0, second=0, microsecond=0)


@pytest.fixture
def operator(client):
    client.force_login(StaffFactory(is_superuser=True))
    return client


def split(name, moment):
    local = timezone.localtime(moment)
    return {f"{name}_0": f"{local:%Y-%m-%d}", f"{name}_1": f"{local:%H:%M:%S}"}


def schedule_fields(prefix="", **changes):
    moments = {
        "start_at": NOON + dt.timedelta(days=30),
        "end_at": NOON + dt.timedelta(days=30, hours=2),
        "reserve_from": NOON - dt.timedelta(days=1),
        "reserve_until": NOON + dt.timedelta(days=29),
    }
    fields = {
        f"{prefix}price": 50_000,
        f"{prefix}purchase_limit": 4,
        f"{prefix}cooldown_seconds": 30,
        f"{prefix}doors_open_minutes": 120,
        f"{prefix}hand_on_minutes": 300,
    }
    for name, moment in moments.items():
        fields |= split(f"{prefix}{name}", changes.pop(name, moment))
    return fields | {f"{prefix}{name}": value for name, value in changes.items()}


def form_of(schedule, **changes):
    names = ("start_at", "end_at", "reserve_from", "reserve_until", "price", "purchase_limit")
    now = {name: getattr(schedule, name) for name in names}
    return schedule_fields(**(now | changes))


def concert_form(concert, price, **changes):
    """The concert's page with all of its schedules, each at this price."""
    schedules = list(concert.schedules.all())
    fields = {
        "title": concert.title,
        "description": concert.description,
        "venue": concert.venue,
        "minimum_age": concert.minimum_age,
        "colour": concert.colour,
        "refund_policy": concert.refund_policy,
        "waiting_room": concert.waiting_room_id,
        **split("start_time", concert.start_time),
        **split("end_time", concert.end_time),
        "schedules-TOTAL_FORMS": len(schedules),
        "schedules-INITIAL_FORMS": len(schedules),
    }
    for row, schedule in enumerate(schedules):
        prefix = f"schedules-{row}-"
        fields |= {f"{prefix}id": schedule.pk, **schedule_fields(prefix, price=price)}
    return fields | changes


def page(action, thing, model="concertschedule"):
    return reverse(f"admin:concerts_{model}_{action}", args=[thing.pk])


def blocks(*given):
    fields = {"blocks-TOTAL_FORMS": len(given) + 1, "blocks-INITIAL_FORMS": 0}
    for index, block in enumerate(given):
        fields |= {f"blocks-{index}-{name}": value for name, value in block.items()}
    return fields


VIP = {"section": "1층", "rows": 2, "seats_per_row": 3, "grade": "VIP", "price": 150_000}
REGULAR = {"section": "2층", "rows": 1, "seats_per_row": 4, "grade": "S", "price": 90_000}


def test_one_form_adds_a_concert_and_its_schedule(operator):
    room = WaitingRoomFactory()
    concert = {
        "title": "봄 콘서트",
        "description": "",
        "venue": "올림픽홀",
        "minimum_age": 0,
        "colour": "teal",
        "refund_policy": Concert._meta.get_field("refund_policy").default,
        "waiting_room": room.pk,
        **split("start_time", NOON + dt.timedelta(days=30)),
        **split("end_time", NOON + dt.timedelta(days=31)),
        "schedules-TOTAL_FORMS": 1,
        "schedules-INITIAL_FORMS": 0,
        **schedule_fields("schedules-0-"),
    }
    response = operator.post(reverse("admin:concerts_concert_add"), concert)
    assert response.status_code == 302
    schedule = Concert.objects.get(title="봄 콘서트").schedules.get()
    assert schedule.start_at == NOON + dt.timedelta(days=30)
    assert schedule.price == 50_000


def test_times_out_of_order_are_refused_with_words(operator):
    schedule = ScheduleFactory()
    late = schedule.end_at + dt.timedelta(days=1)
    response = operator.post(page("change", schedule), form_of(schedule, reserve_until=late))
    assert response.status_code == 200
    assert response.context["adminform"].form.non_field_errors()


def test_the_generator_makes_numbered_seats_by_the_block(operator):
    schedule = ScheduleFactory(seats=0)
    assert operator.get(page("generate", schedule)).status_code == 200
    response = operator.post(page("generate", schedule), blocks(VIP, REGULAR))
    assert response["Location"] == page("change", schedule)
    seats = list(schedule.seats.order_by("number"))
    assert [seat.number for seat in seats] == list(range(1, 11))
    assert [seat.label for seat in seats][:4] == ["1층 A-1", "1층 A-2", "1층 A-3", "1층 B-1"]
    assert (seats[-1].section, seats[-1].grade, seats[-1].price) == ("2층", "S", 90_000)
    schedule.refresh_from_db()
    assert schedule.seat_quantity == 10
    assert Activity.objects.get(act="seats.generate", actor__isnull=False).actor.is_superuser


def test_a_block_may_have_a_kind(operator):
    schedule = ScheduleFactory(seats=0)
    operator.post(page("generate", schedule), blocks(REGULAR, VIP | {"kind": "restricted"}))
    kinds = schedule.seats.order_by("number").values_list("kind", flat=True)
    assert list(kinds) == ["standard"] * 4 + ["restricted"] * 6


def test_more_seats_are_numbered_on_from_the_last(operator):
    schedule = ScheduleFactory(seats=0)
    operator.post(page("generate", schedule), blocks(VIP))
    operator.post(page("generate", schedule), blocks(REGULAR))
    assert list(schedule.seats.order_by("number").values_list("number", flat=True)) == list(
        range(1, 11)
    )


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        [VIP | {"rows": 0}],
        [VIP | {"seats_per_row": -1}],
        [VIP | {"price": 0}],
        [VIP | {"price": "1.5"}],
        [VIP | {"rows": 10**9}],
        [VIP | {"rows": 500, "seats_per_row": 500}],
        [VIP | {"section": "가" * 13}],
        [VIP | {"kind": "standing"}],
        [VIP, REGULAR | {"price": ""}],
    ],
    ids=str,
)
def test_a_wrong_block_makes_no_seat_at_all(operator, wrong):
    schedule = ScheduleFactory(seats=0)
    assert operator.post(page("generate", schedule), blocks(*wrong)).status_code == 200
    assert not schedule.seats.exists()


def test_a_section_goes_on_with_the_row_after_its_last_so_that_no_label_comes_twice(operator):
    schedule = ScheduleFactory(seats=0)
    for _ in range(2):
        operator.post(page("generate", schedule), blocks(VIP, REGULAR | {"section": "1층"}))

    seats = list(schedule.seats.order_by("number"))
    assert [seat.number for seat in seats] == list(range(1, 21))
    assert list(dict.fromkeys(seat.row for seat in seats)) == ["A", "B", "C", "D", "E", "F"]
    assert len({seat.label for seat in seats}) == 20


def test_the_longest_label_fits(operator):
    schedule = ScheduleFactory(seats=0)
    long = VIP | {"section": "가" * 12, "rows": 27, "seats_per_row": 100}
    assert operator.post(page("generate", schedule), blocks(long)).status_code == 302
    assert max(len(label) for label in schedule.seats.values_list("label", flat=True)) == 19


def test_an_operator_with_view_permission_generates_no_seats(client):
    staff, schedule = StaffFactory(), ScheduleFactory(seats=0)
    staff.user_permissions.add(Permission.objects.get(codename="view_concertschedule"))
    client.force_login(staff)
    assert client.get(page("change", schedule)).status_code == 200
    assert client.post(page("generate", schedule), blocks(VIP)).status_code == 403
    assert not schedule.seats.exists()


def test_a_schedule_shows_how_many_seats_are_free_held_sold_and_blocked(operator):
    schedule = ScheduleFactory(seats=5)
    held(UserFactory(), schedule, 1, 2)
    row = operator.get(reverse("admin:concerts_concertschedule_changelist")).context["cl"]
    assert row.result_list[0].seat_counts == [3, 2, 0, 0]


SEAT_FORM = {
    "label": "새 이름",
    "section": "1층",
    "grade": "S",
    "price": 70_000,
    "kind": "wheelchair",
}


def test_a_free_seat_gets_a_new_label_and_price(operator):
    seat = ScheduleFactory().seats.first()
    forged = {"status": "RESERVED", "number": 999, "hold_expires_at_0": "2030-01-01"}
    assert operator.post(page("change", seat, "seat"), SEAT_FORM | forged).status_code == 302
    changed = Seat.objects.get(pk=seat.pk)
    assert {name: getattr(changed, name) for name in SEAT_FORM} == SEAT_FORM
    assert (changed.status, changed.number) == ("AVAILABLE", seat.number)


def test_the_list_shows_the_seats_of_a_kind(operator):
    schedule = ScheduleFactory()
    schedule.seats.filter(number=3).update(kind="wheelchair")
    shown = operator.get(reverse("admin:concerts_seat_changelist"), {"kind__exact": "wheelchair"})
    assert [seat.number for seat in shown.context["cl"].result_list] == [3]


def test_an_edit_that_names_no_kind_keeps_it(operator):
    seat = ScheduleFactory().seats.first()
    operator.post(page("change", seat, "seat"), SEAT_FORM)
    seat_editing.edit_seat(seat_id=seat.pk, details=seat_editing.SeatDetails("x", "", "", 1))
    assert Seat.objects.get(pk=seat.pk).kind == "wheelchair"


def test_a_held_seat_is_read_only(operator):
    schedule = ScheduleFactory()
    seat = held(UserFactory(), schedule, 1)[0].seat
    assert operator.get(page("change", seat, "seat")).status_code == 200
    assert operator.post(page("change", seat, "seat"), SEAT_FORM).status_code == 403
    assert Seat.objects.get(pk=seat.pk).price == schedule.price


def test_a_seat_held_while_the_form_was_sent_keeps_its_holder_and_price():
    seat = held(UserFactory(), ScheduleFactory(), 1)[0].seat
    with pytest.raises(SeatTaken):
        seat_editing.edit_seat(seat_id=seat.pk, details=seat_editing.SeatDetails("x", "", "", 1))
    assert Seat.objects.get(pk=seat.pk).price == seat.price


def test_seats_are_neither_added_nor_deleted_one_by_one(operator):
    seat = ScheduleFactory().seats.first()
    assert operator.post(reverse("admin:concerts_seat_add"), SEAT_FORM).status_code == 403
    assert operator.post(page("delete", seat, "seat"), {"post": "yes"}).status_code == 403
    assert Seat.objects.filter(pk=seat.pk).exists()


def test_a_sale_that_began_keeps_the_rules_it_was_held_under(operator):
    schedule = ScheduleFactory()
    reservation = held(UserFactory(), schedule, 1)[0]
    before, after = (reservation.created_at + dt.timedelta(minutes=n) for n in (-5, 5))
    for wrong in ({"reserve_from": after}, {"reserve_until": before}, {"purchase_limit": 3}):
        response = operator.post(page("change", schedule), form_of(schedule, **wrong))
        assert response.status_code == 200
        assert list(response.context["adminform"].form.errors) == list(wrong)


def test_a_sale_that_began_can_be_closed_early_and_its_limit_raised(operator):
    schedule = ScheduleFactory()
    reservation = held(UserFactory(), schedule, 1)[0]
    soon = (reservation.created_at + dt.timedelta(minutes=5)).replace(microsecond=0)
    right = form_of(schedule, reserve_until=soon, purchase_limit=6)
    assert operator.post(page("change", schedule), right).status_code == 302
    schedule.refresh_from_db()
    assert (schedule.reserve_until, schedule.purchase_limit) == (soon, 6)


def test_a_concert_that_sold_keeps_its_waiting_room(operator):
    schedule = ScheduleFactory()
    held(UserFactory(), schedule, 1)
    response = operator.get(page("change", schedule.concert, "concert"))
    assert "waiting_room" not in response.context["adminform"].form.fields


def test_a_schedule_that_never_sold_is_deleted_with_its_seats(operator):
    schedule = ScheduleFactory()
    confirm = operator.get(page("delete", schedule.concert, "concert"))
    assert confirm.context["protected"] == []
    with CaptureQueriesContext(connection) as queries:
        operator.post(page("delete", schedule.concert, "concert"), {"post": "yes"})
    # The seats are read only to lock them.
    of_seats = [query["sql"] for query in queries if 'FROM "concerts_seat"' in query["sql"]]
    assert not [sql for sql in of_seats if '"concerts_seat"."label"' in sql]
    assert not Concert.objects.exists()
    assert not Seat.objects.exists()


@pytest.mark.parametrize("model", ["concert", "concertschedule"])
def test_a_schedule_that_sold_is_kept_after_the_hold_is_gone(operator, model):
    schedule, user = ScheduleFactory(), UserFactory()
    reservation = held(user, schedule, 1)[0]
    release_reservation(user=user, reservation_id=reservation.pk)
    thing = schedule if model == "concertschedule" else schedule.concert
    address = page("delete", thing, model)
    assert address not in operator.get(page("change", thing, model)).content.decode()
    assert operator.get(address).status_code == 403
    assert operator.post(address, {"post": "yes"}).status_code == 403
    operator.post(
        reverse(f"admin:concerts_{model}_changelist"),
        {"action": "delete_selected", "_selected_action": [str(thing.pk)], "post": "yes"},
    )
    assert ConcertSchedule.objects.filter(pk=schedule.pk).exists()
    assert schedule.seats.count() == 10


def test_a_seat_held_while_the_deletion_was_confirmed_stops_it():
    schedule = ScheduleFactory()
    held(UserFactory(), schedule, 1)
    with pytest.raises(SeatTaken):
        schedule_rules.delete_concerts(Concert.objects.all())
    assert schedule.seats.count() == 10


def test_a_ladder_below_the_standard_needs_a_reason_that_buyers_read(operator):
    schedule = ScheduleFactory()
    concert = schedule.concert
    below = concert_form(concert, price=schedule.price, refund_policy="0:90")
    english = {"Accept-Language": "en"}

    refused = operator.post(page("change", concert, "concert"), below, headers=english)
    assert "say why" in str(refused.context["adminform"].form.errors["refund_policy_reason"])
    concert.refresh_from_db()
    assert concert.refund_policy != "0:90"

    reason = {"refund_policy_reason": "섬으로 가는 배", "refund_policy_reason_en": "A ship"}
    answer = operator.post(page("change", concert, "concert"), below | reason)
    assert answer.status_code == 302
    for address, words in (
        (f"/en/concerts/{concert.pk}/", "A ship"),
        (f"/concerts/{concert.pk}/", "섬으로 가는 배"),
    ):
        shown = operator.get(address).content.decode()
        assert words in shown
    assert (
        "higher than the consumer standard"
        in operator.get(f"/en/concerts/{concert.pk}/").content.decode()
    )
