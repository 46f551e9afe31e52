"""Shows from the console: drafts that no buyer finds, their check list, publication, and moves."""

import datetime as dt

import pytest
from django.urls import reverse
from django.utils import timezone
from django.utils.timezone import localtime

from accounts.models import Activity, OutgoingMessage
from concerts.models import Concert, ConcertSchedule, ScheduleMove
from payments.services.move_news import tell_of_moves
from queueing.models import WaitingRoom
from queueing.services.new_rooms import romanized
from tests.concertbook.test_admin_forms import form_at
from tests.concerts.test_drafts import make_draft
from tests.factories import (
    ConcertFactory,
    ScheduleFactory,
    UserFactory,
    WaitingRoomFactory,
    bought,
    staff,
)

pytestmark = pytest.mark.django_db

NEW = "/admin/shows/new/"


def at(**delta):
    """A time from now, to the minute, as a form has it."""
    moment = localtime(timezone.now() + dt.timedelta(**delta))
    return f"{moment:%Y-%m-%dT%H:%M}"


@pytest.fixture
def programme(client):
    """A member of the staff with the role Programme, logged in."""
    user = staff("Programme")
    client.force_login(user)
    return user


@pytest.fixture
def draft():
    return make_draft()


def form_of(client, **values):
    form = form_at(client, NEW)
    blocks = {"rows": "2", "seats_per_row": "5", "grade": "R", "price": "50000"}
    return (
        form
        | {"title": "밤의 노래", "first": at(days=20), "opens_at": at(days=1)}
        | {f"blocks-0-{name}": value for name, value in blocks.items()}
        | values
    )


# --- A new show -----------------------------------------------------------------------------------


def test_a_show_of_several_dates_is_made_once_as_a_draft(client, programme):
    other = f"{localtime() + dt.timedelta(days=40):%Y-%m-%d} 15:00"
    form = form_of(client, every="week", times="2", others=other)
    for _ in range(2):
        answer = client.post(NEW, form)
        assert answer.status_code == 302, answer.context["sale"].errors

    show = Concert.objects.get()
    room = show.waiting_room
    dates = list(show.schedules.order_by("start_at"))
    assert answer["Location"] == reverse("console:show", args=[show.pk])
    assert (room.slug, room.published_at, room.state) == ("bamui-nolae", None, "SCHEDULED")
    assert [date.seat_quantity for date in dates] == [10, 10, 10]
    assert dates[1].start_at - dates[0].start_at == dt.timedelta(weeks=1)
    assert {date.reserve_from for date in dates} == {room.opens_at}
    assert (show.start_time, show.end_time) == (dates[0].start_at, dates[2].end_at)
    plans = [list(date.seats.order_by("number").values_list("label", "price")) for date in dates]
    assert plans[0] == plans[1] == plans[2]
    assert plans[0][9] == ("B-5", 50_000)
    assert Activity.objects.get(act="show.create").actor == programme
    assert client.get(reverse("console:show", args=[show.pk])).status_code == 200


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"first": at(days=-1)}, "A date must be in the future."),
        ({"opens_at": at(days=30)}, "The sale must open before the first date."),
        ({"times": "61"}, "60"),
        ({"times": "60", "blocks-0-rows": "400", "blocks-0-seats_per_row": "50"}, "At most 60"),
        ({"blocks-0-rows": "", "blocks-0-seats_per_row": "", "blocks-0-grade": "",
          "blocks-0-price": ""}, "Please describe the seats"),
        ({"others": "tomorrow"}, "This is no date: tomorrow"),
        ({"refund_policy": "0:100"}, "say why"),
        ({"refund_policy": "often"}, "Write steps of days"),
        ({"plan_of": "0"}, "Select a valid choice"),
    ],
)  # fmt: skip
def test_what_makes_no_sale_is_refused_and_nothing_is_made(client, programme, values, said):
    answer = client.post(NEW, form_of(client, **values), headers={"accept-language": "en"})
    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert not Concert.objects.exists()
    assert not WaitingRoom.objects.exists()


def test_the_seats_may_be_those_of_another_date(client, programme):
    model = ScheduleFactory(seats=7)
    empty = dict.fromkeys(f"blocks-0-{name}" for name in ("rows", "seats_per_row", "price"))
    form = form_of(client, plan_of=str(model.pk)) | dict.fromkeys(empty, "")
    client.post(NEW, form | {"blocks-0-grade": ""})
    copied = ConcertSchedule.objects.exclude(pk=model.pk).get()
    assert copied.seats.count() == copied.seat_quantity == 7


@pytest.mark.parametrize(
    ("title", "slug"),
    [("아이유 콘서트 2026", "aiyu-konseoteu-2026"), ("!", "show"), ("가" * 200, "ga" * 40)],
)
def test_a_title_becomes_an_address_in_latin_letters(title, slug):
    assert romanized(title) == slug


# --- Drafts and their publication -----------------------------------------------------------------


def test_staff_see_a_draft_as_buyers_will(client, draft, programme):
    address = reverse("console:show_preview", args=[draft.concert.pk])
    page = client.get(address, headers={"accept-language": "en"}).content.decode()
    assert "밤의 노래" in page
    assert "Preview" in page
    assert "inert" in page


def publish(client, show, **values):
    return client.post(reverse("console:publish_show", args=[show.pk]), values)


def test_a_show_that_is_not_ready_is_published_with_a_reason_only(client, draft, programme):
    ScheduleFactory(concert=draft.concert, seats=0)
    answer = publish(client, draft.concert)
    assert "reason" in answer.context["form"].errors
    assert not Concert.objects.published().exists()

    assert publish(client, draft.concert, reason="seats follow").status_code == 302
    assert Concert.objects.published().exists()
    entry = Activity.objects.get(act="show.publish")
    assert (entry.actor, entry.reason) == (programme, "seats follow")
    assert entry.new["unmet"] == ["has_seats", "told_in_english"]
    publish(client, draft.concert)
    assert Activity.objects.filter(act="show.publish").count() == 1


def test_a_planned_show_is_public_from_its_time_on_or_a_draft_again(client, draft, programme):
    room = WaitingRoom.objects.filter(pk=draft.concert.waiting_room_id)
    assert "at" in publish(client, draft.concert, at=at(days=-1)).context["form"].errors
    publish(client, draft.concert, at=at(days=1))
    assert room.get().published_at > timezone.now()
    assert not Concert.objects.published().exists()

    client.post(reverse("console:take_back", args=[draft.concert.pk]))
    assert room.get().published_at is None
    publish(client, draft.concert, at=at(days=1))
    room.update(published_at=timezone.now())
    assert Concert.objects.published().exists()
    client.post(reverse("console:take_back", args=[draft.concert.pk]))
    assert Concert.objects.published().exists()
    assert Activity.objects.filter(act="show.take_back").count() == 1


def test_each_check_finds_what_is_wrong(client, programme):
    room = WaitingRoomFactory(state="SCHEDULED", opens_at=timezone.now(), published_at=None)
    later = timezone.now() + dt.timedelta(hours=1)
    wrong = ConcertFactory(waiting_room=room, start_time=later, end_time=later + dt.timedelta(1))
    ScheduleFactory(concert=wrong, seats=0, reserve_from=later)
    over = ConcertFactory(waiting_room=WaitingRoomFactory(state="CLOSED"), title_en="Night")
    past = timezone.now() - dt.timedelta(days=2)
    ScheduleFactory(
        concert=over, start_at=past, end_at=past + dt.timedelta(1), reserve_until=past,
        reserve_from=past - dt.timedelta(1),
    )  # fmt: skip

    def unmet(show):
        points = client.get(reverse("console:show", args=[show.pk])).context["points"]
        return {point.name for point, _words, _where in points if not point.is_met}

    assert unmet(wrong) == {"has_seats", "room_lets_in", "run_covers_dates", "told_in_english"}
    assert unmet(over) == {"has_dates", "can_be_sold", "room_lets_in", "run_covers_dates"}


def test_the_list_asks_the_database_as_often_for_many_shows(
    client, programme, django_assert_max_num_queries
):
    ScheduleFactory.create_batch(5)
    with django_assert_max_num_queries(7):
        assert len(client.get(reverse("console:shows")).context["shows"]) == 5


def test_who_may_only_look_is_offered_no_act(client, draft):
    client.force_login(staff("Support"))
    page = client.get(reverse("console:show", args=[draft.concert.pk])).content.decode()
    assert "밤의 노래" in page
    assert [act for act in ("publish", "draft", "move", "copy") if f"/{act}/" in page] == []


def test_who_works_for_one_concert_finds_no_other_show(client, draft):
    mine = ScheduleFactory()
    client.force_login(staff("Programme", concerts=[mine.concert]))
    assert client.get(NEW).status_code == 403
    listed = client.get(reverse("console:shows")).context["shows"]
    assert [show for show, *_state in listed] == [mine.concert]
    show, date = [draft.concert.pk], [draft.concert.pk, draft.pk]
    for name, key in (
        ("show", show),
        ("show_preview", show),
        ("publish_show", show),
        ("take_back", show),
        ("add_dates", date),
        ("move_date", date),
    ):
        assert client.post(reverse(f"console:{name}", args=key)).status_code == 404
    strange = reverse("console:move_date", args=[mine.concert.pk, draft.pk])
    assert client.get(strange).status_code == 404


# --- More dates, and moves ------------------------------------------------------------------------


def test_dates_are_added_once_as_copies_of_another(client, programme):
    model = ScheduleFactory(purchase_limit=2)
    page = reverse("console:add_dates", args=[model.concert_id, model.pk])
    form = form_at(client, page) | {"first": at(days=50), "times": "2"}
    for _ in range(2):
        assert client.post(page, form).status_code == 302
    copies = model.concert.schedules.exclude(pk=model.pk).order_by("start_at")
    assert [(each.seats.count(), each.purchase_limit) for each in copies] == [(10, 2), (10, 2)]
    assert copies[1].end_at == Concert.objects.get().end_time
    again = client.post(page, {"first": at(days=50), "every": "day", "times": "1"})
    assert again.status_code == 200
    assert copies.count() == 2


def test_moving_a_date_asks_once_and_moves_all_that_shows_its_time(client, programme):
    date = ScheduleFactory()
    buyers = [UserFactory(won=50_000) for _ in range(2)]
    for number, buyer in enumerate(buyers, start=1):
        bought(buyer, date, number)
    page = reverse("console:move_date", args=[date.concert_id, date.pk])
    start = at(days=35)

    asked = client.get(page, {"start_at": start}, headers={"accept-language": "en"})
    assert "2 ticket holders get a mail" in asked.content.decode()
    assert client.post(page, {"start_at": start}).status_code == 200
    assert not ScheduleMove.objects.exists()
    assert client.post(page, {"start_at": start, "reason": "The hall burnt"}).status_code == 302

    moved = ConcertSchedule.objects.select_related("concert").get()
    by = moved.start_at - date.start_at
    assert at(days=35) == f"{localtime(moved.start_at):%Y-%m-%dT%H:%M}"
    assert (moved.end_at, moved.reserve_until) == (date.end_at + by, date.reserve_until + by)
    assert (moved.concert.start_time, moved.concert.end_time) == (moved.start_at, moved.end_at)
    assert moved.moved_from == date.start_at
    ScheduleMove.objects.update(moved_at=timezone.now() - dt.timedelta(minutes=1))
    tell_of_moves()
    told = OutgoingMessage.objects.filter(kind="show_moved")
    assert {message.user for message in told} == set(buyers)
    entry = Activity.objects.get(act="schedule.move")
    assert (entry.actor, entry.reason) == (programme, "The hall burnt")

    client.force_login(buyers[0])
    ticket = client.get("/tickets/", headers={"accept-language": "en"}).content.decode()
    assert f"{localtime(moved.start_at):%H:%M}" in ticket


@pytest.mark.parametrize(
    ("days", "fields"), [(-1, {}), (1, {"reserve_from": timezone.now() + dt.timedelta(days=2)})]
)
def test_a_date_is_not_moved_into_the_past_nor_before_its_sale(client, programme, days, fields):
    date = ScheduleFactory(**fields)
    page = reverse("console:move_date", args=[date.concert_id, date.pk])
    answer = client.post(page, {"start_at": at(days=days), "reason": "x"})
    assert "start_at" in answer.context["form"].errors
    assert ConcertSchedule.objects.get().start_at == date.start_at
