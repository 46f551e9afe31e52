"""The judge: what the buyers were told against what the database holds. Knows neither SQL nor
HTTP.

Every acknowledged operation exists exactly once; one without an answer, or with one of 503, not at
all or once; one that was refused, never.
"""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from faults.truth import QueueEntry, Truth
from operations.load.recorder import Operation, Recorder

Thing = TypeVar("Thing")
FAR_AWAY = dt.datetime.max.replace(tzinfo=dt.UTC)
# What a buyer of this workload may be told; anything else is wrong.
REFUSALS = {
    "hold": {"seat_taken", "purchase_limit_exceeded", "queue_not_admitted", "too_many_requests"},
    "pay": {
        "already_cancelled",
        "already_paid",
        "hold_expired",
        "idempotency_in_flight",
        "insufficient_balance",
        "queue_not_admitted",
    },
    "cancel": {"already_cancelled", "idempotency_in_flight"},
    "charge": {"idempotency_in_flight"},
    "release": {"already_paid"},
}


@dataclass(frozen=True)
class Violation:
    """What is wrong, and the piece of the record that shows it."""

    what: str
    operations: Sequence[Operation] = ()

    def __str__(self) -> str:
        return "\n".join([self.what, *(f"    {each}" for each in self.operations)])


def check(recorder: Recorder, truth: Truth) -> list[Violation]:
    """Everything that is wrong; empty after a good round."""
    return [violation for judge in JUDGES for violation in judge(recorder, truth)]


def answers_are_honest(recorder: Recorder, truth: Truth) -> Iterator[Violation]:
    for each in recorder.operations:
        if each.status == 503 and not each.retry_after:
            yield Violation("an answer of 503 without Retry-After", [each])
        elif each.status >= 500 and each.status != 503:
            yield Violation(f"an answer of {each.status}", [each])
        elif 400 <= each.status < 500 and each.code not in REFUSALS.get(each.kind, ()):
            yield Violation(f"refused with {each.status} {each.code}", [each])


def one_key_has_one_answer(recorder: Recorder, truth: Truth) -> Iterator[Violation]:
    keyed = (each for each in recorder.operations if each.key and each.ok)
    for attempts in _grouped(keyed, lambda each: (each.user, each.key)).values():
        if len({each.body for each in attempts}) > 1:
            yield Violation("one key, two answers", attempts)


def holds_are_kept(recorder: Recorder, truth: Truth) -> Iterator[Violation]:
    attempts = _by_target(recorder.of("hold"), lambda each: each.about)
    found = Counter((each.user, each.seat) for each in truth.held)
    for wanted in attempts.keys() | found.keys():
        yield from _count(f"hold of seat {wanted[1]}", attempts[wanted], found[wanted])
    held = {each.id: each for each in truth.held}
    for each in filter(_is_ok, recorder.of("hold")):
        if any(told["id"] not in held for told in each.json["reservations"]):
            yield Violation("an acknowledged hold is lost", [each])


def releases_are_kept(recorder: Recorder, truth: Truth) -> Iterator[Violation]:
    status = {each.id: each.status for each in truth.held}
    for each in filter(_is_ok, recorder.of("release")):
        if status.get(each.about[0]) in ("HOLD", "CONFIRMED"):
            yield Violation("let go of, and still there", [each])


def payments_are_kept(recorder: Recorder, truth: Truth) -> Iterator[Violation]:
    attempts = _by_target(recorder.of("pay"), lambda each: each.about)
    paid = Counter((each.user, each.reservation) for each in truth.paid)
    sold = Counter((each.user, each.reservation) for each in truth.sold)
    for wanted in attempts.keys() | paid.keys() | sold.keys():
        yield from _effect("payment", attempts[wanted], paid[wanted])
        if paid[wanted] != sold[wanted]:
            what = f"{paid[wanted]} payments and {sold[wanted]} tickets for one reservation"
            yield Violation(what, attempts[wanted])
    tickets = {each.id for each in truth.sold}
    for each in recorder.of("pay"):
        if each.ok and any(ticket["id"] not in tickets for ticket in each.json["tickets"]):
            yield Violation("an acknowledged ticket is lost", [each])
        if each.code == "already_paid" and not any(paid[each.user, one] for one in each.about):
            yield Violation("told that it is paid, and it is not", [each])


def cancellations_are_kept(recorder: Recorder, truth: Truth) -> Iterator[Violation]:
    attempts = _by_target(recorder.of("cancel"), lambda each: each.about)
    refunded = Counter((each.user, each.ticket) for each in truth.refunded)
    cancelled = Counter((each.user, each.id) for each in truth.sold if each.status == "CANCELLED")
    for wanted in attempts.keys() | refunded.keys() | cancelled.keys():
        yield from _effect("refund", attempts[wanted], refunded[wanted])
        yield from _effect("cancelled ticket", attempts[wanted], cancelled[wanted])


def charges_are_kept(recorder: Recorder, truth: Truth) -> Iterator[Violation]:
    charged = [each for each in truth.charged if each.status == "SUCCESS"]
    found = Counter((each.user, each.key, each.amount) for each in charged)
    attempts = _grouped(recorder.of("charge"), lambda each: (each.user, each.key, each.about[0]))
    for wanted in attempts.keys() | found.keys():
        judge = _effect if wanted[1] else _count
        yield from judge("charge", attempts.get(wanted, []), found[wanted])
    ids = {each.id for each in charged}
    for each in filter(_is_ok, recorder.of("charge")):
        if each.json["id"] not in ids:
            yield Violation("an acknowledged charge is lost", [each])


def no_seat_is_sold_twice(recorder: Recorder, truth: Truth) -> Iterator[Violation]:
    valid = Counter(each.seat for each in truth.sold if each.status != "CANCELLED")
    for seat, times in valid.items():
        if times > 1:
            yield Violation(f"seat {seat} has {times} valid tickets")
    # And by what the buyers were told alone: a ticket is theirs until they ask to cancel it.
    given_up = {each.about[0] for each in recorder.of("cancel") if each.ok or each.unknown}
    owners: dict[int, dict[str, Operation]] = defaultdict(dict)
    for each in filter(_is_ok, recorder.of("pay")):
        for ticket in each.json["tickets"]:
            if ticket["id"] not in given_up:
                owners[ticket["seat_number"]][ticket["id"]] = each
    for seat, tickets in owners.items():
        if len(tickets) > 1:
            yield Violation(f"seat {seat} was sold {len(tickets)} times", list(tickets.values()))


def balances_add_up(recorder: Recorder, truth: Truth) -> Iterator[Violation]:
    expected = Counter(truth.opening)
    for charge in truth.charged:
        expected[charge.user] += charge.amount if charge.status == "SUCCESS" else 0
    for payment in truth.paid:
        expected[payment.user] -= payment.amount
    for refund in truth.refunded:
        expected[refund.user] += refund.amount
    for user in expected.keys() | truth.balances.keys():
        has = truth.balances.get(user, 0)
        if has != expected[user]:
            moved = recorder.of("charge", "pay", "cancel")
            theirs = [each for each in moved if each.user == user]
            yield Violation(f"a balance of {has:,} instead of {expected[user]:,}", theirs)


def no_position_is_lost(recorder: Recorder, truth: Truth) -> Iterator[Violation]:
    entries = {each.token: each for each in truth.entries}
    for each in filter(_is_ok, recorder.of("join", "poll")):
        told = each.json
        entry = entries.get(told["token"])
        if entry is None or (entry.user, entry.position) != (each.user, told["position"]):
            yield Violation("a place in line is lost, or another", [each])
    yield from _unwanted_endings(recorder, truth)


def _unwanted_endings(recorder: Recorder, truth: Truth) -> Iterator[Violation]:
    """Within a round no buyer is silent or inside for too long: each ends its own place."""
    left = {each.about[0] for each in recorder.of("leave") if each.ok or each.unknown}
    paid = {each.user for each in recorder.of("pay") if each.ok or each.unknown}
    for entry in truth.entries:
        if entry.left is None and entry.outcome:
            yield Violation(f"place {entry.position} ended as {entry.outcome} and goes on")
        if entry.left is None:
            continue
        wanted = {"LEFT": entry.token in left, "PAID": entry.user in paid}
        if not wanted.get(entry.outcome, False):
            yield Violation(f"place {entry.position} ended for nothing: {entry.outcome or 'lost'}")


def leaving_is_kept(recorder: Recorder, truth: Truth) -> Iterator[Violation]:
    there = {each.token for each in truth.entries if each.left is None}
    for each in filter(_is_ok, recorder.of("leave")):
        if each.about[0] in there:
            yield Violation("left, and still in line", [each])


def positions_are_kept(recorder: Recorder, truth: Truth) -> Iterator[Violation]:
    later_one_in = FAR_AWAY
    for entry in sorted(truth.entries, key=lambda each: each.position, reverse=True):
        out_of_line = entry.admitted or entry.left or FAR_AWAY
        if later_one_in < out_of_line:
            yield Violation(f"place {entry.position} was overtaken")
        later_one_in = min(later_one_in, entry.admitted or FAR_AWAY)


def joins_are_in_order(recorder: Recorder, truth: Truth) -> Iterator[Violation]:
    """A buyer who had a number before another asked for one is before the other."""
    joined = [each for each in recorder.of("join") if each.status == 201]
    done = sorted(joined, key=lambda each: each.ended)
    last: Operation | None = None
    for each in sorted(joined, key=lambda each: each.started):
        while done and done[0].ended < each.started:
            earlier = done.pop(0)
            if last is None or _position(earlier) > _position(last):
                last = earlier
        if last is not None and _position(last) > _position(each):
            yield Violation("joined later, and is before", [last, each])


def _position(joined: Operation) -> int:
    return int(joined.json["position"])


def capacity_is_kept(recorder: Recorder, truth: Truth) -> Iterator[Violation]:
    most = most_inside(truth.entries)
    if most > truth.capacity:
        yield Violation(f"{most} people inside at once, {truth.capacity} allowed")


def most_inside(entries: Iterable[QueueEntry]) -> int:
    moves = []
    for entry in entries:
        if entry.admitted is not None:
            # Who leaves at the very moment when another comes in leaves first.
            moves += [(entry.admitted, 1), (entry.left or FAR_AWAY, -1)]
    most = inside = 0
    for _moment, change in sorted(moves):
        inside += change
        most = max(most, inside)
    return most


def nothing_deadlocks(recorder: Recorder, truth: Truth) -> Iterator[Violation]:
    if truth.deadlocks:
        yield Violation(f"{truth.deadlocks} deadlocks")


JUDGES: list[Callable[[Recorder, Truth], Iterator[Violation]]] = [
    answers_are_honest,
    one_key_has_one_answer,
    holds_are_kept,
    releases_are_kept,
    payments_are_kept,
    cancellations_are_kept,
    charges_are_kept,
    no_seat_is_sold_twice,
    balances_add_up,
    no_position_is_lost,
    leaving_is_kept,
    positions_are_kept,
    joins_are_in_order,
    capacity_is_kept,
    nothing_deadlocks,
]


def _effect(name: str, attempts: Sequence[Operation], found: int) -> Iterator[Violation]:
    """The attempts have one effect between them, if any."""
    least = int(any(each.ok for each in attempts))
    most = int(any(each.ok or each.unknown for each in attempts))
    yield from _between(name, attempts, found, least, most)


def _count(name: str, attempts: Sequence[Operation], found: int) -> Iterator[Violation]:
    """Each attempt has an effect of its own."""
    least = sum(each.ok for each in attempts)
    most = sum(each.ok or each.unknown for each in attempts)
    yield from _between(name, attempts, found, least, most)


def _between(
    name: str, attempts: Sequence[Operation], found: int, least: int, most: int
) -> Iterator[Violation]:
    if not least <= found <= most:
        wanted = str(least) if least == most else f"{least} or {most}"
        yield Violation(f"{name}: {found} instead of {wanted}", attempts)


def _is_ok(operation: Operation) -> bool:
    return operation.ok


def _grouped(
    operations: Iterable[Operation], by: Callable[[Operation], Thing]
) -> dict[Thing, list[Operation]]:
    groups: dict[Thing, list[Operation]] = defaultdict(list)
    for each in operations:
        groups[by(each)].append(each)
    return groups


def _by_target(
    operations: Iterable[Operation], targets: Callable[[Operation], Iterable[Thing]]
) -> dict[tuple[str, Thing], list[Operation]]:
    """Attempts by user and each thing that they were about."""
    groups: dict[tuple[str, Thing], list[Operation]] = defaultdict(list)
    for each in operations:
        for target in targets(each):
            groups[each.user, target].append(each)
    return groups
