"""Every state of every page, for the tests and screenshots that go through all of them.

Each function brings a visitor's browser into the state that it is named after, and says by its
decorator which page that is: the name of its address. tests/project/test_states.py fails for a page
without a state.
"""

import datetime as dt
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page

from accounts.email_links import Kind, make_link
from accounts.errors import ChargeDeclined
from accounts.gateway import SandboxGateway
from accounts.models import User
from accounts.notice_links import make_notice_link
from accounts.services import second_factor
from accounts.services.charges import charge
from accounts.services.data_copies import request_copy, write_due_copies
from accounts.services.outbox import send_due
from concerts.models import ConcertSchedule
from concerts.services.reminders import set_reminder
from concerts.services.seat_generation import Block, generate_seats
from payments.models import Ticket, TicketOffer
from payments.services import schedule_cancellation, ticket_cancellation, ticket_offers
from payments.services.releases import release_reservation
from queueing.models import WaitingRoom
from queueing.services import admission, join_and_leave
from tests.browser.chromium import log_in
from tests.factories import (
    PASSWORD,
    ConcertFactory,
    ScheduleFactory,
    StaffFactory,
    UserFactory,
    admitted,
    bought,
    fill,
    held,
    overdue,
    scanned,
)

Show = Callable[["Visitor"], None]
STATES: dict[str, Show] = {}
# The name of the address of each state; empty for a refusal, which any address may answer.
PAGES: dict[str, str] = {}

JAZZ = {
    "title": "한밤의 재즈: 김도윤 트리오",
    "title_en": "Midnight Jazz: Kim Doyun Trio",
    "artist": "김도윤 트리오",
    "venue": "연남 블루룸",
    "venue_en": "Yeonnam Blue Room",
    "venue_address": "서울 마포구 연남로 12",
    "description": "피아노, 베이스, 드럼. 가까이에서 듣는 쉰 석의 밤입니다.",
    "notice": "공연 시작 후에는 입장이 제한될 수 있습니다.",
    "running_minutes": 100,
    "minimum_age": 8,
    "colour": "violet",
}


DEVICES = [
    (
        "Mozilla/5.0 (Linux; Android 14; SM-S921N) AppleWebKit/537.36 (KHTML, like Gecko)"
        " SamsungBrowser/26.0 Chrome/122.0.0.0 Mobile Safari/537.36",
        "203.0.113.77",
    ),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
        " Version/17.4 Safari/605.1.15",
        "198.51.100.4",
    ),
]
EDGE_PAGES = Path(__file__).resolve().parents[2] / "deploy" / "pages"


@dataclass
class Visitor:
    """A browser's page, and how to act on the server behind it."""

    page: Page
    live_server: Any
    # Of the server, changed until the end of the test.
    settings: Any

    def goto(self, path: str) -> None:
        self.page.goto(path)
        self.page.wait_for_load_state("networkidle")

    def log_in(self, *, won: int = 0, user: User | None = None) -> User:
        user = user or UserFactory.create(won=won, name="김하늘")
        log_in(self.page, self.live_server, user)
        return user


def state(url_name: str = "") -> Callable[[Show], Show]:
    def listed(show: Show) -> Show:
        STATES[show.__name__] = show
        PAGES[show.__name__] = url_name
        return show

    return listed


# --- The programme ------------------------------------------------------------------------------


@state("concert_list")
def catalogue(visitor: Visitor) -> None:
    jazz()
    jazz(
        colour="coral",
        title="시네마 심포니: 영화음악의 밤",
        title_en="Cinema Symphony",
        opens_in=dt.timedelta(minutes=9),
    )
    sold_out = jazz(
        seats=1, colour="teal", title="봄밤의 현악사중주", title_en="String Quartet in Spring"
    )
    bought(UserFactory.create(won=100_000), sold_out)
    cancelled(jazz(colour="rose", title="여름의 노래", title_en="Songs of Summer"))
    visitor.goto("/")


@state("concert_list")
def catalogue_without_a_match(visitor: Visitor) -> None:
    jazz()
    visitor.goto("/?search=ㅎㅎㅎ")


@state("concert_detail")
def concert_on_sale(visitor: Visitor) -> None:
    schedule = jazz(seats=0)
    hall_of_grades(schedule)
    jazz_again(schedule)
    visitor.goto(f"/concerts/{schedule.concert_id}/")


@state("concert_detail")
def concert_of_a_logged_in_buyer(visitor: Visitor) -> None:
    schedule = jazz()
    visitor.log_in(won=50_000)
    visitor.goto(f"/concerts/{schedule.concert_id}/")


@state("concert_detail")
def concert_not_on_sale_yet(visitor: Visitor) -> None:
    schedule = jazz(opens_in=dt.timedelta(hours=3))
    visitor.goto(f"/concerts/{schedule.concert_id}/")


@state("concert_detail")
def concert_sold_out(visitor: Visitor) -> None:
    schedule = jazz(seats=1)
    bought(UserFactory.create(won=100_000), schedule)
    visitor.goto(f"/concerts/{schedule.concert_id}/")


@state("concert_detail")
def concert_cancelled(visitor: Visitor) -> None:
    schedule = jazz()
    cancelled(schedule)
    visitor.goto(f"/concerts/{schedule.concert_id}/")


@state("concert_detail")
def concert_moved(visitor: Visitor) -> None:
    schedule = jazz()
    bought(UserFactory.create(won=100_000), schedule)
    moved(schedule)
    visitor.goto(f"/concerts/{schedule.concert_id}/")


@state("concert_detail")
def concert_while_seats_are_held(visitor: Visitor) -> None:
    schedule = jazz()
    held(visitor.log_in(won=50_000), schedule, 3)
    # The bar of the purchase is on each page from the checkout on.
    visitor.goto("/checkout/")
    visitor.goto(f"/concerts/{schedule.concert_id}/")


@state("reminder")
def reminder_that_is_set(visitor: Visitor) -> None:
    schedule = jazz(opens_in=dt.timedelta(days=3))
    set_reminder(user=visitor.log_in(), schedule_id=schedule.pk, origin=visitor.live_server.url)
    visitor.goto(f"/schedules/{schedule.pk}/reminder/")


# --- Accounts -----------------------------------------------------------------------------------


@state("account_login")
def log_in_form(visitor: Visitor) -> None:
    visitor.goto("/accounts/login/")


@state("account_login")
def log_in_refused(visitor: Visitor) -> None:
    visitor.goto("/accounts/login/")
    visitor.page.locator("main [name=login]").fill("someone@example.com")
    visitor.page.locator("main [name=password]").fill("wrong password")
    send(visitor)


@state("account_signup")
def sign_up_form(visitor: Visitor) -> None:
    visitor.goto("/accounts/signup/")


@state("account_signup")
def sign_up_refused(visitor: Visitor) -> None:
    visitor.goto("/accounts/signup/")
    visitor.page.locator("main form").first.evaluate("form => { form.noValidate = true; }")
    send(visitor)


@state("account_reset_password")
def password_reset_form(visitor: Visitor) -> None:
    visitor.goto("/accounts/password/reset/")


@state("account_login")
def log_ins_refused(visitor: Visitor) -> None:
    user = UserFactory.create()
    for _attempt in range(6):
        visitor.goto("/accounts/login/")
        visitor.page.locator("main [name=login]").fill(str(user.email))
        visitor.page.locator("main [name=password]").fill("wrong password")
        visitor.page.locator("main form button:not([type=button])").first.click()
        visitor.page.wait_for_load_state("networkidle")


@state("account_reset_password_done")
def password_reset_sent(visitor: Visitor) -> None:
    visitor.goto("/accounts/password/reset/")
    visitor.page.locator("main [name=email]").fill("someone@example.com")
    send(visitor)


@state("account_reset_password_from_key")
def new_password_form(visitor: Visitor) -> None:
    visitor.goto(f"/accounts/password/reset/key/{link_of(Kind.RESET, UserFactory.create())}/")


@state("account_reset_password_from_key")
def new_password_set(visitor: Visitor) -> None:
    new_password_form(visitor)
    visitor.page.locator("main [name=password1]").fill("Quiet-Harbor-4821!")
    send(visitor)


@state("account_reset_password_from_key")
def link_that_was_used(visitor: Visitor) -> None:
    visitor.goto("/accounts/password/reset/key/used/")


@state("account_prove_email")
def address_to_confirm(visitor: Visitor) -> None:
    user = visitor.log_in(user=UserFactory.create(email_verified_at=None))
    visitor.goto(f"/accounts/address/confirm/{link_of(Kind.VERIFY, user)}/")


@state("account_prove_email")
def address_to_confirm_on_another_device(visitor: Visitor) -> None:
    user = UserFactory.create(email_verified_at=None)
    visitor.goto(f"/accounts/address/confirm/{link_of(Kind.VERIFY, user)}/")


@state("account_claim_email")
def account_for_the_owner_of_a_mailbox(visitor: Visitor) -> None:
    key = make_link(kind=Kind.CLAIM, email="owner@example.com", user=None)
    visitor.goto(f"/accounts/address/own/{key}/")


@state("account_logout")
def log_out(visitor: Visitor) -> None:
    visitor.log_in()
    visitor.goto("/accounts/logout/")


@state("account")
def account(visitor: Visitor) -> None:
    visitor.log_in()
    visitor.goto("/accounts/")


@state("account_change_name")
def account_change_of_name(visitor: Visitor) -> None:
    visitor.log_in()
    visitor.goto("/accounts/name/")


@state("account_change_email")
def account_change_of_address(visitor: Visitor) -> None:
    visitor.log_in()
    visitor.goto("/accounts/address/")


@state("account_change_password")
def account_change_of_password(visitor: Visitor) -> None:
    visitor.log_in()
    visitor.goto("/accounts/password/change/")


@state("account")
def account_with_an_address_to_confirm(visitor: Visitor) -> None:
    visitor.log_in(user=UserFactory.create(email_verified_at=None))
    visitor.goto("/accounts/")


@state("account_notices")
def account_notices(visitor: Visitor) -> None:
    visitor.log_in()
    visitor.goto("/accounts/notices/")


@state("account_switch_off_notice")
def notice_to_switch_off(visitor: Visitor) -> None:
    key = make_notice_link(user_id=UserFactory.create().pk, choice="sale_opens")
    visitor.goto(f"/accounts/notices/off/{key}/")


@state("account_switch_off_notice")
def notice_switched_off(visitor: Visitor) -> None:
    notice_to_switch_off(visitor)
    send(visitor)


@state("account_devices")
def account_devices(visitor: Visitor) -> None:
    user = UserFactory.create(name="김하늘")
    for agent, address in DEVICES:
        browser = Client(headers={"User-Agent": agent}, REMOTE_ADDR=address)
        browser.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    visitor.log_in(user=user)
    visitor.goto("/accounts/devices/")


def member_of_staff(visitor: Visitor, *, asks: bool) -> User:
    visitor.settings.STAFF_SECOND_FACTOR = asks
    return visitor.log_in(user=StaffFactory.create(name="김하늘"))


@state("account_confirm")
def second_factor_to_set_up(visitor: Visitor) -> None:
    member_of_staff(visitor, asks=True)
    visitor.goto("/accounts/confirm/")


@state("account_confirm")
def second_factor_set_up(visitor: Visitor) -> None:
    second_factor_to_set_up(visitor)
    secret = "".join(visitor.page.locator("code").inner_text().split())
    code = second_factor.code_at(secret, int(time.time()) // second_factor.PERIOD)
    visitor.page.get_by_role("textbox").fill(code)
    send(visitor)


@state("account_confirm")
def second_factor_asked_for(visitor: Visitor) -> None:
    user = member_of_staff(visitor, asks=True)
    secret = second_factor.new_secret()
    code = second_factor.code_at(secret, int(time.time()) // second_factor.PERIOD)
    second_factor.set_up(user=user, secret=secret, code=code)
    visitor.goto("/accounts/confirm/")


@state("account_confirm")
def password_asked_for_again(visitor: Visitor) -> None:
    member_of_staff(visitor, asks=False)
    visitor.goto("/accounts/confirm/")


@state("account_data")
def my_data(visitor: Visitor) -> None:
    visitor.log_in()
    visitor.goto("/accounts/data/")


@state("account_data")
def my_data_with_a_copy(visitor: Visitor) -> None:
    user = visitor.log_in()
    request_copy(user=user, password=PASSWORD)
    write_due_copies()
    visitor.goto("/accounts/data/")


@state("account_delete")
def deletion_of_an_account(visitor: Visitor) -> None:
    visitor.log_in(won=12_000)
    visitor.goto("/accounts/delete/")


@state("account_delete")
def deletion_of_an_account_with_a_ticket(visitor: Visitor) -> None:
    bought(visitor.log_in(won=10_000), jazz(), 1)
    visitor.goto("/accounts/delete/")


# --- The waiting room ---------------------------------------------------------------------------


@state("waiting_room")
def room_before_joining(visitor: Visitor) -> None:
    schedule = jazz()
    visitor.log_in()
    visitor.goto(room_of(schedule))


@state("waiting_room")
def room_before_it_opens(visitor: Visitor) -> None:
    schedule = jazz(room="SCHEDULED", opens_in=dt.timedelta(minutes=12))
    in_line(visitor, schedule)


@state("waiting_room")
def room_that_draws_lots(visitor: Visitor) -> None:
    schedule = jazz(room="SCHEDULED", opens_in=dt.timedelta(minutes=12), shuffle=True)
    in_line(visitor, schedule)


@state("draw")
def draw(visitor: Visitor) -> None:
    schedule = jazz(room="SCHEDULED", opens_in=dt.timedelta(minutes=12), shuffle=True)
    visitor.goto(f"{room_of(schedule)}draw/")


@state("waiting_room")
def room_far_from_the_front(visitor: Visitor) -> None:
    schedule = full_room(ahead=12)
    in_line(visitor, schedule)


@state("waiting_room")
def room_next_in_line(visitor: Visitor) -> None:
    schedule = full_room(ahead=0)
    in_line(visitor, schedule)


@state("waiting_room")
def room_paused(visitor: Visitor) -> None:
    schedule = full_room(ahead=3)
    set_room(schedule, "PAUSED")
    in_line(visitor, schedule)


@state("waiting_room")
def room_your_turn(visitor: Visitor) -> None:
    schedule = jazz()
    in_line(visitor, schedule)


@state("waiting_room")
def room_left(visitor: Visitor) -> None:
    schedule = full_room(ahead=3)
    user = in_line(visitor, schedule)
    join_and_leave.leave(user=user, token=user.queue_tokens.get().pk)
    visitor.goto(room_of(schedule))


@state("waiting_room")
def room_closed(visitor: Visitor) -> None:
    schedule = full_room(ahead=3)
    in_line(visitor, schedule)
    set_room(schedule, "CLOSED")
    admission.admit(room_id=schedule.concert.waiting_room_id)
    visitor.goto(room_of(schedule))


@state("lot")
def lot(visitor: Visitor) -> None:
    schedule = jazz(room="SCHEDULED", opens_in=dt.timedelta(minutes=12), shuffle=True)
    in_line(visitor, schedule)
    visitor.goto(f"{room_of(schedule)}draw/lot/")


@state("leave_line")
def leaving_the_line_without_scripts(visitor: Visitor) -> None:
    user = in_line(visitor, full_room(ahead=3))
    visitor.goto(f"/places/{user.queue_tokens.get().pk}/leave/")


# --- The seat map -------------------------------------------------------------------------------


@state("seats")
def seats_of_fifty(visitor: Visitor) -> None:
    schedule = jazz(seats=0)
    hall_of_grades(schedule)
    held(UserFactory.create(), schedule, 3, 4)
    bought(UserFactory.create(won=1_000_000), schedule, 11, 12)
    at_the_map(visitor, schedule)


@state("seats")
def seats_of_two_thousand(visitor: Visitor) -> None:
    schedule = jazz(seats=0)
    large_hall(schedule)
    at_the_map(visitor, schedule)


@state("seats")
def seats_of_twenty_thousand(visitor: Visitor) -> None:
    schedule = jazz(seats=0)
    fill(schedule, sections=40, rows=20, seats_per_row=25)
    at_the_map(visitor, schedule)


@state("seats")
def seats_chosen_with_a_ticket_bought(visitor: Visitor) -> None:
    schedule = jazz(seats=0)
    hall_of_grades(schedule)
    user = visitor.log_in(won=500_000)
    bought(user, schedule, 1)
    admitted(user, schedule)
    visitor.goto(f"/schedules/{schedule.pk}/seats/")
    for number in (15, 16):
        visitor.page.locator(f"#map [value='{number}']").check(force=True)


@state("seats")
def seats_as_a_list(visitor: Visitor) -> None:
    schedule = jazz(seats=0)
    hall_of_grades(schedule)
    at_the_map(visitor, schedule)
    visitor.page.locator("#view").click()
    visitor.page.locator("#list summary").nth(1).click()


@state("seats")
def seats_to_be_chosen_for_me(visitor: Visitor) -> None:
    schedule = jazz(seats=0)
    hall_of_grades(schedule)
    at_the_map(visitor, schedule)
    visitor.page.locator("#best-link").click()


@state("seats")
def seats_of_which_one_was_lost(visitor: Visitor) -> None:
    schedule = jazz(seats=0)
    hall_of_grades(schedule)
    at_the_map(visitor, schedule)
    visitor.page.locator("#map [value='15']").check(force=True)
    # The map does not hear of it before.
    visitor.page.route("**/seat-state/**", lambda _route: None)
    held(UserFactory.create(), schedule, 15)
    visitor.page.locator("#hold").click()
    visitor.page.locator("#lost").wait_for()


@state("seats")
def seats_without_scripts_after_a_loss(visitor: Visitor) -> None:
    schedule = jazz(seats=0)
    hall_of_grades(schedule)
    held(UserFactory.create(), schedule, 15)
    admitted(visitor.log_in(won=500_000), schedule)
    visitor.goto(f"/schedules/{schedule.pk}/seats/?taken=15")


@state("best_seats")
def best_seats(visitor: Visitor) -> None:
    schedule = jazz(seats=0)
    hall_of_grades(schedule)
    admitted(visitor.log_in(won=500_000), schedule)
    visitor.goto(f"/schedules/{schedule.pk}/seats/best/")


# --- Checkout -----------------------------------------------------------------------------------


@state("checkout")
def checkout_with_enough_money(visitor: Visitor) -> None:
    schedule = jazz()
    held(visitor.log_in(won=100_000), schedule, 3, 4)
    visitor.goto("/checkout/")


@state("checkout")
def checkout_with_too_little_money(visitor: Visitor) -> None:
    schedule = jazz()
    held(visitor.log_in(won=5_000), schedule, 3, 4)
    visitor.goto("/checkout/")


@state("checkout")
def checkout_after_a_declined_top_up(visitor: Visitor) -> None:
    schedule = jazz()
    held(visitor.log_in(won=5_000), schedule, 3, 4)
    visitor.goto("/checkout/")
    visitor.page.locator(".top-up input:not([type=hidden])").fill(
        str(min(SandboxGateway.DECLINED_AMOUNTS))
    )
    visitor.page.locator("[name=agreed]").check()
    visitor.page.locator("#pay > button").click()
    visitor.page.wait_for_load_state("networkidle")


@state("checkout")
def checkout_without_agreement(visitor: Visitor) -> None:
    schedule = jazz()
    held(visitor.log_in(won=100_000), schedule, 3)
    visitor.goto("/checkout/")
    visitor.page.locator("#pay").evaluate("form => { form.noValidate = true; }")
    visitor.page.locator("#pay > button").click()
    visitor.page.wait_for_load_state("networkidle")


@state("checkout")
def checkout_after_an_unknown_outcome(visitor: Visitor) -> None:
    schedule = jazz()
    held(visitor.log_in(won=5_000), schedule, 3, 4)
    visitor.goto(f"/checkout/?again={uuid.uuid4()}&amount=15000#pay")


@state("checkout")
def checkout_after_letting_go(visitor: Visitor) -> None:
    schedule = jazz()
    user = visitor.log_in(won=5_000)
    (hold,) = held(user, schedule, 3)
    release_reservation(user=user, reservation_id=hold.pk)
    visitor.goto("/checkout/")


@state("checkout")
def checkout_after_its_hold_ended(visitor: Visitor) -> None:
    schedule = jazz()
    overdue(*held(visitor.log_in(won=5_000), schedule, 3))
    visitor.goto("/checkout/")


@state("checkout")
def checkout_of_nothing(visitor: Visitor) -> None:
    visitor.log_in()
    visitor.goto("/checkout/")


# --- Tickets and money --------------------------------------------------------------------------


@state("ticket_list")
def tickets(visitor: Visitor) -> None:
    user = visitor.log_in(won=300_000)
    bought(user, jazz(), 1, 2)
    cancelled_schedule = jazz(colour="coral", title="시네마 심포니", title_en="Cinema Symphony")
    bought(user, cancelled_schedule, 5)
    cancelled(cancelled_schedule)
    visitor.goto("/tickets/")


@state("order")
def order(visitor: Visitor) -> None:
    user = visitor.log_in(won=300_000)
    bought(user, jazz(), 1, 2)
    visitor.goto(f"/orders/{one_ticket(user).reservation_id}/")


@state("ticket_list")
def tickets_of_a_newcomer(visitor: Visitor) -> None:
    visitor.log_in()
    visitor.goto("/tickets/")


@state("ticket")
def ticket(visitor: Visitor) -> None:
    user = visitor.log_in(won=300_000)
    bought(user, jazz(), 1, 2)
    visitor.goto(f"/tickets/{one_ticket(user).pk}/")


@state("ticket")
def ticket_on_the_full_screen(visitor: Visitor) -> None:
    user = visitor.log_in(won=300_000)
    bought(user, jazz(), 1)
    visitor.goto(f"/tickets/{one_ticket(user).pk}/")
    visitor.page.locator("[data-dialog]").click()


@state("ticket")
def ticket_of_a_moved_performance(visitor: Visitor) -> None:
    user = visitor.log_in(won=300_000)
    schedule = jazz()
    bought(user, schedule, 1)
    moved(schedule)
    visitor.goto(f"/tickets/{one_ticket(user).pk}/")


@state("ticket")
def ticket_used(visitor: Visitor) -> None:
    user = visitor.log_in(won=300_000)
    schedule = jazz(doors_open=True)
    bought(user, schedule, 1)
    scanned(one_ticket(user), gate="A")
    visitor.goto(f"/tickets/{one_ticket(user).pk}/")


@state("ticket")
def ticket_cancelled(visitor: Visitor) -> None:
    user = visitor.log_in(won=300_000)
    bought(user, jazz(), 1)
    ticket_cancellation.cancel_ticket(user=user, ticket_id=one_ticket(user).pk)
    visitor.goto(f"/tickets/{one_ticket(user).pk}/")


@state("ticket")
def ticket_of_a_cancelled_performance(visitor: Visitor) -> None:
    user = visitor.log_in(won=300_000)
    schedule = jazz()
    bought(user, schedule, 1)
    cancelled(schedule)
    visitor.goto(f"/tickets/{one_ticket(user).pk}/")


@state("ticket_cancel")
def cancelling_a_ticket(visitor: Visitor) -> None:
    user = visitor.log_in(won=300_000)
    bought(user, jazz(), 1)
    visitor.goto(f"/tickets/{one_ticket(user).pk}/cancel/")


@state("ticket_hand_on")
def handing_a_ticket_on(visitor: Visitor) -> None:
    user = visitor.log_in(won=300_000)
    bought(user, jazz(), 1)
    visitor.goto(f"/tickets/{one_ticket(user).pk}/offer/")


@state("ticket")
def ticket_that_is_offered(visitor: Visitor) -> None:
    user = visitor.log_in(won=300_000)
    bought(user, jazz(), 1)
    offered(user, to="friend@example.com")
    visitor.goto(f"/tickets/{one_ticket(user).pk}/")


@state("ticket_offer")
def offer_of_a_ticket(visitor: Visitor) -> None:
    giver = UserFactory.create(won=300_000, name="박서연")
    bought(giver, jazz(), 1)
    offer = offered(giver, to=str(visitor.log_in().email))
    visitor.goto(f"/tickets/offers/{offer.pk}/")


def offered(user: User, *, to: str) -> TicketOffer:
    return ticket_offers.offer_ticket(user=user, ticket_id=one_ticket(user).pk, email=to)


@state("ticket_offer")
def offer_of_a_ticket_that_was_withdrawn(visitor: Visitor) -> None:
    giver = UserFactory.create(won=300_000, name="박서연")
    bought(giver, jazz(), 1)
    offer = offered(giver, to=str(visitor.log_in().email))
    ticket_offers.withdraw_offer(user=giver, ticket_id=offer.ticket_id)
    visitor.goto(f"/tickets/offers/{offer.pk}/")


@state("ticket")
def ticket_that_was_received(visitor: Visitor) -> None:
    giver = UserFactory.create(won=300_000, name="박서연")
    bought(giver, jazz(), 1)
    user = visitor.log_in()
    offer = offered(giver, to=str(user.email))
    ticket_offers.accept_offer(user=user, offer_id=offer.pk)
    visitor.goto(f"/tickets/{one_ticket(user).pk}/")


@state("ticket_hand_on")
def handing_on_refused(visitor: Visitor) -> None:
    user = visitor.log_in(won=300_000)
    bought(user, jazz(), 1)
    visitor.goto(f"/tickets/{one_ticket(user).pk}/offer/")
    visitor.page.locator("main [name=email]").fill(str(user.email))
    send(visitor)


@state("ticket_cancel")
def cancelling_a_cancelled_ticket(visitor: Visitor) -> None:
    user = visitor.log_in(won=300_000)
    bought(user, jazz(), 1)
    ticket_cancellation.cancel_ticket(user=user, ticket_id=one_ticket(user).pk)
    visitor.goto(f"/tickets/{one_ticket(user).pk}/cancel/")


@state("reservation_list")
def reservations_of_a_newcomer(visitor: Visitor) -> None:
    visitor.log_in()
    visitor.goto("/reservations/")


@state("reservation_list")
def reservations(visitor: Visitor) -> None:
    user = visitor.log_in(won=300_000)
    schedule = jazz()
    bought(user, schedule, 1)
    held(user, schedule, 2)
    visitor.goto("/reservations/")


@state("balance")
def balance_after_a_declined_top_up(visitor: Visitor) -> None:
    decline(visitor.log_in(won=5_000), 40_001)
    visitor.goto("/balance/?declined=1&amount=40001")


@state("balance")
def balance(visitor: Visitor) -> None:
    user = visitor.log_in(won=300_000)
    bought(user, jazz(), 1)
    visitor.goto("/balance/")


@state("balance")
def balance_of_a_newcomer(visitor: Visitor) -> None:
    visitor.log_in()
    visitor.goto("/balance/")


# --- The seller's pages --------------------------------------------------------------------------


@state("document")
def terms(visitor: Visitor) -> None:
    visitor.goto("/about/terms/")


@state("document")
def privacy(visitor: Visitor) -> None:
    visitor.goto("/about/privacy/")


@state("document")
def refunds(visitor: Visitor) -> None:
    visitor.goto("/about/refunds/")


@state("document")
def help_page(visitor: Visitor) -> None:
    visitor.goto("/about/help/")


@state("business")
def business(visitor: Visitor) -> None:
    visitor.goto("/about/business/")


@state("document_version")
def earlier_terms(visitor: Visitor) -> None:
    visitor.goto("/about/terms/1/")


# --- The demo's and the developers' pages --------------------------------------------------------


@state("inbox")
def inbox(visitor: Visitor) -> None:
    received_mails(visitor)
    visitor.goto("/inbox/")


@state("inbox_mail")
def inbox_mail(visitor: Visitor) -> None:
    received_mails(visitor)
    visitor.goto("/inbox/")
    visitor.page.locator("main .mail a").last.click()
    visitor.page.wait_for_load_state("networkidle")


def received_mails(visitor: Visitor) -> None:
    visitor.settings.ROOT_URLCONF = "tests.browser.urls"
    visitor.settings.DEMO_INBOX = True
    visitor.settings.EMAIL_BACKEND = "accounts.demo_inbox.EmailBackend"
    visitor.settings.EMAIL_FILE_PATH = mkdtemp()
    bought(UserFactory.create(won=300_000, email="minji@example.com"), jazz(), 1)
    send_due()


@state("styleguide")
def styleguide(visitor: Visitor) -> None:
    visitor.settings.ROOT_URLCONF = "tests.browser.urls"
    visitor.goto("/styleguide/")


# --- Refusals -----------------------------------------------------------------------------------


@state()
def refusal_of_an_unknown_address(visitor: Visitor) -> None:
    visitor.goto("/nothing-here/")


@state()
def refusal_of_an_admin_page(visitor: Visitor) -> None:
    visitor.log_in(user=StaffFactory.create())
    visitor.goto("/admin/auth/group/")


@state("account_login")
def refusal_of_a_form_without_a_token(visitor: Visitor) -> None:
    visitor.goto("/accounts/login/")
    visitor.page.context.clear_cookies()
    visitor.page.locator("main [name=login]").fill("someone@example.com")
    visitor.page.locator("main [name=password]").fill("wrong password")
    send(visitor)


@state()
def refusal_of_a_broken_page(visitor: Visitor) -> None:
    visitor.settings.ROOT_URLCONF = "tests.browser.urls"
    visitor.goto("/broken/")


@state()
def refusal_of_a_busy_page(visitor: Visitor) -> None:
    visitor.settings.ROOT_URLCONF = "tests.browser.urls"
    visitor.goto("/busy/")


@state()
def page_of_the_edge_without_the_application(visitor: Visitor) -> None:
    is_korean = visitor.page.evaluate("navigator.language") == "ko-KR"
    page = EDGE_PAGES / f"unavailable.{'ko' if is_korean else 'en'}.html"
    visitor.page.route("**/edge/", lambda route: route.fulfill(path=page, status=503))
    visitor.goto("/edge/")


# --- What they have in common -------------------------------------------------------------------


def jazz(
    *,
    seats: int = 10,
    room: str = "OPEN",
    shuffle: bool = False,
    opens_in: dt.timedelta | None = None,
    doors_open: bool = False,
    **told: Any,
) -> ConcertSchedule:
    """A concert with all that its page can tell."""
    opens_at = timezone.now() + opens_in if opens_in else None
    slug = f"jazz-{uuid.uuid4().hex[:6]}"
    waiting_room = WaitingRoom.objects.create(
        title=told.get("title", JAZZ["title"]),
        slug=slug,
        state=room,
        capacity=100,
        shuffle=shuffle,
        opens_at=opens_at if room == "SCHEDULED" else None,
    )
    concert = ConcertFactory.create(waiting_room=waiting_room, **{**JAZZ, **told})
    sale = {"reserve_from": opens_at} if opens_at else {}
    return ScheduleFactory.create(
        concert=concert, seats=seats, price=10_000, doors_open=doors_open, **sale
    )


def jazz_again(schedule: ConcertSchedule) -> ConcertSchedule:
    """Another date of the same concert."""
    later = dt.timedelta(days=1)
    return ScheduleFactory.create(
        concert=schedule.concert,
        price=66_000,
        start_at=schedule.start_at + later,
        end_at=schedule.end_at + later,
    )


def hall_of_grades(schedule: ConcertSchedule) -> None:
    blocks = [
        Block(section="중앙", rows=1, seats_per_row=10, grade="VIP", price=88_000),
        Block(section="홀", rows=2, seats_per_row=10, grade="R", price=66_000),
        Block(section="발코니", rows=2, seats_per_row=10, grade="S", price=44_000),
    ]
    generate_seats(schedule_id=schedule.pk, blocks=blocks)


def large_hall(schedule: ConcertSchedule) -> None:
    blocks = [
        Block(section="1층 중앙", rows=20, seats_per_row=25, grade="VIP", price=165_000),
        Block(section="1층 좌우", rows=20, seats_per_row=30, grade="R", price=132_000),
        Block(section="2층", rows=15, seats_per_row=40, grade="S", price=99_000),
        Block(section="3층", rows=10, seats_per_row=30, grade="A", price=66_000),
    ]
    generate_seats(schedule_id=schedule.pk, blocks=blocks)


def full_room(*, ahead: int) -> ConcertSchedule:
    """Its one place inside is taken, and so many wait."""
    schedule = jazz()
    WaitingRoom.objects.filter(pk=schedule.concert.waiting_room_id).update(capacity=1)
    admitted(UserFactory.create(), schedule)
    for user in UserFactory.create_batch(ahead):
        join_and_leave.join(user=user, slug=schedule.concert.waiting_room.slug)
    return schedule


def room_of(schedule: ConcertSchedule) -> str:
    return f"/rooms/{schedule.concert.waiting_room.slug}/"


def set_room(schedule: ConcertSchedule, name: str) -> None:
    WaitingRoom.objects.filter(pk=schedule.concert.waiting_room_id).update(state=name)
    schedule.concert.waiting_room.refresh_from_db()


def in_line(visitor: Visitor, schedule: ConcertSchedule) -> User:
    user = visitor.log_in()
    join_and_leave.join(user=user, slug=schedule.concert.waiting_room.slug)
    visitor.goto(room_of(schedule))
    return user


def at_the_map(visitor: Visitor, schedule: ConcertSchedule) -> None:
    admitted(visitor.log_in(won=500_000), schedule)
    visitor.goto(f"/schedules/{schedule.pk}/seats/")


def cancelled(schedule: ConcertSchedule) -> None:
    schedule_cancellation.cancel_schedule(
        schedule_id=schedule.pk, by=StaffFactory.create(), reason="출연자의 건강 문제로"
    )


def moved(schedule: ConcertSchedule) -> None:
    """To the evening after, as an operator does."""
    later = dt.timedelta(days=1)
    schedule.refresh_from_db()
    schedule.moved_from = schedule.start_at
    schedule.start_at += later
    schedule.end_at += later
    schedule.save()


def send(visitor: Visitor) -> None:
    """The page's main form."""
    with visitor.page.expect_navigation(wait_until="networkidle"):
        visitor.page.locator("main form button:not([type=button])").first.click()


def link_of(kind: Kind, user: User) -> str:
    return make_link(kind=kind, email=str(user.email), user=user)


def decline(user: User, amount: int) -> None:
    """A top-up of one of the sandbox's amounts that are declined."""
    with suppress(ChargeDeclined):
        charge(user=user, amount=amount)


def one_ticket(user: User) -> Ticket:
    return Ticket.objects.filter(user=user).order_by("seat__number")[0]
