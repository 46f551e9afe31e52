"""The waiting page in a real browser: it updates itself, and survives sleep and a lost network."""

import base64
import datetime as dt
import json
import re
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from django.utils import timezone
from playwright.sync_api import expect

from accounts.models import PushSubscription
from queueing.models import QueueToken, WaitingRoom
from queueing.services import admission, join_and_leave, rooms
from tests.browser.chromium import PHONE, expect_accessible, log_in, whole_chromium
from tests.concurrency.threads import until
from tests.factories import PASSWORD, ScheduleFactory, UserFactory, WaitingRoomFactory, admitted

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# The page polls every two seconds; a slow machine may take longer.
LONG = 15_000
# Timers of 500 ms or more are recorded and never fire, and every request is recorded: only events
# cause a poll.
NO_PAUSE_ENDS = """
    const { fetch, setTimeout } = window;
    Object.assign(window, { asked: 0, pauses: [] });
    window.fetch = (...all) => { window.asked += 1; return fetch(...all); };
    window.setTimeout = (call, pause, ...all) => {
        window.pauses.push(pause);
        return pause >= 500 ? 0 : setTimeout(call, pause, ...all);
    };
    window.letPausesEnd = () => Object.assign(window, { setTimeout });
"""
WAKE_UP = "document.dispatchEvent(new Event('visibilitychange'))"


@pytest.fixture
def schedule():
    """A sale whose room has one place inside, which is taken."""
    schedule = ScheduleFactory(concert__waiting_room__capacity=1)
    admitted(UserFactory(), schedule)
    return schedule


@pytest.fixture
def room(schedule):
    return schedule.concert.waiting_room


@pytest.fixture
def others(room):
    """Two who were in line before me."""
    users = UserFactory.create_batch(2)
    for user in users:
        join_and_leave.join(user=user, slug=room.slug)
    return users


@pytest.fixture
def me(page, live_server, room, others):
    me = UserFactory()
    join_and_leave.join(user=me, slug=room.slug)
    log_in(page, live_server, me)
    return me


def headline(page, words):
    return page.get_by_role("heading", name=words)


def let_me_in(room):
    WaitingRoom.objects.filter(pk=room.pk).update(capacity=10)
    admission.admit_waiting()


def wait_in(page, room, schedule):
    wanted = urlencode({"next": f"/schedules/{schedule.pk}/seats/"})
    page.goto(f"/rooms/{room.slug}/?{wanted}")
    expect(headline(page, "You are in line")).to_be_visible()


def give_up(user):
    join_and_leave.leave(user=user, token=QueueToken.objects.get(user=user).pk)


def forgive(complaints, words):
    """Ignore the browser's errors about a lost network or a refusal."""
    assert [line for line in complaints if words in line]
    complaints[:] = [line for line in complaints if words not in line]


def test_it_moves_on_when_it_is_my_turn_and_says_so(page, room, schedule, me):
    wait_in(page, room, schedule)
    expect(page).to_have_title("2 ahead of you · concertbook")
    expect(page.locator("#said")).to_have_text("")
    expect_accessible(page)
    page.locator("#said").evaluate("said => { said.mark = 'the same one' }")

    let_me_in(room)

    expect(headline(page, "It is your turn")).to_be_visible(timeout=LONG)
    expect(page).to_have_title("● It is your turn · concertbook")
    expect(page.locator("#said")).to_have_text("It is your turn")
    assert page.locator("#said").evaluate("said => said.mark") == "the same one"
    assert page.locator("#said").get_attribute("role") == "status"
    page.wait_for_url(f"**/schedules/{schedule.pk}/seats/")


def test_the_way_back_does_not_lead_to_another_moving_on(page, room, schedule, me):
    page.goto(f"/concerts/{schedule.concert_id}/")
    wait_in(page, room, schedule)
    let_me_in(room)
    page.wait_for_url(f"**/schedules/{schedule.pk}/seats/")

    page.go_back()

    expect(page).to_have_url(re.compile("/concerts/"))


def test_figures_change_in_place_and_a_reload_keeps_place_and_progress(
    page, room, schedule, me, others
):
    wait_in(page, room, schedule)
    expect(page.get_by_role("progressbar")).to_have_js_property("value", 0)
    page.locator("#place").evaluate("place => { place.mark = 'the same one' }")

    give_up(others[0])

    expect(page.locator("#ahead")).to_have_text("1", timeout=LONG)
    expect(page.get_by_role("progressbar")).to_have_js_property("value", 1)
    expect(page.locator("#gone")).to_have_text("1")
    expect(page.locator("#said")).to_have_text("1 ahead of you")
    assert page.locator("#place").evaluate("place => place.mark") == "the same one"

    number = page.get_by_text("Your number").locator("xpath=..").inner_text()
    page.reload()

    expect(page.locator("#ahead")).to_have_text("1")
    expect(page.get_by_role("progressbar")).to_have_js_property("value", 1)
    expect(page.get_by_role("progressbar")).to_have_js_property("max", 3)
    assert page.get_by_text("Your number").locator("xpath=..").inner_text() == number


def test_the_progress_never_goes_backwards(page, room, schedule, me):
    wait_in(page, room, schedule)
    for ahead, gone in [(0, 2), (1, 2)]:
        answer_with(page, ahead=ahead)
        page.evaluate(WAKE_UP)
        expect(page.locator("#ahead")).to_have_text(str(ahead), timeout=LONG)
        expect(page.get_by_role("progressbar")).to_have_js_property("value", gone)


def answer_with(page, **figures):
    """Change these values in the answers to polls."""

    def answer(route):
        real = route.fetch()
        route.fulfill(response=real, body=json.dumps(real.json() | figures))

    page.route("**/api/v1/queue-tokens/**", answer)


def test_numbers_waits_and_odds_are_said_in_words(page, room, schedule, me):
    few = page.get_by_text("There are more people ahead of you than seats left.")
    none = page.get_by_text("No seat is left at this moment.")
    page.add_init_script(NO_PAUSE_ENDS)
    wait_in(page, room, schedule)
    expect(few).to_be_hidden()
    answer_with(
        page,
        ahead=123_456,
        seats_left=1_050,
        estimated_wait_from_seconds=7_000,
        estimated_wait_until_seconds=9_000,
    )

    page.evaluate(WAKE_UP)

    expect(page.locator("#ahead")).to_have_text("123,456")
    expect(page.locator("#left")).to_have_text("1,050")
    expect(page.locator("#wait")).to_have_text("about 1 to 3 hours")
    expect(page).to_have_title("123,456 ahead of you · concertbook")
    expect(few).to_be_visible()
    expect(none).to_be_hidden()

    answer_with(page, seats_left=0, estimated_wait_until_seconds=59)
    page.reload()
    page.evaluate(WAKE_UP)

    expect(none).to_be_visible()
    expect(few).to_be_hidden()
    expect(page.locator("#wait")).to_have_text("less than a minute")


def test_far_back_it_computes_the_place_from_the_public_front_and_hardly_polls(
    page, room, schedule, me
):
    front = {"front": 1000, "state": "OPEN", "pace_per_minute": 6000, "seats_left": 70}
    polls = []
    page.route("**/front/", lambda route: route.fulfill(json=front))
    page.on("request", lambda request: "queue-tokens" in request.url and polls.append(request.url))
    wait_in(page, room, schedule)
    page.evaluate("document.getElementById('place').dataset.position = '2000'")
    answer_with(page, ahead=800, poll_after_seconds=400)
    with page.expect_response("**/front/"):
        page.evaluate(WAKE_UP)
    expect(page.locator("#ahead")).to_have_text("800")

    front.update(front=1500, seats_left=60)

    # A fifth of the people between the front and us have left.
    expect(page.locator("#ahead")).to_have_text("400", timeout=LONG)
    expect(page.locator("#left")).to_have_text("60")
    assert len(polls) == 1

    let_me_in(room)
    front.update(front=2001)

    expect(headline(page, "It is your turn")).to_be_visible(timeout=LONG)
    assert polls[1].endswith("?watches_front=true")


def test_a_lost_network_is_said_politely_and_asked_for_at_once_when_it_is_back(
    page, room, schedule, me, complaints
):
    page.add_init_script(NO_PAUSE_ENDS)
    wait_in(page, room, schedule)
    notice = page.locator("#notice")

    page.context.set_offline(True)
    expect(notice).to_contain_text("No connection.")
    assert notice.get_attribute("role") == "status"
    page.evaluate(WAKE_UP)
    until(lambda: page.evaluate("window.asked === 1"))
    expect(headline(page, "You are in line")).to_be_visible()
    let_me_in(room)
    # The browser may report that it is online a moment too early.
    page.evaluate("letPausesEnd()")
    page.context.set_offline(False)

    until(lambda: page.evaluate("window.asked > 1"))
    expect(headline(page, "It is your turn")).to_be_visible()
    expect(notice).to_have_text("")
    forgive(complaints, "ERR_INTERNET_DISCONNECTED")


def test_nothing_is_shown_while_there_is_nothing_to_say(page, room, schedule, me):
    wait_in(page, room, schedule)

    assert page.locator("#notice").bounding_box()["height"] == 0


def test_it_goes_on_asking_less_and_less_often_without_a_network(
    page, room, schedule, me, complaints
):
    page.add_init_script(NO_PAUSE_ENDS)
    wait_in(page, room, schedule)
    page.context.set_offline(True)

    for failures in range(1, 8):
        page.evaluate("window.pauses = []")
        page.evaluate(WAKE_UP)
        until(lambda: page.evaluate("window.pauses.length === 2"))
        longest = min(30, 2**failures) * 1000
        assert longest / 2 <= page.evaluate("window.pauses[1]") <= longest
    forgive(complaints, "ERR_INTERNET_DISCONNECTED")


@pytest.mark.parametrize(
    "wakes_up",
    [WAKE_UP, "window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))"],
)
def test_it_asks_at_once_when_it_wakes_up(page, room, schedule, me, wakes_up):
    page.add_init_script(NO_PAUSE_ENDS)
    wait_in(page, room, schedule)
    let_me_in(room)

    page.evaluate(wakes_up)

    expect(headline(page, "It is your turn")).to_be_visible()


@pytest.mark.parametrize(
    ("status", "words"), [(429, ""), (503, "We are out of reach for a moment.")]
)
def test_it_waits_as_long_as_it_is_told_to(page, room, schedule, me, complaints, status, words):
    page.add_init_script(NO_PAUSE_ENDS)
    wait_in(page, room, schedule)
    page.route(
        "**/api/v1/queue-tokens/**",
        lambda route: route.fulfill(status=status, headers={"Retry-After": "77"}),
    )

    page.evaluate(WAKE_UP)
    until(lambda: page.evaluate("window.pauses.includes(77_000)"))
    page.evaluate(WAKE_UP)

    assert page.evaluate("window.asked") == 1
    expect(page.locator("#notice")).to_contain_text(words)
    expect(headline(page, "You are in line")).to_be_visible()
    forgive(complaints, str(status))


def test_a_paused_room_says_so_and_goes_on_by_itself(page, room, schedule, me):
    wait_in(page, room, schedule)

    rooms.pause_room(room_id=room.pk)
    expect(headline(page, "The line stands still for a moment")).to_be_visible(timeout=LONG)
    expect(page).to_have_title("● The line stands still for a moment · concertbook")
    expect(page.locator("#ahead")).to_have_text("2")
    expect_accessible(page)

    rooms.open_room(room_id=room.pk)
    expect(headline(page, "You are in line")).to_be_visible(timeout=LONG)
    expect(page.locator("#ahead")).to_have_text("2")


def test_a_closed_room_says_how_it_ended(page, room, schedule, me):
    wait_in(page, room, schedule)
    page.get_by_role("link", name="Leave the line").focus()

    rooms.close_room(room_id=room.pk)

    ended = headline(page, "The waiting room was closed")
    expect(ended).to_be_visible(timeout=LONG)
    expect(ended).to_be_focused()
    expect_accessible(page)
    page.reload()
    expect(ended).to_be_visible()


def test_leaving_is_asked_for_and_can_be_thought_better_of(page, room, schedule, me):
    wait_in(page, room, schedule)

    page.get_by_role("link", name="Leave the line").click()
    question = page.get_by_role("dialog", name="Leave the line?")
    expect(question).to_contain_text("You lose your place")
    expect_accessible(page)
    question.get_by_role("button", name="Keep waiting").click()
    expect(question).to_be_hidden()
    assert QueueToken.objects.get(user=me).status == "WAITING"

    page.get_by_role("link", name="Leave the line").press("Enter")
    question.get_by_role("button", name="Leave the line").click()
    expect(page.get_by_text("You have left the line.")).to_be_visible()
    assert QueueToken.objects.get(user=me).status == "EXPIRED"


def test_leaving_without_a_network_stays_on_the_page(page, room, schedule, me, complaints):
    wait_in(page, room, schedule)
    page.context.set_offline(True)

    page.get_by_role("link", name="Leave the line").click()
    page.get_by_role("dialog").get_by_role("button", name="Leave the line").click()

    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator("#notice")).to_contain_text("No connection.")
    assert QueueToken.objects.get(user=me).status == "WAITING"
    page.context.set_offline(False)
    complaints[:] = [line for line in complaints if "ERR_INTERNET_DISCONNECTED" not in line]


def test_the_first_in_line_is_told_so(page, room, schedule, me, others):
    wait_in(page, room, schedule)

    for other in others:
        give_up(other)

    expect(page.locator("#you-are-next")).to_be_visible(timeout=LONG)
    expect(page.locator("#ahead")).to_be_hidden()
    expect(page).to_have_title("You are next · concertbook")
    expect_accessible(page)


def test_a_draw_shows_no_number_before_and_one_after_by_itself(page, live_server):
    opens_at = timezone.now() + dt.timedelta(hours=1)
    room = WaitingRoomFactory(state="SCHEDULED", opens_at=opens_at, shuffle=True, capacity=1)
    me = UserFactory()
    for user in (me, *UserFactory.create_batch(3)):
        join_and_leave.join(user=user, slug=room.slug)
    log_in(page, live_server, me)

    page.goto(f"/rooms/{room.slug}/")
    expect(page.get_by_text("You take part in the draw.")).to_be_visible()
    page.evaluate(WAKE_UP)
    expect(page).to_have_title("Waiting for the draw · concertbook")
    expect(page.get_by_text(re.compile(r"^People ahead|\d ahead of you"))).to_have_count(0)
    expect_accessible(page)

    rooms.open_room(room_id=room.pk)
    page.evaluate(WAKE_UP)
    expect(headline(page, "Lots are being drawn")).to_be_visible(timeout=LONG)
    admission.admit_waiting()
    drawn = page.get_by_role("heading", name=re.compile("You are in line|It is your turn"))
    expect(drawn).to_be_visible(timeout=LONG)


def test_two_tabs_show_the_same_place_and_its_end(page, room, schedule, me):
    wait_in(page, room, schedule)
    other = page.context.new_page()
    wait_in(other, room, schedule)

    other.get_by_role("link", name="Leave the line").click()
    other.get_by_role("dialog").get_by_role("button", name="Leave the line").click()

    expect(headline(page, "You have left the line")).to_be_visible(timeout=LONG)


def test_the_language_is_switched_in_line_without_losing_the_place(page, room, schedule, me):
    wait_in(page, room, schedule)

    page.get_by_role("banner").get_by_role("button", name="한국어").click()

    expect(page.locator("html")).to_have_attribute("lang", "ko")
    expect(headline(page, "대기 중입니다")).to_be_visible()
    expect(page.locator("#ahead")).to_have_text("2")
    let_me_in(room)
    page.wait_for_url(f"**/schedules/{schedule.pk}/seats/")


@pytest.mark.parametrize("way", ["log in", "sign up"])
def test_join_pressed_while_logged_out_joins_without_a_second_press(page, room, schedule, way):
    page.goto(f"/en/concerts/{schedule.concert_id}/")

    page.get_by_role("button", name="Join the line").first.click()
    expect(page.get_by_text("Please log in first. Then we go on by ourselves.")).to_be_visible()
    form = page.get_by_role("main")
    if way == "log in":
        form.get_by_label("Email").fill(UserFactory().email)
        form.get_by_label("Password").fill("wrong")
        form.get_by_role("button", name="Log in").click()
        expect(page.get_by_text("not correct")).to_be_visible()
        form.get_by_label("Email").fill(UserFactory().email)
        form.get_by_label("Password").fill(PASSWORD)
        form.get_by_role("button", name="Log in").click()
    else:
        form.get_by_role("link", name="Sign up").click()
        form.get_by_label("Email").fill("new@example.com")
        form.get_by_label("Password").fill(PASSWORD)
        form.get_by_label("Name").fill("New")
        for box in form.get_by_role("checkbox").all():
            box.check()
        form.get_by_role("button", name="Sign up").click()

    expect(page.locator("#you-are-next")).to_be_visible()
    page.wait_for_url(f"**/rooms/{room.slug}/**")


def test_a_room_to_be_opened_counts_the_time_down(page, live_server):
    opens_at = timezone.now() + dt.timedelta(days=2, hours=3)
    schedule = ScheduleFactory(
        concert__waiting_room__state="SCHEDULED", concert__waiting_room__opens_at=opens_at
    )
    room = schedule.concert.waiting_room
    log_in(page, live_server, UserFactory())

    page.goto(f"/rooms/{room.slug}/")
    page.get_by_role("button", name="Join the line").click()

    expect(headline(page, "The doors are not open yet")).to_be_visible()
    expect(page.get_by_role("timer")).to_have_text(re.compile(r"^2 days 0[23]:\d\d:\d\d$"))
    expect_accessible(page)


def test_a_user_logged_out_elsewhere_is_asked_to_log_in(page, room, schedule, me, complaints):
    page.add_init_script(NO_PAUSE_ENDS)
    wait_in(page, room, schedule)
    page.context.clear_cookies()

    page.evaluate(WAKE_UP)

    page.wait_for_url("**/accounts/login/?next=/rooms/**")
    forgive(complaints, "401")


def test_without_javascript_the_page_is_complete_and_refreshes_itself(
    chromium, live_server, room, schedule, others
):
    context = chromium.new_context(base_url=live_server.url, locale="en", java_script_enabled=False)
    page = context.new_page()
    me = UserFactory()
    log_in(page, live_server, me)
    join_and_leave.join(user=me, slug=room.slug)
    wait_in(page, room, schedule)
    expect(page.locator("#ahead")).to_have_text("2")
    expect(page.get_by_role("progressbar")).to_have_js_property("value", 0)

    give_up(others[0])
    expect(page.locator("#ahead")).to_have_text("1", timeout=LONG)
    expect(page.get_by_role("progressbar")).to_have_js_property("value", 1)

    page.get_by_role("link", name="Leave the line").click()
    expect(headline(page, "Leave the line?")).to_be_visible()
    page.get_by_role("link", name="Keep waiting").click()
    wait_in(page, room, schedule)

    let_me_in(room)
    expect(headline(page, "It is your turn")).to_be_visible(timeout=LONG)
    page.wait_for_url(f"**/schedules/{schedule.pk}/seats/")
    context.close()


def test_the_button_subscribes_the_browser_and_the_message_is_shown(
    chromium, live_server, room, others, settings
):
    key = ec.generate_private_key(ec.SECP256R1())
    secret = key.private_numbers().private_value.to_bytes(32, "big")
    settings.VAPID_PRIVATE_KEY = base64.urlsafe_b64encode(secret).decode().rstrip("=")
    user = UserFactory()
    join_and_leave.join(user=user, slug=room.slug)
    with whole_chromium(chromium) as browser:
        page = browser.new_page(base_url=live_server.url, locale="en", viewport=PHONE)
        log_in(page, live_server, user)
        page.context.grant_permissions(["notifications"], origin=live_server.url)
        # A subscription needs the network; everything else is the browser's own.
        page.add_init_script(SUBSCRIBES)
        page.goto(f"/rooms/{room.slug}/")

        page.get_by_role("button", name="Tell me when it is my turn").click()
        expect(page.get_by_text("We will tell you on this device")).to_be_visible()
        assert QueueToken.objects.get(user=user).wants_push
        assert PushSubscription.objects.get().user == user

        shown = deliver(page, live_server, {"title": "It is your turn", "body": "", "tag": "1"})
        assert shown == ["It is your turn"]


POINT = base64.urlsafe_b64encode(b"\x04" + bytes(64)).decode().rstrip("=")
SUBSCRIBES = f"""
    PushManager.prototype.subscribe = async () => ({{ toJSON: () => ({{
        endpoint: "https://fcm.googleapis.com/fcm/send/1",
        keys: {{ p256dh: "{POINT}", auth: "AAAAAAAAAAAAAAAAAAAAAA" }},
    }}) }});
"""


def deliver(page, live_server, message):
    """Let the push service deliver a message to this browser; the titles that it shows."""
    devtools = page.context.new_cdp_session(page)
    registrations = []
    devtools.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda event: registrations.extend(event["registrations"]),
    )
    devtools.send("ServiceWorker.enable")
    page.evaluate("async () => { await navigator.serviceWorker.ready; }")
    devtools.send(
        "ServiceWorker.deliverPushMessage",
        {
            "origin": live_server.url,
            "registrationId": registrations[0]["registrationId"],
            "data": json.dumps(message),
        },
    )
    # The browser starts the worker first, which takes seconds on a busy machine.
    return page.evaluate(
        """async () => {
            const worker = await navigator.serviceWorker.ready;
            for (const end = Date.now() + 20_000; Date.now() < end; ) {
                const shown = await worker.getNotifications();
                if (shown.length) return shown.map((each) => each.title);
                await new Promise((done) => setTimeout(done, 50));
            }
            return [];
        }"""
    )
