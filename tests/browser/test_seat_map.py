"""The seat map in a real browser: the drawing, gestures, keyboard, network, and two buyers."""

import re

import pytest
from playwright.sync_api import expect

from concerts.services.seat_generation import Block, generate_seats
from operations.sample_season import SHOWS
from payments.models import Reservation
from tests.browser.chromium import expect_accessible, log_in
from tests.concurrency.threads import until
from tests.factories import PASSWORD, ScheduleFactory, UserFactory, admitted, fill, held

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

WIDTHS = [320, 360, 390, 768, 1024, 1280, 1440]
# The map's own drawing, with a pen that records.
RECORD = """async () => {
  const { render } = await import(document.querySelector("script[src*=seats]").src);
  const real = document.createElement("canvas").getContext("2d");
  const calls = [];
  const pen = new Proxy({ measureText: (text) => real.measureText(text) }, {
    get: (own, name) => own[name] ?? ((...values) => calls.push([name, ...values])),
    set: () => true,
  });
  render(pen);
  return calls;
}"""
PLAN = "path => fetch(path).then(answer => answer.json())"


def sample_halls():
    halls = {tuple(show.blocks): show.slug for show in SHOWS}
    return [pytest.param(blocks, id=slug, marks=pytest.mark.long) for blocks, slug in halls.items()]


def dome():
    return [
        Block(f"{1 + n // 14}층 {n + 1}구역", 20, 25, ("VIP", "R", "S", "A")[n // 10], 50_000)
        for n in range(40)
    ]


@pytest.mark.parametrize("blocks", [*sample_halls(), pytest.param(dome(), id="dome")])
def test_blocks_are_centred_and_no_seat_is_cut_at_any_width(page, live_server, blocks):
    schedule = hall_of(blocks)
    open_map(page, live_server, schedule)
    plan = page.evaluate(PLAN, page.locator("#seats").get_attribute("data-plans") + plan_of(page))

    for width in WIDTHS:
        resize(page, width)
        drawing = Drawing(page.evaluate(RECORD), plan)
        size = page.locator("#hall").bounding_box()

        assert abs(drawing.axis - size["width"] / 2) <= 1, width
        for name, centre in drawing.centred_sections():
            assert abs(centre - drawing.axis) <= 2, (width, name)
        for left, top, right, bottom in drawing.boxes:
            assert left >= 0, width
            assert top >= 0, width
            assert right <= size["width"] + 0.01, width
            assert bottom <= size["height"] + 0.01, width
        assert drawing.numbers in ([], drawing.numbers_of_tickets(schedule)), width


class Drawing:
    """What was drawn of a hall without taken seats: the stage, and seats or sections in order."""

    def __init__(self, calls, plan):
        self.plan = plan
        shapes = [call[1:5] for call in calls if call[0] in {"fillRect", "roundRect"}]
        if len(shapes) > plan["seats"]:
            # Without the marks of wheelchair seats and others, which lie on their seats.
            usual = sorted(shape[2] for shape in shapes)[len(shapes) // 2]
            shapes = [shape for shape in shapes if shape[2] > usual / 1.5]
        # The first is the background.
        self.boxes = [(x, y, x + width, y + height) for x, y, width, height in shapes[1:]]
        stage, *drawn = self.boxes
        self.axis = (stage[0] + stage[2]) / 2
        self.is_far = len(drawn) == len(plan["sections"])
        assert self.is_far or len(drawn) == plan["seats"], len(drawn)
        self.drawn = drawn
        texts = [str(call[1]) for call in calls if call[0] == "fillText"]
        self.numbers = [int(text) for text in texts if text.isdigit()]

    def centred_sections(self):
        """The name of each section on the axis, and the middle of what is drawn of it."""
        drawn = iter(self.drawn)
        for position, section in enumerate(self.plan["sections"]):
            seats = 1 if self.is_far else sum(self._runs(position))
            boxes = [next(drawn) for _seat in range(seats)]
            left, right = min(box[0] for box in boxes), max(box[2] for box in boxes)
            if abs(section["x"] + section["width"] / 2) < 1:
                yield section["name"], (left + right) / 2

    def _runs(self, position):
        runs, rows = self.plan["runs"], self.plan["rows"]
        found = zip(runs["row"], runs["seats"], strict=True)
        return [seats for row, seats in found if rows["section"][row] == position]

    def numbers_of_tickets(self, schedule):
        labels = schedule.seats.order_by("number").values_list("section", "label")
        names = [section["name"] for section in self.plan["sections"]]
        in_order = sorted(labels, key=lambda each: names.index(each[0]))
        return [int(label.rpartition("-")[2]) for _section, label in in_order]


@pytest.mark.long
def test_what_is_tapped_after_a_pinch_in_a_hall_of_20000_is_chosen(
    chromium, live_server, complaints
):
    schedule = hall_of(dome())
    context = chromium.new_context(
        base_url=live_server.url,
        locale="en",
        viewport={"width": 390, "height": 844},
        has_touch=True,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    open_map(page, live_server, schedule)
    box = page.locator("#hall").bounding_box()
    x, y = box["x"] + box["width"] / 2 + 15, box["y"] + 140
    touch = context.new_cdp_session(page)

    def fingers(kind, *distances):
        points = [
            {"x": x + distance, "y": y, "id": place} for place, distance in enumerate(distances)
        ]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    assert numbers(page) == []
    fingers("touchStart", -8, 8)
    for spread in range(16, 170, 8):
        fingers("touchMove", -spread, spread)
    fingers("touchEnd")
    expect(page.locator("#map")).to_have_class(re.compile("zoomed"))
    until(lambda: 12 in numbers(page), pause=page.wait_for_timeout)

    place = next(
        call
        for call in page.evaluate(RECORD)
        if call[0] == "fillText" and call[1] == 12 and 60 < call[2] < 300 and 60 < call[3] < 250
    )
    page.touchscreen.tap(box["x"] + place[2], box["y"] + place[3])
    expect(page.locator("#chosen li")).to_have_text(re.compile(r"구역 row [A-T] seat 12$"))
    context.close()
    assert complaints == []


def test_the_slower_of_two_buyers_gets_the_nearest_seats_without_leaving_the_map(page, live_server):
    schedule = ScheduleFactory(seats=8)
    open_map(page, live_server, schedule)
    choose(page, "row A seat 2")
    choose(page, "row A seat 5")
    polls = []
    page.route("**/seat-state/**", lambda route: polls.append(route))
    until(lambda: polls, pause=page.wait_for_timeout)
    held(UserFactory(), schedule, 2)
    hold(page).click()

    dialog = page.get_by_role("dialog", name="Another buyer was first")
    expect(dialog).to_contain_text("row A seat 2")
    expect(dialog).to_contain_text("₩20,000")
    expect_accessible(page)
    dialog.get_by_role("button", name="Back to the map").click()
    expect(page.locator("#chosen li")).to_have_text(["Rrow A seat 5"])
    hold(page).click()

    expect(page).to_have_url(re.compile("/checkout/$"))
    assert Reservation.objects.filter(status="HOLD", seat__number=5).count() == 1


def test_the_seats_offered_instead_are_held_by_one_button(page, live_server):
    schedule = ScheduleFactory(seats=8)
    user = open_map(page, live_server, schedule)
    choose(page, "row A seat 2")
    choose(page, "row A seat 5")
    polls = []
    page.route("**/seat-state/**", lambda route: polls.append(route))
    until(lambda: polls, pause=page.wait_for_timeout)
    held(UserFactory(), schedule, 2)
    hold(page).click()
    dialog = page.get_by_role("dialog", name="Another buyer was first")
    instead = dialog.get_by_role("button", name="Hold these seats instead")
    expect(dialog).to_contain_text("row A seat 4, row A seat 5")
    # These are taken, too.
    held(UserFactory(), schedule, 4)
    instead.click()
    expect(dialog).to_contain_text("row A seat 5, row A seat 6")
    instead.click()

    expect(page).to_have_url(re.compile("/checkout/$"))
    labels = Reservation.objects.filter(user=user, status="HOLD").values_list(
        "seat__label", flat=True
    )
    assert set(labels) == {"A-5", "A-6"}


def test_seats_are_chosen_and_paid_by_keyboard_with_one_tab_stop_a_row(page, live_server):
    schedule = ScheduleFactory(seats=0)
    fill(schedule, sections=4, rows=20, seats_per_row=25)
    open_map(page, live_server, schedule, won=20_000)

    tab_to(page, page.locator("#view"))
    page.keyboard.press("Enter")
    section = page.locator("summary").nth(1)
    tab_to(page, section)
    page.keyboard.press("Enter")
    expect(seat(page, "1층 2구역 row A seat 1")).to_be_attached()
    page.keyboard.press("Tab")
    expect(seat(page, "1층 2구역 row A seat 1")).to_be_focused()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(seat(page, "1층 2구역 row B seat 2")).to_be_focused()
    page.keyboard.press("Space")
    assert page.locator("#list input:not([tabindex='-1'])").count() == 20
    # The button changes its colours when the choice is shown, a moment after the key.
    expect_accessible(page, shown=page.locator("#chosen li").nth(1))
    tab_to(page, hold(page))
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile("/checkout/$"))
    held_seats = Reservation.objects.filter(status="HOLD").values_list("seat__label", flat=True)
    assert set(held_seats) == {"1층 2구역 A-1", "1층 2구역 B-2"}
    tab_to(page, page.get_by_label("I have read the refund terms"))
    page.keyboard.press("Space")
    tab_to(page, page.get_by_role("button", name="Pay ₩20,000"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Your order")).to_be_visible()


def test_a_small_hall_is_chosen_from_by_arrows_on_the_map(page, live_server):
    open_map(page, live_server, ScheduleFactory(seats=8))

    seat(page, "row A seat 1").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")

    expect(page.locator("#chosen li")).to_have_text(["Rrow A seat 2"])


def test_offline_is_told_at_once_and_the_choice_can_be_held_when_the_network_is_back(
    page, live_server, complaints
):
    open_map(page, live_server, ScheduleFactory(seats=8))
    choose(page, "row A seat 2")

    page.context.set_offline(True)
    expect(page.get_by_role("alert").filter(has_text="No connection")).to_be_visible()
    expect(hold(page)).to_be_disabled()
    choose(page, "row A seat 3")
    expect_accessible(page)
    page.context.set_offline(False)
    expect(page.locator("#offline")).to_be_hidden()
    hold(page).click()

    expect(page).to_have_url(re.compile("/checkout/$"))
    assert Reservation.objects.filter(status="HOLD").count() == 2
    # Chromium logs each request that could not be sent.
    complaints[:] = [line for line in complaints if "ERR_INTERNET_DISCONNECTED" not in line]


def test_a_hold_that_cannot_be_sent_is_told_and_leaves_the_map(page, live_server, complaints):
    open_map(page, live_server, ScheduleFactory(seats=8))
    choose(page, "row A seat 2")
    polls = []
    page.route("**/seat-state/**", lambda route: polls.append(route))
    page.route("**/seats/", lambda route: route.abort())
    hold(page).click()

    expect(page.locator("#offline")).to_be_visible()
    expect(hold(page)).to_be_disabled()
    expect(page.locator("#chosen li")).to_have_text(["Rrow A seat 2"])
    complaints[:] = [line for line in complaints if "ERR_FAILED" not in line]


def test_another_language_and_a_reload_keep_the_choice_until_it_is_held(page, live_server):
    schedule = ScheduleFactory(seats=8)
    open_map(page, live_server, schedule)
    choose(page, "row A seat 2")

    page.get_by_role("button", name="한국어").click()
    expect(page.locator("#chosen li")).to_have_text(["RA열 2번"])
    expect(page.locator("#total")).to_have_text("10,000원")
    page.reload()
    expect(page.locator("#chosen li")).to_have_text(["RA열 2번"])
    page.locator("#hold").click()
    expect(page).to_have_url(re.compile("/checkout/$"))
    page.goto(f"/schedules/{schedule.pk}/seats/")
    wait_until_drawn(page)
    expect(page.locator("#chosen li")).to_have_count(0)


def test_the_choice_is_kept_by_a_log_in_where_the_session_was_over(page, live_server):
    user = open_map(page, live_server, ScheduleFactory(seats=8))
    choose(page, "row A seat 2")
    page.context.clear_cookies(name="sessionid")
    hold(page).click()

    page.get_by_label("Email").fill(user.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Log in").click()

    expect(page.locator("#chosen li")).to_have_text(["Rrow A seat 2"])
    hold(page).click()
    expect(page).to_have_url(re.compile("/checkout/$"))


def test_on_a_slow_network_the_map_says_what_it_is_before_its_seats_are_there(page, live_server):
    schedule = ScheduleFactory(seats=8)
    user = UserFactory()
    admitted(user, schedule)
    log_in(page, live_server, user)
    plans, sent, is_slow = [], [], [True]
    page.route(
        "**/seat-plans/**", lambda route: plans.append(route) if is_slow else route.continue_()
    )
    page.goto(f"/schedules/{schedule.pk}/seats/")

    expect(page.get_by_role("heading", name=schedule.concert.title)).to_be_visible()
    expect(page.locator("#map")).to_have_class(re.compile("skeleton"))
    expect(hold(page)).to_be_disabled()
    expect(page.locator(".countdown")).to_be_visible()
    is_slow.clear()
    for route in plans:
        route.continue_()
    choose(page, "row A seat 2")
    page.route("**/seats/", lambda route: sent.append(route))
    hold(page).click()
    until(lambda: sent, pause=page.wait_for_timeout)
    expect(hold(page)).to_be_disabled()
    sent[0].continue_()

    expect(page).to_have_url(re.compile("/checkout/$"))
    assert len(sent) == 1


def test_kinds_of_seats_are_named_and_a_companion_seat_alone_is_refused_on_the_map(
    page, live_server
):
    schedule = ScheduleFactory(seats=8)
    for number, kind in {2: "wheelchair", 3: "companion", 5: "restricted"}.items():
        schedule.seats.filter(number=number).update(kind=kind)
    open_map(page, live_server, schedule)
    for name in ("seat 2, R ₩10,000, wheelchair", "seat 5, R ₩10,000, restricted view"):
        expect(page.get_by_role("checkbox", name=name)).to_be_attached()

    choose(page, "row A seat 3")
    hold(page).click()
    dialog = page.get_by_role("dialog", name="A companion seat goes with a wheelchair seat")
    expect_accessible(page, dialog)
    dialog.get_by_role("button", name="Back to the map").click()
    choose(page, "row A seat 2")
    hold(page).click()

    expect(page).to_have_url(re.compile("/checkout/$"))
    expect(page.get_by_text("Wheelchair seats are for wheelchair users")).to_be_visible()


def test_a_grade_is_picked_out_and_the_best_seats_are_held_by_one_button(page, live_server):
    blocks = [Block("1F", 2, 10, "R", 50_000), Block("2F", 2, 10, "S", 30_000)]
    open_map(page, live_server, hall_of(blocks))

    grades = page.get_by_role("group", name="Show only these grades")
    grades.get_by_role("checkbox", name="₩30,000").check(force=True)
    page.get_by_role("link", name="Choose for me").click()
    dialog = page.get_by_role("dialog", name="Choose for me")
    dialog.get_by_role("radio", name="₩30,000").check(force=True)
    dialog.get_by_role("radio", name="2", exact=True).check(force=True)
    expect_accessible(page)
    dialog.get_by_role("button", name="Hold the best seats").click()

    expect(page).to_have_url(re.compile("/checkout/$"))
    labels = Reservation.objects.filter(status="HOLD").values_list("seat__label", flat=True)
    assert set(labels) == {"2F A-5", "2F A-6"}


def test_without_scripts_the_best_seats_are_offered_on_a_page(chromium, live_server):
    schedule = ScheduleFactory(seats=4)
    user = UserFactory()
    admitted(user, schedule)
    held(UserFactory(), schedule, 2)
    context = chromium.new_context(base_url=live_server.url, locale="en", java_script_enabled=False)
    page = context.new_page()
    log_in(page, live_server, user)
    page.goto(f"/schedules/{schedule.pk}/seats/")

    expect(page.locator("#map")).to_be_hidden()
    page.get_by_role("link", name="Choose for me").click()
    # Not by force: a click during the transition between the pages is lost.
    page.get_by_role("radio", name="3", exact=True).check()
    page.get_by_role("button", name="Hold the best seats").click()
    offer = page.get_by_role("region", name="3 seats side by side are not available")
    expect(offer).to_contain_text("A-1")
    offer.get_by_role("button", name="Hold these 3 seats").click()

    expect(page).to_have_url(re.compile("/checkout/$"))
    context.close()


def hall_of(blocks):
    schedule = ScheduleFactory(seats=0)
    generate_seats(schedule_id=schedule.pk, blocks=blocks)
    return schedule


def open_map(page, live_server, schedule, *, won=0):
    user = UserFactory(won=won)
    admitted(user, schedule)
    log_in(page, live_server, user)
    page.goto(f"/schedules/{schedule.pk}/seats/")
    wait_until_drawn(page)
    return user


def wait_until_drawn(page):
    """Until the script has read the plan."""
    expect(page.locator("#map")).not_to_have_class(re.compile("skeleton"), timeout=15_000)


def resize(page, width):
    page.set_viewport_size({"width": width, "height": 844})
    fits = "hall.width === Math.trunc(map.clientWidth * devicePixelRatio)"
    until(lambda: page.evaluate(fits), pause=page.wait_for_timeout)


def plan_of(page):
    return page.locator("#seats").get_attribute("data-plan") + "/"


def numbers(page):
    calls = page.evaluate(RECORD)
    return [call[1] for call in calls if call[0] == "fillText" and isinstance(call[1], int)]


def seat(page, name):
    return page.get_by_role("checkbox", name=f"{name},")


def choose(page, name):
    seat(page, name).check(force=True)


def hold(page):
    return page.get_by_role("button", name="Hold these seats", exact=True)


def tab_to(page, element):
    for _press in range(60):
        if element.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError("Tab does not reach it")
