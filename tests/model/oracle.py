"""The expected answers of the box office, in plain Python: no database, no lock, no product code.

One room, one line; two schedules behind it. Every public method is one request: it returns the
expected answer, or raises Refused with the name of the refusal, and updates the expected state.
Time is a number of seconds that only ``advance_clock`` moves, in whole steps: all events between
two steps have the same time.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

# One step of the clock. A run takes less real time than that, so real time decides nothing.
STEP = 300

HOLD = 300
PAYMENT = 300
INSIDE = 900
# Between two steps, so that the exact time of the next expected poll decides nothing.
IDLE = 450
# The longest time until the next poll that is assumed after the index was rebuilt.
LONGEST_POLL = 400
COOLDOWN = 300
GIVEN_UP_PER_HOUR = 4
HOUR = 3_600
DAY = 24 * HOUR
# The time between opening of doors and start, and the time in which a check-in can be undone.
DOORS_OPEN_BEFORE = 9 * DAY
UNDO = 600
MOST = 10_000_000
DECLINED = 40_001
# Tickets change hands until then before the start, so many times; so many offers an hour.
HAND_ON_BEFORE = HOUR
HAND_ONS = 2
OFFERS_PER_HOUR = 3
# Between the request to delete an account and its end.
GRACE = DAY

# Days before the show, and the fee in percent from then on.
Ladder = tuple[tuple[int, int], ...]
# What came back, what was kept, and what came on top as compensation.
Refund = tuple[int, int, int]


class Refused(Exception):
    """The refusal that must come, by name."""


class AnsweredBefore(Exception):
    """Not a refusal: the saved answer of the same request must come again."""

    def __init__(self, answer: Any) -> None:
        super().__init__("answered before")
        self.answer = answer


@dataclass(eq=False)
class QueuePosition:
    """A place in line. ``ends`` is the end of the admission."""

    user: int
    state: str = "WAITING"
    admitted: int | None = None
    ends: int | None = None
    outcome: str = ""
    id: Any = None

    def lets_in(self, now: int) -> bool:
        return self.state == "ACTIVE" and self.ends is not None and now < self.ends

    def end(self, outcome: str) -> None:
        self.state, self.outcome = "EXPIRED", outcome


@dataclass
class Index:
    """The index in Redis: when each token's next poll is due, who was inside at a tick, and how
    many more it could have let in."""

    moving_since: int | None
    due: dict[QueuePosition, int]
    inside: dict[QueuePosition, int]
    free: int = 0


@dataclass
class Room:
    capacity: int = 2
    pace: int = 3
    open: bool = True
    line: list[QueuePosition] = field(default_factory=list)
    index: Index | None = None

    def those(self, state: str) -> list[QueuePosition]:
        return [place for place in self.line if place.state == state]


@dataclass
class Schedule:
    """Times in seconds of the clock; ``cooldown`` is that of released seats."""

    limit: int
    opens: int
    closes: int
    starts: int
    cooldown: int
    cancelled_at: int | None = None
    # Whether the organiser's fault cancelled it.
    at_fault: bool = field(default=False, init=False)
    last_held: int | None = None

    @property
    def cancelled(self) -> bool:
        return self.cancelled_at is not None

    @property
    def hand_on_until(self) -> int:
        return self.starts - HAND_ON_BEFORE


@dataclass(eq=False)
class Seat:
    schedule: Schedule
    number: int
    price: int
    kind: str = "standard"
    state: str = "AVAILABLE"
    cooldown_until: int = 0
    changes: int = 0
    reservation: "Reservation | None" = None
    id: Any = None

    def change(
        self, state: str, reservation: "Reservation | None" = None, cooldown_until: int = 0
    ) -> None:
        self.state, self.reservation, self.cooldown_until = state, reservation, cooldown_until
        self.changes += 1


@dataclass(eq=False)
class Reservation:
    user: int
    seat: Seat
    price: int
    made: int
    ends: int
    state: str = "HOLD"
    paid: bool = False
    extended: bool = False
    failures: set[str] = field(default_factory=set)
    ticket: "Ticket | None" = None
    id: Any = None

    @property
    def schedule(self) -> Schedule:
        return self.seat.schedule


@dataclass(eq=False)
class Ticket:
    reservation: Reservation
    ladder: Ladder
    bought: int
    state: str = "ISSUED"
    version: int = 1
    refund: Refund | None = None
    id: Any = None
    code: str = ""
    # When it was last let in, and whether that was undone.
    used: int | None = None
    undone: bool = False
    # The receivers so far, the codes that ended with it, and all offers of it.
    receivers: list[int] = field(default_factory=list)
    old_codes: list[str] = field(default_factory=list)
    offers: "list[Offer]" = field(default_factory=list)

    @property
    def holder(self) -> int:
        return self.receivers[-1] if self.receivers else self.reservation.user

    @property
    def is_live(self) -> bool:
        return self.state != "CANCELLED"

    @property
    def open_offer(self) -> "Offer | None":
        return next((offer for offer in self.offers if offer.state == "OPEN"), None)

    def change(self, state: str) -> None:
        if self.state == "ISSUED" and self.open_offer:
            self.open_offer.state = "ENDED"
        self.state = state
        self.version += 1


@dataclass(eq=False)
class Offer:
    ticket: Ticket
    giver: int
    to: int
    at: int
    state: str = "OPEN"
    id: Any = None


@dataclass(eq=False)
class Charge:
    user: int
    amount: int
    began: int
    key: str | None
    state: str = "PENDING"
    balance_after: int = 0


@dataclass
class Saved:
    """An answer under a key, kept for a day."""

    request: Any
    at: int
    answer: Any = None


@dataclass
class Purse:
    """``lines`` are (type, status, amount), the ledger from its first line on."""

    lines: list[tuple[str, str, int]] = field(default_factory=list)
    balance: int = 0
    # With the request to delete the account.
    given_up: int = 0

    def write(self, type: str, status: str, amount: int) -> None:
        self.lines.append((type, status, amount))
        if status == "SUCCESS":
            self.balance += -amount if type == "RESERVATION" else amount


class Oracle:
    def __init__(
        self,
        users: int,
        schedules: Sequence[Schedule],
        prices: Sequence[int],
        kinds: Sequence[str],
    ) -> None:
        self.now = 0
        self.ladder: Ladder = ((0, 0),)
        self.room = Room()
        self.schedules = list(schedules)
        self.seats = {
            (which, number): Seat(schedule, number, price, kind)
            for which, schedule in enumerate(schedules)
            for number, (price, kind) in enumerate(zip(prices, kinds, strict=True), start=1)
        }
        self.reservations: list[Reservation] = []
        # In the order in which they were bought.
        self.tickets: list[Ticket] = []
        self.charges: list[Charge] = []
        self.purses = {user: Purse() for user in range(users)}
        self.saved: dict[tuple[int, str], Saved] = {}
        # The users who asked for the end of their account, and when it comes; those without one.
        self.closing: dict[int, int] = {}
        self.deleted: set[int] = set()

    # --- The clock -------------------------------------------------------------------------------

    def advance_clock(self, seconds: int) -> None:
        assert seconds % STEP == 0
        self.now += seconds

    # --- The line --------------------------------------------------------------------------------

    def join(self, user: int) -> tuple[QueuePosition, bool]:
        mine = self.position_of(user)
        if mine and mine.state == "ACTIVE" and not mine.lets_in(self.now):
            mine.end("TIMED_OUT")
            mine = None
        if mine:
            self._asked(mine)
            return mine, False
        ahead = len(self.room.those("WAITING"))
        mine = QueuePosition(user)
        self.room.line.append(mine)
        self._asked(mine)
        if ahead < max(1, self.room.index.free if self.room.index else 0):
            self.tick(by_request=True)
        return mine, True

    def position_of(self, user: int) -> QueuePosition | None:
        live = (place for place in self.room.line if place.state != "EXPIRED")
        return next((place for place in live if place.user == user), None)

    def _asked(self, place: QueuePosition) -> None:
        if self.room.index and place.state == "WAITING":
            self.room.index.due[place] = self.now

    def poll(self, user: int, place: QueuePosition) -> tuple[str, int]:
        """The status, and how many are ahead."""
        if place.user != user:
            raise Refused("NotFound")
        index = self.room.index
        # Until the next tick the index answers with the admission of the last tick.
        if index and index.inside.get(place, 0) > self.now:
            return "ACTIVE", 0
        if place.state == "WAITING":
            self._asked(place)
            return "WAITING", self.room.those("WAITING").index(place)
        return ("ACTIVE" if place.lets_in(self.now) else "EXPIRED"), 0

    def leave(self, user: int, place: QueuePosition) -> None:
        if place.user != user:
            raise Refused("NotFound")
        if place.state != "EXPIRED":
            for reservation in self.reservations:
                if (reservation.user, reservation.state) == (user, "HOLD"):
                    self.release(user, reservation)
            place.end("LEFT")
        if self.room.index:
            self._forget(self.room.index, place)
        self.tick(by_request=True)

    def _forget(self, index: Index, place: QueuePosition) -> None:
        index.due.pop(place, None)
        index.inside.pop(place, None)

    def tick(self, *, by_request: bool = False) -> int:
        """End expired and idle tokens, then admit the first in line; how many."""
        over = [place for place in self.room.those("ACTIVE") if not place.lets_in(self.now)]
        for place in over:
            place.end("TIMED_OUT")
        silent = self._silent()
        for place in silent:
            place.end("IDLE")
        free = self._free() if self.room.open else 0
        let_in = self.room.those("WAITING")[:free]
        for place in let_in:
            place.state, place.admitted, place.ends = "ACTIVE", self.now, self.now + INSIDE
        if self.room.index:
            self.room.index.free = free - len(let_in)
            if by_request:
                self._follow_admissions(self.room.index, let_in, [*over, *silent])
            else:
                self._follow(self.room.index)
        return len(let_in)

    def _silent(self) -> list[QueuePosition]:
        index = self.room.index
        if not self.room.open or index is None or index.moving_since is None:
            return []
        if self.now - index.moving_since < IDLE:
            return []
        waiting = self.room.those("WAITING")
        return [place for place in waiting if self.now - index.due[place] > IDLE]

    def _free(self) -> int:
        lately = [place for place in self.room.line if place.admitted == self.now]
        places = self.room.capacity - len(self.room.those("ACTIVE"))
        return max(0, min(places, self.room.pace - len(lately)))

    def _follow(self, index: Index) -> None:
        if not self.room.open:
            index.moving_since = None
        elif index.moving_since is None:
            index.moving_since = self.now
        index.due = {place: index.due[place] for place in self.room.those("WAITING")}
        index.inside = self._inside()

    def _follow_admissions(
        self, index: Index, let_in: Sequence[QueuePosition], ended: Sequence[QueuePosition]
    ) -> None:
        """The rest is left to the next tick of the beat."""
        for place in [*let_in, *ended]:
            self._forget(index, place)
        for place in let_in:
            assert place.ends is not None
            index.inside[place] = place.ends

    def _inside(self) -> dict[QueuePosition, int]:
        return {place: place.ends for place in self.room.those("ACTIVE") if place.ends is not None}

    def lose_index(self) -> None:
        self.room.index = None

    def build_index(self) -> int:
        """How many rooms had no index."""
        if self.room.index:
            return 0
        due = dict.fromkeys(self.room.those("WAITING"), self.now + LONGEST_POLL)
        self.room.index = Index(self.now if self.room.open else None, due, self._inside())
        return 1

    # --- Holding ---------------------------------------------------------------------------------

    def hold(
        self, user: int, which: int, numbers: Sequence[int], place: QueuePosition | None = None
    ) -> list[Reservation]:
        schedule = self.schedules[which]
        if len(set(numbers)) != len(numbers):
            raise Refused("DuplicateSeats")
        mine = self.position_of(user)
        if mine is None or mine.state != "ACTIVE" or place not in (None, mine):
            raise Refused("QueueNotAdmitted")
        if any((which, number) not in self.seats for number in numbers):
            raise Refused("SeatNotFound")
        if not mine.lets_in(self.now):
            raise Refused("QueueNotAdmitted")
        self._require_on_sale(schedule)
        if self._given_up_lately(user) >= GIVEN_UP_PER_HOUR:
            raise Refused("GivenUpTooOften")
        wanted = [self.seats[which, number] for number in sorted(numbers)]
        self._require_allowance(user, schedule, wanted)
        return self._take(user, mine, wanted)

    def _require_on_sale(self, schedule: Schedule) -> None:
        if schedule.cancelled:
            raise Refused("ScheduleCancelled")
        if self.now < schedule.opens:
            raise Refused("SaleNotOpen")
        if self.now >= schedule.closes:
            raise Refused("SaleClosed")

    def _given_up_lately(self, user: int) -> int:
        return sum(
            each.user == user
            and not each.paid
            and (each.state in ("EXPIRED", "CANCELLED") or self.is_overdue(each))
            and self.now - each.made < HOUR
            for each in self.reservations
        )

    def _require_allowance(self, user: int, schedule: Schedule, wanted: Sequence[Seat]) -> None:
        """Overdue holds do not count; a refusal does not change them."""
        received = [
            ticket for ticket in self._tickets_of(user, schedule) if ticket.reservation.user != user
        ]
        if len(self._live_of(user, schedule)) + len(received) + len(wanted) > schedule.limit:
            raise Refused("PurchaseLimitExceeded")

    def _tickets_of(self, user: int, schedule: Schedule) -> list[Ticket]:
        """The live ones that the user has, bought or received."""
        return [
            ticket
            for ticket in self.tickets
            if ticket.is_live and ticket.holder == user and ticket.reservation.schedule is schedule
        ]

    def _live_of(self, user: int, schedule: Schedule) -> list[Reservation]:
        return [
            each for each in self._live(schedule) if each.user == user and not self.is_overdue(each)
        ]

    def _require_wheelchair(self, user: int, schedule: Schedule, wanted: Sequence[Seat]) -> None:
        """Only a hold of a companion seat is refused."""
        if any(seat.kind == "companion" for seat in wanted):
            theirs = [*wanted, *(each.seat for each in self._live_of(user, schedule))]
            kinds = Counter(seat.kind for seat in theirs)
            if kinds["companion"] > kinds["wheelchair"]:
                raise Refused("CompanionNeedsWheelchair")

    def _live(self, schedule: Schedule) -> list[Reservation]:
        held = (seat.reservation for seat in self.seats.values() if seat.schedule is schedule)
        return [reservation for reservation in held if reservation]

    def is_overdue(self, reservation: Reservation) -> bool:
        return reservation.state == "HOLD" and reservation.ends <= self.now

    def _take(self, user: int, mine: QueuePosition, wanted: Sequence[Seat]) -> list[Reservation]:
        schedule = wanted[0].schedule
        # The overdue hold of a seat that can be held again ends, also for another buyer.
        self._expire(wanted)
        if not all(self.is_free(seat) for seat in wanted):
            raise Refused("SeatTaken")
        self._require_wheelchair(user, schedule, wanted)
        self._expire([each.seat for each in self._live(schedule) if each.user == user])
        schedule.last_held = self.now
        taken = [Reservation(user, seat, seat.price, self.now, self.now + HOLD) for seat in wanted]
        for reservation in taken:
            reservation.seat.change("HELD", reservation)
        self.reservations += taken
        self._extend_admission(mine, self.now + HOLD)
        return taken

    def _expire(self, seats: Iterable[Seat]) -> int:
        overdue = [seat for seat in seats if seat.reservation and self.is_overdue(seat.reservation)]
        for seat in overdue:
            assert seat.reservation
            seat.reservation.state = "EXPIRED"
            seat.change("AVAILABLE", cooldown_until=self.now + seat.schedule.cooldown)
        return len(overdue)

    def is_free(self, seat: Seat) -> bool:
        return seat.state == "AVAILABLE" and seat.cooldown_until <= self.now

    def _extend_admission(self, place: QueuePosition, until: int) -> None:
        assert place.admitted is not None
        assert place.ends is not None
        latest = place.admitted + INSIDE + HOLD + PAYMENT
        place.ends = max(place.ends, min(until, latest))

    def count_alike(self, which: int, numbers: Sequence[int]) -> int:
        """How many seats are free to take instead: as many of each kind, or what is left."""
        wanted = Counter(self.seats[which, number].kind for number in numbers)
        schedule = self.schedules[which]
        free = Counter(
            seat.kind
            for seat in self.seats.values()
            if seat.schedule is schedule and self.is_free(seat)
        )
        return (wanted & free).total()

    def release(self, user: int, reservation: Reservation) -> None:
        if reservation.user != user:
            raise Refused("NotFound")
        if reservation.state == "CONFIRMED":
            raise Refused("AlreadyPaid")
        if reservation.state == "HOLD" and not self._expire([reservation.seat]):
            reservation.state = "CANCELLED"
            reservation.seat.change("AVAILABLE")

    def sweep_holds(self) -> int:
        return self._expire(self.seats.values())

    # --- Paying ----------------------------------------------------------------------------------

    def begin_payment(self, user: int, wanted: Sequence[Reservation]) -> int:
        """In how many seconds the first of these holds ends."""
        cart = self._cart(user, wanted)
        # As in pay: paid holds come first.
        for reservation in sorted(cart, key=lambda each: not each.paid):
            self._require_payable(reservation)
        mine = self._require_inside(user)
        for reservation in cart:
            if not reservation.extended:
                reservation.ends += PAYMENT
                reservation.extended = True
        first = min(reservation.ends for reservation in cart)
        self._extend_admission(mine, first)
        return first - self.now

    def _cart(self, user: int, wanted: Sequence[Reservation]) -> list[Reservation]:
        if not wanted or any(reservation.user != user for reservation in wanted):
            raise Refused("NotFound")
        return sorted(set(wanted), key=lambda each: (each.seat.number, each.seat.id))

    def _require_payable(self, reservation: Reservation) -> None:
        if reservation.state == "CONFIRMED":
            raise Refused("AlreadyPaid")
        if reservation.schedule.cancelled:
            raise Refused("ScheduleCancelled")
        if reservation.state == "CANCELLED":
            raise Refused("AlreadyCancelled")
        if reservation.state == "EXPIRED" or self.is_overdue(reservation):
            raise Refused("HoldExpired")

    def _require_inside(self, user: int) -> QueuePosition:
        mine = self.position_of(user)
        if mine is None or not mine.lets_in(self.now):
            raise Refused("QueueNotAdmitted")
        return mine

    def pay(self, user: int, wanted: Sequence[Reservation], key: str | None = None) -> list[Ticket]:
        request = ("pay", tuple(sorted(str(each.id) for each in wanted)))
        self._claim(user, key, request)
        cart = self._cart(user, wanted)
        for reservation in sorted(cart, key=lambda each: not each.paid):
            self._or_failed(cart, lambda each=reservation: self._require_payable(each))
        mine = self._require_inside(user)
        self._or_failed(cart, lambda: self._require_money(user, cart))
        tickets = [self._buy(reservation) for reservation in cart]
        if not any(each.state == "HOLD" for each in self.reservations if each.user == user):
            mine.end("PAID")
        self._save(user, key, request)
        return tickets

    def _claim(self, user: int, key: str | None, request: Any) -> None:
        saved = self.saved.get((user, key)) if key else None
        if saved is None:
            return
        if saved.request != request:
            raise Refused("IdempotencyKeyReused")
        raise AnsweredBefore(saved.answer)

    def _save(self, user: int, key: str | None, request: Any) -> None:
        if key:
            self.saved[user, key] = Saved(request, self.now)

    def _or_failed(self, cart: Sequence[Reservation], require: Callable[[], None]) -> None:
        """Two of the refusals are recorded as failed payments, one for each reservation."""
        try:
            require()
        except Refused as refused:
            reason = {"HoldExpired": "hold_expired", "InsufficientBalance": "insufficient_balance"}
            if str(refused) in reason:
                self._expire([reservation.seat for reservation in cart])
                self._fail(cart, reason[str(refused)])
            raise

    def _fail(self, cart: Sequence[Reservation], reason: str) -> None:
        for reservation in cart:
            if reason not in reservation.failures:
                reservation.failures.add(reason)
                purse = self.purses[reservation.user]
                purse.write("RESERVATION", "FAILED", reservation.price)

    def _require_money(self, user: int, cart: Sequence[Reservation]) -> None:
        if self.purses[user].balance < sum(reservation.price for reservation in cart):
            raise Refused("InsufficientBalance")

    def _buy(self, reservation: Reservation) -> Ticket:
        reservation.state, reservation.paid = "CONFIRMED", True
        reservation.seat.change("RESERVED", reservation)
        self.purses[reservation.user].write("RESERVATION", "SUCCESS", reservation.price)
        reservation.ticket = Ticket(reservation, self.ladder, self.now)
        self.tickets.append(reservation.ticket)
        return reservation.ticket

    # --- Tickets ---------------------------------------------------------------------------------

    def quote(self, user: int, ticket: Ticket, days_left: int) -> Refund:
        reservation = ticket.reservation
        if ticket.holder != user:
            raise Refused("NotFound")
        if reservation.user != user:
            raise Refused("NotTheBuyer")
        self._require_issued(ticket)
        if reservation.schedule.cancelled:
            return self._full_refund(reservation)
        if self.now >= reservation.schedule.starts:
            raise Refused("CancellationClosed")
        fee = reservation.price * self._percent(ticket, days_left) // 100
        return reservation.price - fee, fee, 0

    def _full_refund(self, reservation: Reservation) -> Refund:
        tenth = ceil(reservation.price / 10)
        return reservation.price, 0, tenth if reservation.schedule.at_fault else 0

    def _require_issued(self, ticket: Ticket) -> None:
        if ticket.state == "CANCELLED":
            raise Refused("AlreadyCancelled")
        if ticket.state == "USED":
            raise Refused("TicketUsed")

    def _percent(self, ticket: Ticket, days_left: int) -> int:
        if self.now - ticket.bought < DAY and days_left >= 3:
            return 0
        return next(percent for days, percent in ticket.ladder if days_left >= days)

    def cancel(self, user: int, ticket: Ticket, days_left: int, key: str | None = None) -> Refund:
        """As quote."""
        request = ("cancel", str(ticket.id))
        self._claim(user, key, request)
        if ticket.holder != user:
            raise Refused("NotFound")
        refund = self.quote(user, ticket, days_left)
        seat = ticket.reservation.seat
        self._give_back(ticket, refund)
        seat.change("AVAILABLE", cooldown_until=self.now + seat.schedule.cooldown)
        self._save(user, key, request)
        return refund

    def _give_back(self, ticket: Ticket, refund: Refund) -> None:
        ticket.change("CANCELLED")
        ticket.refund = refund
        ticket.reservation.state = "CANCELLED"
        amount, _fee, compensation = refund
        purse = self.purses[ticket.reservation.user]
        if amount:
            purse.write("CANCELLATION", "SUCCESS", amount)
        if compensation:
            purse.write("COMPENSATION", "SUCCESS", compensation)

    def check_in(self, ticket: Ticket, code: str, which: int) -> None:
        schedule = ticket.reservation.schedule
        if code in ticket.old_codes:
            raise Refused("CodeEnded")
        if schedule is not self.schedules[which]:
            raise Refused("WrongSchedule")
        self._require_issued(ticket)
        if schedule.cancelled:
            raise Refused("AlreadyCancelled")
        if self.now >= schedule.starts + HOUR:
            raise Refused("ShowOver")
        if self.now < schedule.starts - DOORS_OPEN_BEFORE:
            raise Refused("DoorsNotOpen")
        ticket.change("USED")
        ticket.used, ticket.undone = self.now, False

    def undo_check_in(self, ticket: Ticket) -> None:
        """Of a ticket that was let in, the last time."""
        assert ticket.used is not None
        if ticket.undone:
            raise Refused("AlreadyUndone")
        if ticket.reservation.schedule.cancelled:
            raise Refused("AlreadyCancelled")
        if self.now >= ticket.used + UNDO:
            raise Refused("UndoTooLate")
        ticket.change("ISSUED")
        ticket.undone = True

    # --- Handing on ------------------------------------------------------------------------------

    def offer(self, user: int, ticket: Ticket, to: int) -> Offer:
        if ticket.holder != user:
            raise Refused("NotFound")
        self._require_may_hand_on(ticket)
        if to == user:
            raise Refused("OfferedToOneself")
        found = ticket.open_offer
        if found is None:
            self._require_few_offers(user)
            found = Offer(ticket, user, to, self.now)
            ticket.offers.append(found)
        elif found.to != to:
            raise Refused("AlreadyOffered")
        return found

    def _require_may_hand_on(self, ticket: Ticket) -> None:
        self._require_issued(ticket)
        schedule = ticket.reservation.schedule
        if schedule.cancelled:
            raise Refused("ScheduleCancelled")
        if self.now >= schedule.hand_on_until:
            raise Refused("HandingOnClosed")
        if len(ticket.receivers) >= HAND_ONS:
            raise Refused("HandedOnTooOften")

    def _require_few_offers(self, user: int) -> None:
        lately = [each for each in self.offers() if self.now - each.at < HOUR]
        if sum(each.giver == user for each in lately) >= OFFERS_PER_HOUR:
            raise Refused("OfferedTooOften")

    def offers(self) -> list[Offer]:
        return [offer for ticket in self.tickets for offer in ticket.offers]

    def withdraw(self, user: int, ticket: Ticket) -> None:
        if ticket.holder != user or ticket.open_offer is None:
            raise Refused("NotFound")
        ticket.open_offer.state = "WITHDRAWN"

    def decline(self, user: int, offer: Offer) -> None:
        if offer.to != user:
            raise Refused("UnknownOffer")
        if offer.state != "DECLINED":
            self._require_open(offer)
            offer.state = "DECLINED"

    def _require_open(self, offer: Offer) -> None:
        if offer.state != "OPEN":
            raise Refused("OfferOver")

    def accept(self, user: int, offer: Offer) -> Ticket:
        ticket = offer.ticket
        if offer.to != user:
            raise Refused("UnknownOffer")
        if offer.state == "ACCEPTED" and ticket.holder == user:
            return ticket
        self._require_open(offer)
        self._require_may_hand_on(ticket)
        schedule = ticket.reservation.schedule
        holds = [
            each
            for each in self._live_of(user, schedule)
            if each.state == "HOLD" and each.ends > self.now
        ]
        if len(self._tickets_of(user, schedule)) + len(holds) >= schedule.limit:
            raise Refused("TooManyTickets")
        offer.state = "ACCEPTED"
        ticket.old_codes.append(ticket.code)
        ticket.receivers.append(user)
        ticket.version += 1
        return ticket

    def end_offers(self) -> int:
        """How many were open after their time."""
        over = [
            offer
            for offer in self.offers()
            if offer.state == "OPEN" and self.now >= offer.ticket.reservation.schedule.hand_on_until
        ]
        for offer in over:
            offer.state = "ENDED"
        return len(over)

    # --- The end of an account -------------------------------------------------------------------

    def ask_for_deletion(self, user: int, give_up: int) -> int:
        """When it comes."""
        purse = self.purses[user]
        if self._has_obstacles(user) or (purse.balance and give_up != purse.balance):
            raise Refused("AccountInUse")
        if purse.balance:
            purse.given_up = purse.balance
            purse.write("OTHER", "SUCCESS", -purse.balance)
        self.closing[user] = self.now + GRACE
        return self.closing[user]

    def _has_obstacles(self, user: int) -> bool:
        tickets = [
            ticket
            for ticket in self.tickets
            if ticket.is_live and user in (ticket.holder, ticket.reservation.user)
        ]
        schedules = [ticket.reservation.schedule for ticket in tickets]
        return (
            any(each.cancelled or each.starts + HOUR > self.now for each in schedules)
            or any(
                (each.user, each.state) == (user, "HOLD") and each.ends > self.now
                for each in self.reservations
            )
            or any((each.user, each.state) == (user, "PENDING") for each in self.charges)
        )

    def undo_deletion(self, user: int) -> bool:
        """Whether the account is there."""
        if user in self.closing:
            self._keep(user)
        return user not in self.deleted

    def _keep(self, user: int) -> None:
        del self.closing[user]
        purse = self.purses[user]
        if purse.given_up:
            purse.write("OTHER", "SUCCESS", purse.given_up)
            purse.given_up = 0

    def erase(self) -> int:
        """How many accounts; one that has got something since is kept."""
        due = [user for user, at in self.closing.items() if at <= self.now]
        for user in due:
            if self.purses[user].balance or self._has_obstacles(user):
                self._keep(user)
            else:
                self._erase(user)
        return sum(user in self.deleted for user in due)

    def _erase(self, user: int) -> None:
        del self.closing[user]
        self.deleted.add(user)
        self.saved = {key: each for key, each in self.saved.items() if key[0] != user}
        for offer in self.offers():
            if (offer.to, offer.state) == (user, "OPEN"):
                offer.state = "DECLINED"

    # --- Money -----------------------------------------------------------------------------------

    def charge(self, user: int, amount: int, key: str | None, *, gateway: bool) -> int:
        """The balance after it; ``gateway`` says whether that can be reached."""
        if not 0 < amount <= MOST:
            raise Refused("InvalidAmount")
        request = ("charge", amount)
        self._claim(user, key, request)
        charge = self._begin_charge(user, amount, key)
        # A settled charge is not sent to the gateway again.
        if charge.state == "PENDING" and not gateway:
            raise Refused("GatewayUnavailable")
        self._settle(charge)
        if charge.state == "FAILED":
            raise Refused("ChargeDeclined")
        self._save(user, key, request)
        return charge.balance_after

    def _begin_charge(self, user: int, amount: int, key: str | None) -> Charge:
        for charge in self.charges:
            if key and (charge.user, charge.key) == (user, key):
                if charge.amount != amount:
                    raise Refused("IdempotencyKeyReused")
                return charge
        self.charges.append(Charge(user, amount, self.now, key))
        return self.charges[-1]

    def _settle(self, charge: Charge) -> None:
        if charge.state != "PENDING":
            return
        charge.state = "FAILED" if charge.amount == DECLINED else "SUCCESS"
        purse = self.purses[charge.user]
        purse.write("CHARGE", charge.state, charge.amount)
        charge.balance_after = purse.balance

    def settle_pending_charges(self) -> int:
        pending = [
            charge
            for charge in self.charges
            if charge.state == "PENDING" and charge.began < self.now
        ]
        for charge in pending:
            self._settle(charge)
        return len(pending)

    def forget_old_answers(self) -> int:
        for charge in self.charges:
            if charge.state != "PENDING" and self.now - charge.began >= DAY:
                charge.key = None
        old = [key for key, saved in self.saved.items() if self.now - saved.at >= DAY]
        for key in old:
            del self.saved[key]
        return len(old)

    # --- The operator ----------------------------------------------------------------------------

    def pause(self) -> None:
        self.room.open = False

    def open(self) -> None:
        self.room.open = True

    def set_pace(self, *, pace: int, capacity: int) -> None:
        self.room.pace, self.room.capacity = pace, capacity

    def change_sale(self, which: int, *, limit: int, closes: int) -> None:
        """The sale closes at ``closes``, in seconds of the clock."""
        schedule = self.schedules[which]
        # A seat held at the exact end of a sale was held a moment before it.
        late = schedule.last_held is not None and closes < schedule.last_held
        lowered = schedule.last_held is not None and limit < schedule.limit
        if schedule.cancelled or late or lowered:
            raise Refused("ValidationError")
        schedule.limit, schedule.closes = limit, closes

    def change_price(self, which: int, number: int, price: int) -> None:
        seat = self.seats[which, number]
        if seat.schedule.cancelled:
            raise Refused("ScheduleCancelled")
        if seat.state != "AVAILABLE":
            raise Refused("SeatTaken")
        seat.price = price

    def cancel_schedule(self, which: int, *, at_fault: bool) -> bool:
        schedule = self.schedules[which]
        if schedule.cancelled:
            return False
        schedule.cancelled_at, schedule.at_fault = self.now, at_fault
        return True

    def refund_cancelled(self) -> int:
        """How many seats were freed. Refunds are written in the order of the purchases."""
        freed = 0
        for schedule in self.schedules:
            ended = self._live(schedule) if schedule.cancelled else []
            for ticket in self.tickets:
                if ticket.reservation in ended:
                    self._give_back(ticket, self._full_refund(ticket.reservation))
            for reservation in ended:
                reservation.state = "CANCELLED"
                reservation.seat.change("AVAILABLE")
            freed += len(ended)
        return freed

    def look(self, user: int) -> list[Reservation]:
        """The buyer's own overdue holds are swept before the seat map is read."""
        mine = [reservation for reservation in self.reservations if reservation.user == user]
        self._expire([each.seat for each in mine if each.seat.reservation is each])
        return mine

    # --- What the audit must say -----------------------------------------------------------------

    def findings(self) -> Counter[str]:
        """The audit may find only the rows that still wait for a sweep."""
        overdue = [each for each in self.reservations if each.state == "HOLD"]
        long_ago = [
            reservation
            for schedule in self.schedules
            if schedule.cancelled_at is not None and self.now - schedule.cancelled_at >= HOUR
            for reservation in self._live(schedule)
        ]
        return +Counter(
            hold_overdue=sum(each.ends < self.now for each in overdue),
            cancelled_schedule_unfinished=len(long_ago),
        )
