"""The pages of the waiting room."""

import datetime as dt
from dataclasses import replace

import pytest
from django.utils import timezone, translation

from concertbook.templatetags.times import lasting, wait
from concerts.models import ConcertSchedule
from queueing.models import QueueToken, WaitingRoom
from queueing.services import admission, join_and_leave, polling
from queueing.services.endings import end_tokens
from tests.factories import ScheduleFactory, UserFactory, WaitingRoomFactory, admitted

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def full_room():
    """A room with one place inside, which is taken."""
    schedule = ScheduleFactory(concert__waiting_room__capacity=1)
    admitted(UserFactory(), schedule)
    return schedule.concert.waiting_room


def test_anonymous_people_log_in_first_and_come_back(client, full_room):
    address = f"/rooms/{full_room.slug}/?next=/checkout/"

    response = client.post(address)

    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/?next=/rooms/")
    assert "next%3D/checkout/" in response["Location"]


def test_a_buyer_who_joins_sees_their_place_and_keeps_it(client, full_room):
    client.force_login(UserFactory())
    join_and_leave.join(user=UserFactory(), slug=full_room.slug)

    first = client.post(f"/rooms/{full_room.slug}/", follow=True)
    again = client.post(f"/rooms/{full_room.slug}/", follow=True)

    assert first.context["place"].ahead == 1
    assert again.context["place"].token == first.context["place"].token


def test_a_room_with_room_lets_in_and_moves_on_at_once(client):
    client.force_login(UserFactory())
    room = WaitingRoomFactory()

    response = client.post(f"/rooms/{room.slug}/?next=/checkout/")

    assert response["Location"] == "/checkout/"


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "javascript:x"])
def test_the_next_page_cannot_be_another_site(client, elsewhere):
    client.force_login(UserFactory())
    room = WaitingRoomFactory()

    response = client.post(f"/rooms/{room.slug}/?next={elsewhere}", follow=True)

    assert response.status_code == 200
    assert response.context["place"].status == "ACTIVE"
    assert response.context["next"] == ""


def test_the_part_that_changes_says_where_to_ask_until_it_is_my_turn(client, full_room):
    me = UserFactory()
    client.force_login(me)
    place, _joined = join_and_leave.join(user=me, slug=full_room.slug)
    address = f"/places/{place.token}/?next=/checkout/"

    waiting = client.get(address).content.decode()
    WaitingRoom.objects.update(capacity=2)
    admission.admit_waiting()
    turn = client.get(address).content.decode()

    assert waiting.lstrip().startswith("<section")
    assert f'data-api="/api/v1/queue-tokens/{place.token}/"' in waiting
    assert f'data-fragment="{address.replace("/checkout/", "%2Fcheckout%2F")}"' in waiting
    assert 'data-status="WAITING" data-room-state="OPEN"' in waiting
    assert "data-next" not in waiting
    assert 'data-status="ACTIVE"' in turn
    assert 'data-next="/checkout/"' in turn


@pytest.fixture
def in_line(client, full_room):
    """A user in the full room's line behind two others, and the user's browser."""
    for user in UserFactory.create_batch(2):
        join_and_leave.join(user=user, slug=full_room.slug)
    me = UserFactory()
    join_and_leave.join(user=me, slug=full_room.slug)
    client.force_login(me)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return QueueToken.objects.get(user=me)


def page_of(client, room):
    return client.get(f"/rooms/{room.slug}/?next=/checkout/")


def first_in_line_leaves():
    first = QueueToken.objects.waiting().order_by("position").first()
    join_and_leave.leave(user=first.user, token=first.pk)


def test_the_progress_begins_where_the_page_first_showed_me(client, full_room, in_line):
    first = page_of(client, full_room).context
    first_in_line_leaves()
    then = page_of(client, full_room)

    assert (first["first_ahead"], first["gone"]) == (2, 0)
    assert (then.context["first_ahead"], then.context["gone"]) == (2, 1)
    assert 'max="3" value="1"' in then.content.decode()


def test_the_progress_of_a_new_place_begins_anew(client, full_room, in_line):
    page_of(client, full_room)
    join_and_leave.leave(user=in_line.user, token=in_line.pk)
    first_in_line_leaves()
    join_and_leave.join(user=in_line.user, slug=full_room.slug)

    context = page_of(client, full_room).context

    assert (context["first_ahead"], context["gone"]) == (1, 0)


@pytest.mark.parametrize("forged", ["", "7", "9" * 5000, "7:forged:signature", "\x00"])
def test_a_forged_memory_of_the_progress_is_none(client, full_room, in_line, forged):
    client.cookies[f"line-{full_room.pk}"] = forged

    context = page_of(client, full_room).context

    assert (context["first_ahead"], context["gone"]) == (2, 0)


def test_no_buyer_is_admitted_before_the_opening(client, full_room, in_line):
    opens_at = timezone.now() + dt.timedelta(hours=1)
    WaitingRoom.objects.update(state="SCHEDULED", opens_at=opens_at)

    response = page_of(client, full_room)

    assert "The doors are not open yet" in response.content.decode()
    assert 3500 < response.context["opens_in_seconds"] <= 3600
    assert "<progress" not in response.content.decode()
    assert f"line-{full_room.pk}" not in response.cookies


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("OPEN", "You are in line"),
        ("PAUSED", "The line stands still for a moment"),
        ("DRAINING", "No more buyers may join."),
    ],
)
def test_the_page_says_what_the_room_s_state_means(client, full_room, in_line, state, words):
    WaitingRoom.objects.update(state=state)

    page = page_of(client, full_room).content.decode()

    assert words in page
    assert ("Estimated wait" in page) == (state != "PAUSED")


@pytest.mark.parametrize(
    ("ahead", "left", "odds"),
    [(1, None, ""), (50, 50, ""), (51, 50, "few"), (0, 0, "none"), (9, 0, "none")],
)
def test_the_odds_are_said_where_the_seats_may_not_last(
    client, full_room, in_line, monkeypatch, ahead, left, odds
):
    known = polling.get_position
    monkeypatch.setattr(
        polling,
        "get_position",
        lambda **whose: replace(known(**whose), ahead=ahead, seats_left=left),
    )

    response = page_of(client, full_room)

    assert response.context["odds"] == odds
    shown = response.content.decode()
    assert ('id="seats-left" hidden' in shown) == (left is None)
    assert ('id="odds-few" hidden' in shown) == (odds != "few")
    assert ('id="odds-none" hidden' in shown) == (odds != "none")


def test_without_scripts_the_page_refreshes_itself_and_moves_on(client, full_room, in_line):
    waiting = page_of(client, full_room).content.decode()
    WaitingRoom.objects.update(capacity=9)
    admission.admit_waiting()
    turn = page_of(client, full_room).content.decode()

    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in waiting
    assert '<noscript><meta http-equiv="refresh" content="2; url=/checkout/"></noscript>' in turn
    assert "<title>● It is your turn" in turn


ENDINGS = [
    ("PAID", "You have your tickets"),
    ("LEFT", "You have left the line"),
    ("IDLE", "We heard nothing from you for more than 5 minutes"),
    ("CLOSED", "The waiting room was closed"),
    ("TIMED_OUT", "Each buyer has 10 minutes inside."),
]


@pytest.mark.parametrize(("outcome", "words"), ENDINGS)
def test_an_ended_place_says_how_it_ended(client, full_room, in_line, outcome, words):
    end_tokens([in_line.pk], outcome=outcome, now=timezone.now())

    part = client.get(f"/places/{in_line.pk}/").content.decode()
    page = page_of(client, full_room).content.decode()

    assert words in part
    assert words in page
    assert "Join the line" in page


def test_an_admission_that_is_over_says_so_before_the_tick_has_ended_it(client, full_room):
    token = QueueToken.objects.active().get()
    QueueToken.objects.update(expires_at=timezone.now() - dt.timedelta(seconds=1))
    client.force_login(token.user)

    page = client.get(f"/rooms/{full_room.slug}/", headers={"Accept-Language": "en"})

    assert "Your time here is over" in page.content.decode()


def test_an_end_of_long_ago_is_no_news(client, full_room, in_line):
    end_tokens([in_line.pk], outcome="IDLE", now=timezone.now() - dt.timedelta(hours=2))

    page = page_of(client, full_room).content.decode()

    assert "You are not in this line yet" in page


@pytest.mark.parametrize(
    ("state", "words"),
    [("CLOSED", "This waiting room is closed."), ("DRAINING", "This line takes no more buyers.")],
)
def test_a_room_that_refuses_joins_offers_no_way_in(client, full_room, state, words):
    WaitingRoom.objects.update(state=state)
    client.force_login(UserFactory())
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"

    page = page_of(client, full_room).content.decode()

    assert words in page
    assert "Join the line" not in page


def test_a_buyer_in_a_draining_line_finds_the_way_back_from_the_concert(client, full_room, in_line):
    WaitingRoom.objects.update(state="DRAINING")
    schedule = ConcertSchedule.objects.get()

    page = client.get(f"/concerts/{schedule.concert_id}/").content.decode()

    assert f'href="/rooms/{full_room.slug}/?next=' in page
    assert "Join the line" not in page


@pytest.mark.parametrize(
    ("fewest", "most", "words"),
    [
        (0, 59, "less than a minute"),
        (0, 60, "about 1 to 2 minutes"),
        (130, 290, "about 2 to 5 minutes"),
        (300, 300, "about 5 to 6 minutes"),
        (3000, 5399, "about 50 to 90 minutes"),
        (3000, 5400, "about 1 to 2 hours"),
        (0, 300, "about 1 to 5 minutes"),
        (0, 301, "6 minutes at most"),
        (60, 3060, "51 minutes at most"),
        (1000, 4000, "about 16 to 67 minutes"),
        (60, 7200, "2 hours at most"),
        (7200, 10_801, "about 2 to 4 hours"),
    ],
)
def test_a_wait_is_a_range_in_words(fewest, most, words):
    with translation.override("en"):
        assert wait(fewest, most) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "1 second"), (90, "90 seconds"), (60, "1 minute"), (600, "10 minutes")],
)
def test_a_rule_s_length_of_time_is_said_as_it_is(seconds, words):
    with translation.override("en"):
        assert lasting(seconds) == words


def test_another_buyers_place_is_not_found(client, full_room):
    place, _joined = join_and_leave.join(user=UserFactory(), slug=full_room.slug)
    client.force_login(UserFactory())

    assert client.get(f"/places/{place.token}/").status_code == 404
    assert client.get(f"/places/{place.token}/leave/").status_code == 404
    client.post(f"/places/{place.token}/leave/")
    assert QueueToken.objects.get(pk=place.token).status == "WAITING"


def test_leaving_gives_the_place_up(client, full_room):
    me = UserFactory()
    client.force_login(me)
    place, _joined = join_and_leave.join(user=me, slug=full_room.slug)

    client.post(f"/places/{place.token}/leave/")

    assert QueueToken.objects.get(pk=place.token).status == "EXPIRED"
    assert client.get(f"/rooms/{full_room.slug}/").context["place"] is None


@pytest.mark.parametrize(
    ("status", "question", "loss"),
    [
        ("WAITING", "Leave the line?", "You lose your place"),
        ("ACTIVE", "Give up your turn?", "and seats that you hold go back on sale."),
    ],
)
def test_without_scripts_a_page_asks_first_and_says_what_is_lost(
    client, full_room, in_line, status, question, loss
):
    if status == "ACTIVE":
        WaitingRoom.objects.update(capacity=9)
        admission.admit_waiting()
    room = page_of(client, full_room).content.decode()
    assert f'href="/places/{in_line.pk}/leave/"' in room

    asked = client.get(f"/places/{in_line.pk}/leave/").content.decode()

    assert question in asked
    assert loss in asked
    in_line.refresh_from_db()
    assert in_line.status == status


def test_there_is_nothing_to_leave_once_it_is_over(client, full_room, in_line):
    end_tokens([in_line.pk], outcome="IDLE", now=timezone.now())

    response = client.get(f"/places/{in_line.pk}/leave/")

    assert response["Location"] == f"/rooms/{full_room.slug}/"


def test_the_first_in_line_is_next(client, full_room):
    me = UserFactory()
    join_and_leave.join(user=me, slug=full_room.slug)
    client.force_login(me)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"

    page = page_of(client, full_room).content.decode()

    assert "<title>You are next" in page
    assert 'id="some-ahead" hidden' in page
    assert 'id="you-are-next">' in page


@pytest.fixture
def before_the_draw(in_line):
    opens_at = timezone.now() + dt.timedelta(hours=1)
    room = WaitingRoomFactory(state="SCHEDULED", opens_at=opens_at, shuffle=True)
    join_and_leave.join(user=in_line.user, slug=room.slug)
    return room


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("SCHEDULED", "the numbers do not exist yet."),
        ("PAUSED", "Lots are drawn when the line goes on."),
        ("OPEN", "Lots are being drawn"),
    ],
)
def test_no_number_is_shown_before_the_draw(client, before_the_draw, state, words):
    WaitingRoom.objects.filter(pk=before_the_draw.pk).update(state=state)

    page = page_of(client, before_the_draw).content.decode()

    assert words in page
    assert "<title>Waiting for the draw" in page
    for number in ('id="ahead"', "Your number", "Estimated wait", "<progress", "ahead of you</"):
        assert number not in page
    about_me = client.get(f"/visitor/?page=/&language=en&room={before_the_draw.slug}")
    assert "You take part in the draw." in about_me.content.decode()
    assert "ahead of you" not in about_me.content.decode()


def test_after_the_draw_there_are_numbers(client, before_the_draw):
    WaitingRoom.objects.filter(pk=before_the_draw.pk).update(state="OPEN", capacity=1)
    other = UserFactory()
    join_and_leave.join(user=other, slug=before_the_draw.slug)
    admission.admit_waiting()
    first = QueueToken.objects.get(room=before_the_draw, status="ACTIVE").user
    waits = QueueToken.objects.get(room=before_the_draw, status="WAITING").user
    client.force_login(waits)

    page = page_of(client, before_the_draw).content.decode()

    assert first != waits
    assert "You are next" in page


def test_an_open_room_before_its_sale_says_when_that_opens(client, full_room, in_line):
    opens_at = timezone.now() + dt.timedelta(minutes=10)
    ConcertSchedule.objects.update(reserve_from=opens_at)

    page = page_of(client, full_room).content.decode()

    assert "The sale opens" in page
    assert 'data-opening="59' in page
    part = client.get(f"/places/{in_line.pk}/").content.decode()
    assert "The sale opens" in part


def test_an_open_sale_is_not_counted_down_to(client, full_room, in_line):
    assert "data-opening" not in page_of(client, full_room).content.decode()


def test_a_page_of_a_visitor_outside_is_asked_for_again_at_the_opening(client, full_room):
    opens_at = timezone.now() + dt.timedelta(minutes=10)
    WaitingRoom.objects.update(state="SCHEDULED", opens_at=opens_at)
    client.force_login(UserFactory())

    page = page_of(client, full_room).content.decode()

    assert 'data-changes-in="59' in page
    assert 'data-opening="59' in page


def test_the_room_leads_nowhere_else(client, full_room, in_line):
    page = page_of(client, full_room).content.decode()

    header = page.partition('<header class="top">')[2].partition("</header>")[0]
    assert header.count("<a ") == 1
    assert "django_language" in header or "setlang" in header


def test_a_closed_room_cannot_be_joined(client):
    client.force_login(UserFactory())
    room = WaitingRoomFactory(state=WaitingRoom.State.CLOSED)

    page = client.post(f"/rooms/{room.slug}/", follow=True)

    assert "alert" in page.content.decode()
    assert not QueueToken.objects.exists()
