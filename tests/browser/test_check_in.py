"""/door/ in a browser: two phones without a network and one with it, and the camera."""

import pytest
import segno
from playwright.sync_api import expect

from operations.services.audit import run_checks
from payments.models import CheckIn, CheckInConflict, Ticket
from tests.browser.chromium import PHONE, expect_accessible, log_in, whole_chromium
from tests.factories import CheckInStaffFactory, ScheduleFactory, UserFactory, bought

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# Types each code into the focused field, as a hand scanner does, and notes each full screen.
SCAN_ALL = """async (codes) => {
    const kinds = [];
    const screen = document.getElementById("verdict");
    const field = document.getElementById("code");
    for (const code of codes) {
        const shown = new Promise((resolve) => {
            const seen = new MutationObserver(() => { seen.disconnect(); resolve(); });
            seen.observe(document.getElementById("said"), { childList: true });
        });
        field.value = code;
        field.form.requestSubmit();
        await shown;
        kinds.push(screen.dataset.kind);
    }
    return kinds;
}"""


@pytest.fixture
def schedule():
    return ScheduleFactory(
        seats=200, price=10, purchase_limit=200, doors_open=True, concert__title="밤의 노래"
    )


@pytest.fixture
def tickets(schedule):
    buyer = UserFactory(won=10_000, name="박서연")
    for first in range(1, 201, 10):
        bought(buyer, schedule, *range(first, first + 10))
    return list(Ticket.objects.order_by("seat_number"))


@pytest.fixture
def phone(chromium, live_server, schedule, request):
    """A phone with the page open, at a gate."""

    def at(gate):
        context = chromium.new_context(base_url=live_server.url, locale="en", viewport=PHONE)
        request.addfinalizer(context.close)
        page = context.new_page()
        log_in(page, live_server, CheckInStaffFactory(name=f"Staff {gate}"))
        page.goto("/door/")
        page.get_by_label("Gate").fill(gate)
        page.get_by_role("button", name="Start").click()
        expect(page.locator("#list")).to_contain_text("200 tickets")
        return page

    return at


def scan(page, tickets):
    return page.evaluate(SCAN_ALL, [ticket.code for ticket in tickets])


def test_two_phones_without_a_network_and_one_with_it_never_let_in_twice_without_saying_so(
    phone, tickets
):
    online, one, two = phone("A"), phone("B"), phone("C")
    for page in (one, two):
        page.context.set_offline(True)

    # 1 to 80 online; 71 to 150 and 141 to 200 offline: ten and ten are let in twice.
    assert set(scan(online, tickets[:80])) == {"good"}
    assert set(scan(one, tickets[70:150])) == {"good"}
    assert set(scan(two, tickets[140:])) == {"good"}
    assert scan(one, tickets[70:72]) == ["bad", "bad"]
    one.reload()
    expect(one.locator("#queue")).to_have_text("80 to send")
    assert scan(one, tickets[72:73]) == ["bad"]
    assert CheckIn.objects.count() == 80

    for page in (one, two):
        page.context.set_offline(False)
        expect(page.locator("#queue")).to_be_hidden(timeout=60_000)

    for page in (online, one, two):
        expect(page.locator("#inside")).to_have_text("200")
        expect(page.get_by_role("alert")).to_contain_text("Conflicts: 20")
        expect(page.get_by_role("alert")).to_contain_text("let in twice")
    assert Ticket.objects.filter(status="USED").count() == 200
    assert CheckIn.objects.count() == 200
    twice = [ticket.pk for ticket in tickets[70:80] + tickets[140:150]]
    conflicts = CheckInConflict.objects.filter(code="ticket_used")
    assert sorted(conflicts.values_list("ticket", flat=True)) == sorted(twice)
    assert not [finding for finding in run_checks() if finding.violations]
    online.get_by_role("alert").get_by_role("link").click()
    expect(online.get_by_text("let in twice")).to_have_count(20)
    expect_accessible(online)


def test_the_pages_of_the_entrance_are_accessible(phone, tickets):
    page = phone("A")
    expect_accessible(page)
    scan(page, tickets[:1])
    expect(page.get_by_role("status")).to_contain_text("Come in")
    expect(page.get_by_role("status")).to_contain_text("A-1")
    expect_accessible(page)
    for address in ("guests/?name=박", "recent/", "show/"):
        page.goto(f"/door/{address}")
        expect_accessible(page, page.get_by_role("heading", level=1))
    page.goto("/door/recent/")
    page.get_by_role("link", name="Undo").click()
    expect_accessible(page, page.get_by_role("button", name="Undo the check-in"))


def filmed(code):
    """A film of one picture in YUV4MPEG2: the code in the middle of a light frame."""
    side, pixels = 480, 8
    modules = list(segno.make(code, error="m", micro=False).matrix_iter(scale=pixels, border=4))
    edge = (side - len(modules)) // 2
    blank = bytes([235]) * side
    lines = [bytes([235]) * edge + bytes(16 if dark else 235 for dark in line) for line in modules]
    lines = [line + bytes([235]) * (side - len(line)) for line in lines]
    bright = [blank] * edge + lines + [blank] * (side - edge - len(lines))
    frame = b"FRAME\n" + b"".join(bright) + bytes([128]) * (side * side // 2)
    return f"YUV4MPEG2 W{side} H{side} F10:1 Ip A1:1 C420jpeg\n".encode() + frame * 2


def test_the_camera_reads_a_code(chromium, live_server, schedule, tmp_path):
    """Chromium plays a film as its camera; it has no BarcodeDetector here, so that ours reads."""
    ticket = bought(UserFactory(won=10_000, name="박서연"), schedule, 1).tickets[0]
    film = tmp_path / "camera.y4m"
    film.write_bytes(filmed(ticket.code))
    devices = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    film_flag = f"--use-file-for-fake-video-capture={film}"
    with whole_chromium(chromium, *devices, film_flag) as browser:
        page = browser.new_page(base_url=live_server.url, locale="en", viewport=PHONE)
        # Allowed before, so that it starts by itself.
        page.context.grant_permissions(["camera"])
        log_in(page, live_server, CheckInStaffFactory())
        page.goto("/door/")
        page.get_by_role("button", name="Start").click()

        expect(page.get_by_role("status")).to_contain_text("Come in", timeout=30_000)
        expect(page.get_by_role("status")).to_contain_text("A-1")
        page.wait_for_timeout(600)
        assert CheckIn.objects.count() == 1
        expect(page.locator("#log li")).to_have_count(1)
