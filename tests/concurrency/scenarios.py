"""The scenarios of the interleaver: a sale, two to four concurrent calls, and the allowed endings.

An ending is the answer of each call, then the buyer of each seat, the status of the tickets and
whom they were handed to, and the balances. Every ending that is not listed is a violation. Each
ending must also be that of the same calls in a serial order that agrees with the played one: a call
that began after another had ended comes after it. ``in_between`` lists the exceptions. Seats cost
10,000 won. Their keys follow their numbers, so that locks are taken in the same order in every run.
"""

import datetime as dt
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest import mock

from django.contrib.contenttypes.models import ContentType

from accounts.models import User
from accounts.services import account_deletion
from accounts.services.account_deletion import erase_due_accounts, request_deletion
from accounts.services.charges import charge
from accounts.services.idempotency import IdempotentRequest
from concertbook.db.clock import database_now
from concertbook.db.group_commit import Retry
from concerts.models import ConcertSchedule, Seat
from payments.models import Ticket, TicketOffer
from payments.services.carts import PaymentRequest
from payments.services.checkout import begin_payment, pay, pay_reservations
from payments.services.holds import hold, hold_seats
from payments.services.locked_sale import HoldRequest
from payments.services.releases import release_expired_holds, release_reservation
from payments.services.schedule_cancellation import cancel_schedule, refund_cancelled_schedules
from payments.services.ticket_cancellation import cancel_ticket
from payments.services.ticket_moves import move_ticket
from payments.services.ticket_offers import accept_offer, offer_ticket, withdraw_offer
from queueing.models import QueueToken
from queueing.services.join_and_leave import leave
from tests.concurrency.interleaver import Played, advance_clock
from tests.concurrency.threads import Call
from tests.factories import (
    PASSWORD,
    ScheduleFactory,
    StaffFactory,
    UserFactory,
    admitted,
    bought,
    held,
    scanned,
)

PRICE = 10_000
CLOCK = "clock"
# Sweeps skip locked rows, for the next sweep: they may appear to run too early.
SWEEPS = {"sweep", "other sweep", "refunds"}
# Just past the end of a hold, and well before the end of the admission.
HOLDS_END = {CLOCK: partial(advance_clock, seconds=301)}


@dataclass(frozen=True)
class Scenario:
    """``calls`` by name, with the clock's where time passes; ``endings`` as in the module's
    docstring, and ``in_between`` those of them that no serial order has."""

    calls: Mapping[str, Call]
    endings: frozenset[str]
    in_between: frozenset[str]


def ending_of(played: Played) -> str:
    """A play's ending as the scenarios write it."""
    answers = [_word(each) for name, each in played.outcomes.items() if name != CLOCK]
    return f"{', '.join(answers)} | {played.ending}"


def _word(outcome: Any) -> str:
    plain = outcome is None or isinstance(outcome, int | str)
    return str(outcome) if plain else type(outcome).__name__


def _scenario(calls: Mapping[str, Call], *endings: str, in_between: Sequence[str] = ()) -> Scenario:
    return Scenario(calls, frozenset([*endings, *in_between]), frozenset(in_between))


def _schedule(seats: int, **options: Any) -> Any:
    schedule = ScheduleFactory(price=PRICE, seats=0, doors_open=True, **options)
    Seat.objects.bulk_create(
        Seat(
            pk=uuid.UUID(int=n),
            schedule=schedule,
            number=n,
            seat_in_row=n,
            label=str(n),
            price=PRICE,
        )
        for n in range(1, seats + 1)
    )
    return schedule


def _person(name: str, *, won: int = 0, inside: Any = None) -> Any:
    user: Any = UserFactory(name=name, won=won)
    if inside is not None:
        admitted(user, inside)
    return user


def _holding(user: Any, schedule: Any, *numbers: int) -> Call:
    return partial(hold_seats, user=user, schedule_id=schedule.pk, numbers=numbers)


def _paying(reservation: Any) -> Call:
    return partial(pay_reservations, user=reservation.user, reservation_ids=[reservation.pk])


def _holding_in_a_group(schedule: Any, wanted: Mapping[Any, Sequence[int]]) -> Call:
    """Holds of several people in one group commit, as on the fast path."""
    tokens = {token.user_id: token.pk for token in QueueToken.objects.all()}
    return _all_of(
        hold,
        [HoldRequest(user, schedule.pk, seats, tokens[user.pk]) for user, seats in wanted.items()],
    )


def _paying_in_a_group(*reservations: Any) -> Call:
    requests = [
        PaymentRequest(
            each.user,
            [each.pk],
            IdempotentRequest(
                user=each.user, key="key", request_hash="pay", render=lambda receipt: b"paid"
            ),
        )
        for each in reservations
    ]
    return _all_of(pay, requests)


def _all_of(do_all: Callable[..., Sequence[Any]], requests: Sequence[Any]) -> Call:
    """All requests in one transaction, and each that answers Retry again alone, waiting."""

    def do() -> str:
        return "+".join(
            _word(do_all([request], wait=True)[0] if isinstance(outcome, Retry) else outcome)
            for request, outcome in zip(requests, do_all(requests), strict=True)
        )

    return do


def _leaving(user: Any) -> Call:
    token = QueueToken.objects.get(user=user).pk
    return partial(leave, user=user, token=token)


def _letting_go(reservation: Any) -> Call:
    return partial(release_reservation, user=reservation.user, reservation_id=reservation.pk)


def _cancelling(ticket: Any) -> Call:
    return partial(cancel_ticket, user=ticket.user, ticket_id=ticket.pk)


def _scanning(ticket: Any) -> Call:
    staff: Any = StaffFactory()
    return partial(scanned, ticket, by=staff)


def _cancelling_all(schedule: Any) -> Call:
    operator: Any = StaffFactory()
    return partial(cancel_schedule, schedule_id=schedule.pk, by=operator)


def _offered(ticket: Any, to: Any) -> TicketOffer:
    return offer_ticket(user=ticket.user, ticket_id=ticket.pk, email=to.email)


def _accepting(offer: TicketOffer, user: Any) -> Call:
    return partial(accept_offer, user=user, offer_id=offer.pk)


# --- Two ----------------------------------------------------------------------------------------


def hold_and_hold() -> Scenario:
    """Two people want seats that overlap, and name them in opposite order."""
    schedule = _schedule(3)
    a, b = (_person(name, inside=schedule) for name in "ab")
    return _scenario(
        {"hold": _holding(a, schedule, 2, 1), "other hold": _holding(b, schedule, 3, 2)},
        "list, SeatTaken | a holds, a holds, free",
        "SeatTaken, list | free, b holds, b holds",
    )


def hold_and_hold_of_one_person() -> Scenario:
    """One person, in two windows, wants one seat each; the limit is one."""
    schedule = _schedule(2, purchase_limit=1)
    a = _person("a", inside=schedule)
    return _scenario(
        {"hold": _holding(a, schedule, 1), "other hold": _holding(a, schedule, 2)},
        "list, PurchaseLimitExceeded | a holds, free",
        "PurchaseLimitExceeded, list | free, a holds",
    )


def hold_and_expire() -> Scenario:
    """Another buyer's hold of the wanted seat expires."""
    schedule = _schedule(1)
    held(_person("o"), schedule, 1)
    a = _person("a", inside=schedule)
    return _scenario(
        {"hold": _holding(a, schedule, 1), "sweep": release_expired_holds, **HOLDS_END},
        # The hold was refused before the expiry, and no sweep ran after it.
        "SeatTaken, 0 | o holds",
        "SeatTaken, 1 | free",
        "list, 0 | a holds",
        "list, 1 | a holds",
    )


def pay_and_expire() -> Scenario:
    """A hold ends while it is paid."""
    (reservation,) = held(_person("a", won=50_000), _schedule(1), 1)
    return _scenario(
        {"pay": _paying(reservation), "sweep": release_expired_holds, **HOLDS_END},
        "Receipt, 0 | a owns | issued | 40000",
        "HoldExpired, 0 | free | 50000",
        "HoldExpired, 1 | free | 50000",
    )


def pay_and_cancel() -> Scenario:
    """The money for one seat comes from cancelling another."""
    reservation, paid = held(_person("a", won=PRICE), _schedule(2), 1, 2)
    (ticket,) = _paying(paid)().tickets
    return _scenario(
        {"pay": _paying(reservation), "cancel": _cancelling(ticket)},
        "Receipt, Refund | a owns, free | issued, cancelled | 0",
        "InsufficientBalance, Refund | a holds, free | cancelled | 10000",
    )


def pay_and_let_go() -> Scenario:
    """One window pays, the other releases."""
    (reservation,) = held(_person("a", won=PRICE), _schedule(1), 1)
    return _scenario(
        {"pay": _paying(reservation), "let go": _letting_go(reservation)},
        "Receipt, AlreadyPaid | a owns | issued | 0",
        "AlreadyCancelled, None | free | 10000",
    )


def pay_and_leave() -> Scenario:
    """A buyer pays a held seat, and gives up the turn in another window."""
    (reservation,) = held(_person("a", won=PRICE), _schedule(1), 1)
    return _scenario(
        {"pay": _paying(reservation), "leave": _leaving(reservation.user)},
        "Receipt, None | a owns | issued | 0",
        "AlreadyCancelled, None | free | 10000",
    )


def hold_and_leave() -> Scenario:
    """A buyer holds a seat, and gives up the turn in another window."""
    schedule = _schedule(1)
    a = _person("a", inside=schedule)
    return _scenario(
        {"hold": _holding(a, schedule, 1), "leave": _leaving(a)},
        "list, None | free",
        "QueueNotAdmitted, None | free",
    )


def cancel_and_check_in() -> Scenario:
    """A ticket is checked in, and cancelled in another window."""
    (ticket,) = bought(_person("a", won=PRICE), _schedule(1), 1).tickets
    return _scenario(
        {"cancel": _cancelling(ticket), "check in": _scanning(ticket)},
        "Refund, AlreadyCancelled | free | cancelled | 10000",
        "TicketUsed, CheckIn | a owns | used | 0",
    )


def _gift(*, receivers_won: int = PRICE, **options: Any) -> tuple[Any, Any, Call]:
    """A ticket of seat 1, its receiver, and the receiver's acceptance of it."""
    (ticket,) = bought(_person("a", won=PRICE), _schedule(2, **options), 1).tickets
    b = _person("b", won=receivers_won)
    return ticket, b, _accepting(_offered(ticket, b), b)


def accept_and_accept() -> Scenario:
    """Two tickets are offered to one person, whose limit is one."""
    ticket, b, accepting = _gift(purchase_limit=1)
    (other,) = bought(_person("c", won=PRICE), ticket.reservation.schedule, 2).tickets
    return _scenario(
        {"accept": accepting, "other accept": _accepting(_offered(other, b), b)},
        "Ticket, TooManyTickets | a owns, c owns | issued to b, issued | 0, 10000, 0",
        "TooManyTickets, Ticket | a owns, c owns | issued, issued to b | 0, 10000, 0",
    )


def accept_and_hold() -> Scenario:
    """A person accepts a ticket and holds a seat; the limit is one."""
    ticket, b, accepting = _gift(purchase_limit=1)
    admitted(b, ticket.reservation.schedule)
    return _scenario(
        {"accept": accepting, "hold": _holding(b, ticket.reservation.schedule, 2)},
        "Ticket, PurchaseLimitExceeded | a owns, free | issued to b | 0, 10000",
        "TooManyTickets, list | a owns, b holds | issued | 0, 10000",
    )


def accept_and_join_and_hold() -> Scenario:
    """As before, by a person who joins the line meanwhile: the acceptance finds no token."""
    ticket, b, accepting = _gift(purchase_limit=1)
    schedule = ticket.reservation.schedule

    def join_and_hold() -> Any:
        admitted(b, schedule)
        return _holding(b, schedule, 2)()

    return _scenario(
        {"accept": accepting, "hold": join_and_hold},
        "Ticket, PurchaseLimitExceeded | a owns, free | issued to b | 0, 10000",
        "TooManyTickets, list | a owns, b holds | issued | 0, 10000",
    )


def accept_and_withdraw() -> Scenario:
    """An offer is accepted and withdrawn."""
    ticket, _b, accepting = _gift()
    withdrawing = partial(withdraw_offer, user=ticket.user, ticket_id=ticket.pk)
    return _scenario(
        {"accept": accepting, "withdraw": withdrawing},
        "Ticket, NotFound | a owns, free | issued to b | 0, 10000",
        "OfferOver, TicketOffer | a owns, free | issued | 0, 10000",
    )


def accept_and_cancel() -> Scenario:
    """An offered ticket is accepted, and cancelled by its buyer."""
    ticket, _b, accepting = _gift()
    return _scenario(
        {"accept": accepting, "cancel": _cancelling(ticket)},
        "Ticket, NotFound | a owns, free | issued to b | 0, 10000",
        "OfferOver, Refund | free, free | cancelled | 10000, 10000",
    )


def _moving(ticket: Any, to: int) -> Call:
    actor: Any = StaffFactory()
    # The log's kind of its target is cached beyond a play.
    ContentType.objects.get_for_model(Ticket)
    return partial(move_ticket, actor=actor, ticket_id=ticket.pk, to=str(to), reason="broken")


def move_and_hold() -> Scenario:
    """A ticket is moved to a seat that another buyer wants."""
    schedule = _schedule(2)
    (ticket,) = bought(_person("a", won=PRICE), schedule, 1).tickets
    b = _person("b", inside=schedule)
    return _scenario(
        {"move": _moving(ticket, 2), "hold": _holding(b, schedule, 2)},
        "TicketMove, SeatTaken | free, a owns | issued | 0",
        "SeatTaken, list | a owns, b holds | issued | 0",
    )


def move_and_check_in() -> Scenario:
    """A ticket is moved while it is checked in by the code that ends with the move."""
    (ticket,) = bought(_person("a", won=PRICE), _schedule(2), 1).tickets
    return _scenario(
        {"move": _moving(ticket, 2), "check in": _scanning(ticket)},
        "TicketMove, CodeEnded | free, a owns | issued | 0",
        "TicketUsed, CheckIn | a owns, free | used | 0",
    )


def move_and_cancel() -> Scenario:
    """A ticket is moved by the staff, and cancelled by its buyer."""
    (ticket,) = bought(_person("a", won=PRICE), _schedule(2), 1).tickets
    return _scenario(
        {"move": _moving(ticket, 2), "cancel": _cancelling(ticket)},
        "TicketMove, Refund | free, free | cancelled | 10000",
        "AlreadyCancelled, Refund | free, free | cancelled | 10000",
        # The cancellation had read where the ticket was.
        in_between=["TicketMove, StaleTicket | free, a owns | issued | 0"],
    )


def _deleting(user: Any, *, give_up: int = 0) -> Call:
    def do() -> Any:
        # The limit of attempts counts in Redis, which no play restores.
        with mock.patch.object(account_deletion, "take"):
            return request_deletion(user=user, password=PASSWORD, give_up=give_up)

    return do


def delete_and_accept() -> Scenario:
    """A person accepts a ticket, and asks for the end of the account in another window."""
    _ticket, b, accepting = _gift(receivers_won=0)
    return _scenario(
        {"delete": _deleting(b), "accept": accepting},
        # The deletion makes b's balance, unless it is refused.
        "AccountInUse, Ticket | a owns, free | issued to b | 0",
        "datetime, AccountClosing | a owns, free | issued | 0, 0",
    )


def delete_and_charge() -> Scenario:
    """A person tops up, and asks for the end of the account in another window."""
    _schedule(1)
    a = _person("a")
    return _scenario(
        {"delete": _deleting(a), "charge": partial(charge, user=a, amount=PRICE)},
        "AccountInUse, BalanceHistory | free | 10000",
        "datetime, AccountClosing | free | 0",
    )


def delete_and_pay() -> Scenario:
    """A hold ends while it is paid, and its buyer gives the money up in another window."""
    (reservation,) = held(_person("a", won=PRICE), _schedule(1), 1)
    return _scenario(
        {
            "delete": _deleting(reservation.user, give_up=PRICE),
            "pay": _paying(reservation),
            **HOLDS_END,
        },
        "AccountInUse, Receipt | a owns | issued | 0",
        "AccountInUse, HoldExpired | free | 10000",
        "datetime, HoldExpired | free | 0",
    )


def erase_and_refund() -> Scenario:
    """The days of grace are over, while a show that was cancelled after its end is refunded."""
    schedule = _schedule(1)
    (ticket,) = bought(_person("a", won=PRICE), schedule, 1).tickets
    now, moment = database_now(), dt.timedelta(microseconds=1)
    ConcertSchedule.objects.filter(pk=schedule.pk).update(
        reserve_until=now, start_at=now + moment, end_at=now + 2 * moment
    )
    _cancelling_all(schedule)()
    User.objects.filter(pk=ticket.user_id).update(closes_at=now)
    return _scenario(
        {"erase": erase_due_accounts, "refunds": refund_cancelled_schedules},
        "0, 1 | free | cancelled | 10000",
    )


def charge_and_pay() -> Scenario:
    """A charge brings the money that the payment needs."""
    return _charge_and_pay(_person("a", won=5_000), missing=5_000)


def charge_and_pay_of_a_newcomer() -> Scenario:
    """As before, by a user who never charged: the balance does not exist yet."""
    return _charge_and_pay(_person("a"), missing=PRICE)


def _charge_and_pay(user: Any, *, missing: int) -> Scenario:
    (reservation,) = held(user, _schedule(1), 1)
    return _scenario(
        {
            "charge": partial(charge, user=user, amount=missing),
            "pay": _paying(reservation),
        },
        "BalanceHistory, Receipt | a owns | issued | 0",
        "BalanceHistory, InsufficientBalance | a holds | 10000",
    )


def hold_group_and_hold() -> Scenario:
    """Two buyers' holds in one group commit, and a third buyer wants one of their seats."""
    schedule = _schedule(3)
    a, b, c = (_person(name, inside=schedule) for name in "abc")
    return _scenario(
        {
            "group": _holding_in_a_group(schedule, {a: [1], b: [2]}),
            "hold": _holding(c, schedule, 3, 2),
        },
        "list+list, SeatTaken | a holds, b holds, free",
        "list+SeatTaken, list | a holds, c holds, c holds",
    )


def hold_group_and_hold_group() -> Scenario:
    """Group commits of two servers, and one buyer in both of them; the limit is one."""
    schedule = _schedule(3, purchase_limit=1)
    a, b, c = (_person(name, inside=schedule) for name in "abc")
    return _scenario(
        {
            "group": _holding_in_a_group(schedule, {a: [1], b: [2]}),
            "other group": _holding_in_a_group(schedule, {c: [2], a: [3]}),
        },
        "list+list, SeatTaken+PurchaseLimitExceeded | a holds, b holds, free",
        "PurchaseLimitExceeded+SeatTaken, list+list | free, c holds, a holds",
        in_between=[
            # Each group is first for one of the seats.
            "list+SeatTaken, list+PurchaseLimitExceeded | a holds, c holds, free",
            "PurchaseLimitExceeded+list, SeatTaken+list | free, b holds, a holds",
        ],
    )


def pay_group_and_pay() -> Scenario:
    """Two buyers' payments in one group commit, and one of them pays in another window too."""
    schedule = _schedule(2)
    (one,) = held(_person("a", won=PRICE), schedule, 1)
    (other,) = held(_person("b", won=PRICE), schedule, 2)
    return _scenario(
        {"group": _paying_in_a_group(one, other), "pay": _paying(other)},
        "Receipt+Receipt, AlreadyPaid | a owns, b owns | issued, issued | 0, 0",
        "Receipt+AlreadyPaid, Receipt | a owns, b owns | issued, issued | 0, 0",
    )


def pay_group_and_expire() -> Scenario:
    """Two buyers' holds expire while they are paid in one group commit."""
    schedule = _schedule(2)
    holds = [held(_person(name, won=PRICE), schedule, n)[0] for n, name in enumerate("ab", 1)]
    return _scenario(
        {"group": _paying_in_a_group(*holds), "sweep": release_expired_holds, **HOLDS_END},
        "Receipt+Receipt, 0 | a owns, b owns | issued, issued | 0, 0",
        "HoldExpired+HoldExpired, 0 | free, free | 10000, 10000",
        "HoldExpired+HoldExpired, 2 | free, free | 10000, 10000",
    )


# --- Three ---------------------------------------------------------------------------------------


def hold_and_hold_and_expire() -> Scenario:
    """Two people wait for a hold to end, one of them with a free seat besides."""
    schedule = _schedule(2)
    held(_person("o"), schedule, 1)
    a, b = (_person(name, inside=schedule) for name in "ab")
    return _scenario(
        {
            "hold": _holding(a, schedule, 1),
            "other hold": _holding(b, schedule, 2, 1),
            "sweep": release_expired_holds,
            **HOLDS_END,
        },
        *(f"list, SeatTaken, {swept} | a holds, free" for swept in (0, 1)),
        *(f"SeatTaken, list, {swept} | b holds, b holds" for swept in (0, 1)),
        "SeatTaken, SeatTaken, 1 | free, free",
        "SeatTaken, SeatTaken, 0 | o holds, free",
    )


def pay_and_expire_and_let_go() -> Scenario:
    """A hold expires, while one window pays it and the other releases it."""
    (reservation,) = held(_person("a", won=50_000), _schedule(1), 1)
    return _scenario(
        {
            "pay": _paying(reservation),
            "let go": _letting_go(reservation),
            "sweep": release_expired_holds,
            **HOLDS_END,
        },
        "Receipt, AlreadyPaid, 0 | a owns | issued | 40000",
        "AlreadyCancelled, None, 0 | free | 50000",
        "HoldExpired, None, 0 | free | 50000",
        "HoldExpired, None, 1 | free | 50000",
    )


def pay_and_expire_and_begin_to_pay() -> Scenario:
    """A hold ends, unless it is extended in time because its payment begins."""
    (reservation,) = held(_person("a", won=50_000), _schedule(1), 1)
    begin = partial(begin_payment, user=reservation.user, reservation_ids=[reservation.pk])
    return _scenario(
        {
            "begin": begin,
            "pay": _paying(reservation),
            "sweep": release_expired_holds,
            **HOLDS_END,
        },
        "datetime, Receipt, 0 | a owns | issued | 40000",
        "AlreadyPaid, Receipt, 0 | a owns | issued | 40000",
        "HoldExpired, HoldExpired, 0 | free | 50000",
        "HoldExpired, HoldExpired, 1 | free | 50000",
    )


def charge_and_pay_and_pay() -> Scenario:
    """Money for one of two seats, and a charge for the other."""
    one, other = held(_person("a", won=PRICE), _schedule(2), 1, 2)
    return _scenario(
        {
            "charge": partial(charge, user=one.user, amount=PRICE),
            "pay": _paying(one),
            "other pay": _paying(other),
        },
        "BalanceHistory, Receipt, Receipt | a owns, a owns | issued, issued | 0",
        "BalanceHistory, Receipt, InsufficientBalance | a owns, a holds | issued | 10000",
        "BalanceHistory, InsufficientBalance, Receipt | a holds, a owns | issued | 10000",
    )


# --- Four ----------------------------------------------------------------------------------------


def pay_and_pay_and_expire_and_expire() -> Scenario:
    """A double click at the last moment, and two beats that both sweep."""
    (reservation,) = held(_person("a", won=50_000), _schedule(1), 1)
    return _scenario(
        {
            "pay": _paying(reservation),
            "pay again": _paying(reservation),
            "sweep": release_expired_holds,
            "other sweep": release_expired_holds,
            **HOLDS_END,
        },
        "Receipt, AlreadyPaid, 0, 0 | a owns | issued | 40000",
        "AlreadyPaid, Receipt, 0, 0 | a owns | issued | 40000",
        "HoldExpired, HoldExpired, 0, 0 | free | 50000",
        "HoldExpired, HoldExpired, 1, 0 | free | 50000",
        "HoldExpired, HoldExpired, 0, 1 | free | 50000",
    )


def two_cancel_and_two_check_in() -> Scenario:
    """One ticket, checked in twice and cancelled twice."""
    (ticket,) = bought(_person("a", won=PRICE), _schedule(1), 1).tickets
    calls = {
        "cancel": _cancelling(ticket),
        "cancel again": _cancelling(ticket),
        "check in": _scanning(ticket),
        "other check in": _scanning(ticket),
    }
    given_back, let_in = "free | cancelled | 10000", "a owns | used | 0"
    return _scenario(
        calls,
        *_one_wins("Refund", "AlreadyCancelled", place=0, of=4, then=given_back),
        *_one_wins("Refund", "AlreadyCancelled", place=1, of=4, then=given_back),
        *_one_wins("CheckIn", "TicketUsed", place=2, of=4, then=let_in),
        *_one_wins("CheckIn", "TicketUsed", place=3, of=4, then=let_in),
    )


def _one_wins(won: str, lost: str, *, place: int, of: int, then: str) -> Iterable[str]:
    answers = [lost] * of
    answers[place] = won
    yield f"{', '.join(answers)} | {then}"


def schedule_cancelled_and_hold_and_pay() -> Scenario:
    """A whole schedule is cancelled and swept, while one person pays and another one holds."""
    schedule = _schedule(2)
    (reservation,) = held(_person("a", won=PRICE), schedule, 1)
    b = _person("b", inside=schedule)
    # The answer, how many of this seat's live reservations the sweep ended, and what is left.
    payments = [
        ("Receipt", 0, "a owns", "issued | 0"),
        ("Receipt", 1, "free", "cancelled | 10000"),
        ("ScheduleCancelled", 0, "a holds", "10000"),
        ("ScheduleCancelled", 1, "free", "10000"),
    ]
    holds = [("list", 0, "b holds"), ("list", 1, "free")]
    refusal = ("ScheduleCancelled", 0, "free")

    def ending(payment: tuple[str, int, str, str], hold: tuple[str, int, str]) -> str:
        paid, ended, seat, money = payment
        taken, other_ended, other_seat = hold
        return f"True, {ended + other_ended}, {paid}, {taken} | {seat}, {other_seat} | {money}"

    return _scenario(
        {
            "operator": _cancelling_all(schedule),
            "refunds": refund_cancelled_schedules,
            "pay": _paying(reservation),
            "hold": _holding(b, schedule, 2),
        },
        *(ending(payment, refusal) for payment in payments),
        *(ending(each, hold) for each in payments for hold in holds if each[1] == hold[1]),
        # One of the two seats was locked: the next sweep frees it.
        in_between=[
            ending(each, hold) for each in payments for hold in holds if each[1] != hold[1]
        ],
    )


def schedule_cancelled_and_cancel_and_check_in() -> Scenario:
    """A schedule is cancelled and swept, while one of its tickets is checked in and cancelled."""
    schedule = _schedule(1)
    (ticket,) = bought(_person("a", won=PRICE), schedule, 1).tickets
    given_back = "free | cancelled | 10000"
    return _scenario(
        {
            "operator": _cancelling_all(schedule),
            "refunds": refund_cancelled_schedules,
            "cancel": _cancelling(ticket),
            "check in": _scanning(ticket),
        },
        f"True, 0, Refund, AlreadyCancelled | {given_back}",
        f"True, 1, AlreadyCancelled, AlreadyCancelled | {given_back}",
        # Checked in, and then refunded: in a cancelled schedule every ticket is.
        f"True, 1, AlreadyCancelled, CheckIn | {given_back}",
        f"True, 1, TicketUsed, CheckIn | {given_back}",
        "True, 0, TicketUsed, CheckIn | a owns | used | 0",
    )


def two_accept_and_withdraw_and_check_in() -> Scenario:
    """One offer is accepted in two windows and withdrawn, and its ticket checked in by its code."""
    ticket, _b, accepting = _gift()
    return _scenario(
        {
            "accept": accepting,
            "accept again": accepting,
            "withdraw": partial(withdraw_offer, user=ticket.user, ticket_id=ticket.pk),
            "check in": _scanning(ticket),
        },
        "Ticket, Ticket, NotFound, CodeEnded | a owns, free | issued to b | 0, 10000",
        "OfferOver, OfferOver, TicketOffer, CheckIn | a owns, free | used | 0, 10000",
        "OfferOver, OfferOver, NotFound, CheckIn | a owns, free | used | 0, 10000",
    )


def schedule_cancelled_and_accept() -> Scenario:
    """A schedule is cancelled and swept, while one of its tickets is accepted."""
    ticket, _b, accepting = _gift()
    calls = {
        "operator": _cancelling_all(ticket.reservation.schedule),
        "refunds": refund_cancelled_schedules,
        "accept": accepting,
    }
    return _scenario(
        calls,
        # The buyer is refunded in every order.
        "True, 1, Ticket | free, free | cancelled to b | 10000, 10000",
        "True, 1, ScheduleCancelled | free, free | cancelled | 10000, 10000",
        "True, 1, OfferOver | free, free | cancelled | 10000, 10000",
        "True, 0, Ticket | a owns, free | issued to b | 0, 10000",
        "True, 0, ScheduleCancelled | a owns, free | issued | 0, 10000",
    )


SCENARIOS: tuple[Callable[[], Scenario], ...] = (
    hold_and_hold,
    hold_and_hold_of_one_person,
    hold_and_expire,
    pay_and_expire,
    pay_and_cancel,
    pay_and_let_go,
    pay_and_leave,
    hold_and_leave,
    cancel_and_check_in,
    charge_and_pay,
    charge_and_pay_of_a_newcomer,
    accept_and_accept,
    accept_and_hold,
    accept_and_join_and_hold,
    accept_and_withdraw,
    accept_and_cancel,
    move_and_hold,
    move_and_check_in,
    move_and_cancel,
    delete_and_accept,
    delete_and_charge,
    delete_and_pay,
    erase_and_refund,
    hold_group_and_hold,
    hold_group_and_hold_group,
    pay_group_and_pay,
    pay_group_and_expire,
    hold_and_hold_and_expire,
    pay_and_expire_and_let_go,
    pay_and_expire_and_begin_to_pay,
    charge_and_pay_and_pay,
    pay_and_pay_and_expire_and_expire,
    two_cancel_and_two_check_in,
    schedule_cancelled_and_hold_and_pay,
    schedule_cancelled_and_cancel_and_check_in,
    two_accept_and_withdraw_and_check_in,
    schedule_cancelled_and_accept,
)
