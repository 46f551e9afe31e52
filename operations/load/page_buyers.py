"""Buyers who buy through the pages: cookies, CSRF tokens and forms, as a browser sends them.

The steps of a purchase, by their names in the record: concert, join, (room, poll, place while
waiting,) seats, (state, plan,) hold, checkout, pay, tickets, ticket. What the pages' scripts do is
done too: a buyer who waits polls the place, and the seats are drawn from their plan and states.
"""

import json
import time
from base64 import urlsafe_b64decode
from threading import Lock, Thread
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse

from concerts.models import ConcertSchedule
from concerts.services.seat_plan_document import seats_of
from operations.load import buyers
from operations.load.browser import Browser, Form, Page
from operations.load.fixtures import Sale, email_of, open_browser_sessions

MAX_POLL_SECONDS = 5.0
# Holds that one buyer tries, each of a seat that was free a moment before.
MOST_HOLDS = 50


class Stranded(Exception):
    """The pages did not lead to a ticket; the message says where."""


class Population(buyers.Population["Buyer"]):
    """``at_a_time`` buyers at a time, one after the other, each with an account of its own.

    With a ``password``, which must be that of every account, they log in by the form; without, each
    begins with a session.
    """

    def __init__(
        self,
        url: str,
        sale: Sale,
        *,
        seed: int,
        at_a_time: int,
        password: str = "",
    ) -> None:
        super().__init__(sale, seed=seed)
        self.url = url
        schedule = ConcertSchedule.objects.get(pk=sale.schedule_id)
        self.concert_page = reverse("concert_detail", args=[schedule.concert_id])
        self.at_a_time = at_a_time
        self.password = password
        self.sessions = {} if password else open_browser_sessions(sale)
        self.buyers = [Buyer(self, number) for number in range(len(sale.accounts))]
        # The seats' numbers in the order of a plan, by its version.
        self.plans: dict[str, list[int]] = {}
        self._next = iter(self.buyers)
        self._lock = Lock()

    @property
    def bought(self) -> int:
        return sum(buyer.bought for buyer in self.buyers)

    def play(self, *, deadline_seconds: float) -> float:
        """Let all buyers buy; returns how many seconds it took.

        At the deadline those who wait go home, and no other comes.
        """
        started = time.monotonic()
        self.threads = [Thread(target=self._take_turns, daemon=True) for _ in range(self.at_a_time)]
        for thread in self.threads:
            thread.start()
        for thread in self.threads:
            thread.join(max(0.0, started + deadline_seconds - time.monotonic()))
        if self.still_running():
            self.wrong.append(f"not over after {deadline_seconds:g} s")
        self.finish()
        return time.monotonic() - started

    def _take_turns(self) -> None:
        while not self.over.is_set() and (buyer := self._take()):
            self._run(buyer)

    def _take(self) -> "Buyer | None":
        with self._lock:
            return next(self._next, None)


class Buyer(buyers.Buyer):
    population: Population

    def __init__(self, population: Population, number: int) -> None:
        super().__init__(population, number)
        self.email = email_of(self.sale.slug, number)
        key = population.sessions.get(self.account.user_id)
        self.browser = Browser(
            url=population.url,
            user_id=self.account.user_id,
            recorder=population.recorder,
            cookies={settings.SESSION_COOKIE_NAME: key, "visitor": "1"} if key else {},
        )
        self.seats_page = reverse("seats", args=[self.sale.schedule_id])
        # The version of the plan that this browser has.
        self.plan = ""
        self.bought = 0

    def close(self) -> None:
        self.browser.close()

    def visit(self) -> None:
        try:
            self._buy()
            self.phase = "bought"
        except Stranded as exc:
            self.phase = str(exc)

    def _buy(self) -> None:
        if self.population.password:
            self._log_in()
        page = self._shown("concert", self.population.concert_page)
        self._see_what_is_mine(page)
        joined = self._sent("join", page, _found(page.form_to(f"/rooms/{self.sale.slug}/"), page))
        self.phase = "waiting"
        address = joined if joined.startswith(self.seats_page) else self._wait(joined)
        self.phase = "inside"
        checkout = self._shown("checkout", self._hold(address))
        self.phase = "holding"
        form = _found(checkout.form_to(reverse("checkout")), checkout)
        tickets = self._shown("tickets", self._sent("pay", checkout, form, *form.choices))
        self.bought = sum(name == "reservations" for name, _value in form.fields)
        own = (link for link in tickets.content.links if link.startswith(reverse("ticket_list")))
        self._shown("ticket", next(link for link in own if link != reverse("ticket_list")))

    def _log_in(self) -> None:
        page = self._shown("login", reverse("account_login"))
        form = _found(page.form_to(reverse("account_login")), page)
        self._sent(
            "log in", page, form, ("login", self.email), ("password", self.population.password)
        )

    def _wait(self, room_address: str) -> str:
        """Poll until it is the buyer's turn; returns the address of the seats."""
        place = self._shown("room", room_address).content.elements["place"]
        while place["data-status"] == "WAITING":
            pause = min(float(place["data-poll-after"]), MAX_POLL_SECONDS)
            if self.population.over.wait(pause):
                raise Stranded("room: waited in vain")
            news = json.loads(self._shown("poll", place["data-api"]).body)
            if news["status"] == "WAITING":
                place["data-poll-after"] = news["poll_after_seconds"]
            else:
                place = self._shown("place", place["data-fragment"]).content.elements["place"]
        if "data-next" not in place:
            raise Stranded(f"place: {place['data-status']}")
        return place["data-next"]

    def _hold(self, address: str) -> str:
        """Hold a seat that is shown as free, until it succeeds; returns where that leads."""
        for _attempt in range(MOST_HOLDS):
            page = self._shown("seats", address)
            form, free = self._free_seats(page)
            if not free:
                self._leave()
                raise Stranded("seats: sold out")
            address = self._sent("hold", page, form, self.random.choice(free))
            if address == reverse("checkout"):
                return address
        raise Stranded("hold: others were always faster")

    def _leave(self) -> None:
        """Make place for a buyer who waits."""
        room = self._shown("room", reverse("waiting_room", args=[self.sale.slug]))
        self._sent("leave", room, _found(room.form_to("/places/"), room))

    def _free_seats(self, page: Page) -> tuple[Form, list[tuple[str, str]]]:
        forms = (form for form in page.content.forms if form.name == "seats")
        form = _found(next(forms, None), page)
        about = page.content.elements["seats"]
        if "data-state" not in about:
            return form, [each for each in form.choices if each[0] == "seats"]
        state = self._shown("state", about["data-state"], **{"Queue-Token": about["data-token"]})
        state = json.loads(state.body)
        numbers = self._plan(about["data-plans"], state["plan"])
        packed = urlsafe_b64decode(state["states"] + "==")
        free = (n for i, n in enumerate(numbers) if not packed[i // 4] >> 2 * (i % 4) & 3)
        return form, [("seats", str(number)) for number in free]

    def _plan(self, plans: str, version: str) -> list[int]:
        """The seats' numbers in the plan's order. Each buyer gets it once; the first reads it."""
        read = self.population.plans
        if version != self.plan:
            plan = self._shown("plan", f"{plans}{version}/")
            self.plan = version
            if version not in read:
                read[version] = [seat.number for seat in seats_of(json.loads(plan.body))]
        return read[version]

    def _see_what_is_mine(self, page: Page) -> None:
        """The part of a public page that a logged-in visitor's browser gets besides."""
        address = page.content.elements["body"].get("data-visitor")
        if address:
            query = {"page": page.path, "language": "ko", "room": self.sale.slug}
            self._shown("visitor", f"{address}?{urlencode(query)}")

    def _shown(self, kind: str, path: str, **headers: str) -> Page:
        page = self.browser.get(kind, path, **headers)
        if page.answer.status != 200:
            raise Stranded(f"{kind}: {_failure(page)}")
        return page

    def _sent(self, kind: str, page: Page, form: Form, *chosen: tuple[str, str]) -> str:
        """Send a form; returns the address of the page to which its answer leads."""
        answer = self.browser.submit(kind, page, form, *chosen)
        if not answer.location:
            raise Stranded(f"{kind}: {_failure(answer)}")
        return answer.location


def _found(form: Form | None, page: Page) -> Form:
    if form is None:
        raise Stranded(f"no such form on {page.path}")
    return form


def _failure(page: Page) -> str:
    return page.answer.error or f"{page.answer.status} {page.location}".strip()
