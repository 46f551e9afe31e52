"""The judge of `make faults` can say no: made-up records, each with one thing wrong.

And its traps snap where they should, and nowhere else.
"""

import datetime as dt
import json
from dataclasses import replace

import pytest

from faults.checker import check
from faults.traps import COMMIT, Watch
from faults.truth import Charged, Held, Paid, QueueEntry, Refunded, Sold, Truth
from operations.load.recorder import Operation, Recorder

NOW = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
PRICE = 50_000


def seconds(number):
    return NOW + dt.timedelta(seconds=number)


def did(kind, at, *about, user="ann", status=201, key="", code="", retry_after="", **body):
    """One attempt that took a tenth of a second."""
    return Operation(
        kind=kind,
        user=user,
        started=at,
        ended=at + 0.1,
        about=about,
        key=key,
        status=status,
        code=code,
        headers={"retry-after": retry_after},
        body=json.dumps(body).encode() if status in (200, 201) else b"",
    )


def joined(at, token, position, user="ann"):
    return did("join", at, user=user, token=token, position=position)


def held(at, seat, reservation, user="ann", **facts):
    return did("hold", at, seat, user=user, reservations=[{"id": reservation}], **facts)


def paid(at, reservation, ticket, seat, user="ann", **facts):
    tickets = [{"id": ticket, "seat_number": seat}]
    return did(
        "pay", at, reservation, user=user, key=f"key-{reservation}", tickets=tickets, **facts
    )


# Ann charges, joins, holds seat 7, pays, and cancels; Bob joins after her and waits.
GOOD = [
    did("charge", 0.0, PRICE, key="money", id="c1"),
    joined(1.0, "t1", 1),
    joined(2.0, "t2", 2, user="bob"),
    held(3.0, 7, "r1"),
    paid(4.0, "r1", "k1", 7),
    did("cancel", 5.0, "k1", key="back", status=200),
]
ANN_INSIDE = QueueEntry("t1", "ann", 1, "EXPIRED", seconds(1), seconds(4), "PAID")
BOB_WAITS = QueueEntry("t2", "bob", 2, "WAITING")
TRUTH = Truth(
    capacity=1,
    opening={"ann": 10, "bob": 0},
    balances={"ann": 10 + PRICE - PRICE + 40_000, "bob": 0},
    held=[Held("r1", "ann", 7, "CANCELLED")],
    paid=[Paid("p1", "ann", "r1", PRICE)],
    sold=[Sold("k1", "ann", "r1", 7, "CANCELLED")],
    refunded=[Refunded("k1", "ann", 40_000)],
    charged=[Charged("c1", "ann", "money", PRICE, "SUCCESS")],
    entries=[ANN_INSIDE, BOB_WAITS],
)


def wrongs(operations=GOOD, **facts):
    """What the judge says of the good round, but for these operations and facts."""
    return [each.what for each in check(Recorder(list(operations)), replace(TRUTH, **facts))]


def without_answer(operation, status=0):
    headers = {"retry-after": "2"} if status == 503 else {}
    return replace(operation, status=status, body=b"", headers=headers)


def swapped(old, new):
    return [new if each is old else each for each in GOOD]


CHARGE, JOIN, BOBS_JOIN, HOLD, PAY, CANCEL = GOOD


def test_a_good_round_has_nothing_wrong():
    assert wrongs() == []


# --- A time-out means not at all or once ---------------------------------------------------------


@pytest.mark.parametrize("status", [0, 503])
@pytest.mark.parametrize("operation", GOOD[:1] + GOOD[3:], ids=lambda each: each.kind)
def test_a_request_without_an_answer_may_have_had_an_effect(operation, status):
    assert wrongs(swapped(operation, without_answer(operation, status))) == []


def test_a_request_without_an_answer_may_have_had_no_effect():
    silent = [CHARGE, JOIN, BOBS_JOIN, HOLD, without_answer(PAY)]
    entry = QueueEntry("t1", "ann", 1, "ACTIVE", seconds(1))
    nothing_paid = {"paid": [], "sold": [], "refunded": [], "entries": [entry, BOB_WAITS]}

    assert wrongs(silent, **nothing_paid, balances={"ann": 10 + PRICE, "bob": 0}) == []


def test_a_payment_without_an_answer_may_not_have_happened_twice():
    twice = [*TRUTH.paid, Paid("p2", "ann", "r1", PRICE)]

    assert "payment: 2 instead of 0 or 1" in wrongs(swapped(PAY, without_answer(PAY)), paid=twice)


def test_an_answer_that_came_at_the_second_attempt_counts_once():
    assert wrongs([*GOOD[:4], without_answer(replace(PAY, started=3.5)), *GOOD[4:]]) == []


# --- Acknowledged, and lost ----------------------------------------------------------------------


def test_an_acknowledged_charge_that_is_lost():
    found = wrongs(charged=[], balances={"ann": 10 - PRICE + 40_000, "bob": 0})

    assert found == ["charge: 0 instead of 1", "an acknowledged charge is lost"]


def test_an_acknowledged_charge_without_a_key_that_is_there_twice():
    charge = replace(CHARGE, key="")
    twice = [Charged(name, "ann", "", PRICE, "SUCCESS") for name in ("c1", "c2")]
    balances = {"ann": 10 + 2 * PRICE - PRICE + 40_000, "bob": 0}

    assert wrongs(swapped(CHARGE, charge), charged=twice, balances=balances) == [
        "charge: 2 instead of 1"
    ]


def test_an_acknowledged_hold_that_is_lost():
    assert "an acknowledged hold is lost" in wrongs(held=[])
    assert "hold of seat 7: 0 instead of 1" in wrongs(held=[])


def test_an_acknowledged_payment_that_is_lost():
    assert "payment: 0 instead of 1" in wrongs(paid=[])


def test_an_acknowledged_ticket_that_is_lost():
    other = [Sold("k9", "ann", "r1", 7, "CANCELLED")]

    assert "an acknowledged ticket is lost" in wrongs(sold=other)
    assert "1 payments and 0 tickets for one reservation" in wrongs(sold=[])


def test_an_acknowledged_refund_that_is_lost_or_there_twice():
    assert "refund: 0 instead of 1" in wrongs(refunded=[])
    assert "refund: 2 instead of 1" in wrongs(refunded=TRUTH.refunded * 2)


def test_an_acknowledged_release_that_is_lost():
    release = did("release", 3.5, "r2", status=204)
    hold = held(3.2, 8, "r2")
    kept = [*TRUTH.held, Held("r2", "ann", 8, "HOLD")]

    assert wrongs([*GOOD, hold, release], held=kept) == ["let go of, and still there"]


# --- Effects without a request --------------------------------------------------------------------


def test_an_effect_of_a_refused_request():
    refused = replace(PAY, status=410, code="hold_expired", body=b"")

    found = wrongs(swapped(PAY, refused))

    assert "payment: 1 instead of 0" in found


def test_a_charge_without_a_request():
    extra = [*TRUTH.charged, Charged("c2", "bob", "", 5, "SUCCESS")]

    assert "charge: 1 instead of 0" in wrongs(charged=extra, balances={**TRUTH.balances, "bob": 5})


def test_an_answer_that_says_paid_without_a_payment():
    told = did("pay", 4.0, "r1", key="x", status=409, code="already_paid")
    entry = QueueEntry("t1", "ann", 1, "ACTIVE", seconds(1))

    found = wrongs(
        [*GOOD[:4], told],
        paid=[],
        sold=[],
        refunded=[],
        entries=[entry, BOB_WAITS],
        balances={"ann": 10 + PRICE, "bob": 0},
    )

    assert found == ["told that it is paid, and it is not"]


def test_two_answers_under_one_key():
    again = replace(PAY, started=4.5, ended=4.6, body=PAY.body + b" ")

    assert wrongs([*GOOD, again]) == ["one key, two answers"]


# --- Seats and money -----------------------------------------------------------------------------


def test_a_seat_with_two_valid_tickets():
    two = [Sold(name, "ann", name, 7, "ISSUED") for name in ("r1", "r2")]

    assert "seat 7 has 2 valid tickets" in wrongs(sold=two)


def test_a_seat_sold_twice_according_to_the_answers():
    bobs = paid(4.5, "r2", "k2", 7, user="bob")

    assert "seat 7 was sold 2 times" in wrongs([*GOOD[:5], bobs])


def test_a_seat_that_came_back_may_be_sold_again():
    assert not [each for each in wrongs([*GOOD, paid(6, "r2", "k2", 7)]) if "was sold" in each]


def test_a_balance_that_does_not_add_up():
    found = wrongs(balances={"ann": 10 + 40_001, "bob": 0})

    assert found == ["a balance of 40,011 instead of 40,010"]


# --- The line ------------------------------------------------------------------------------------


def test_a_buyer_was_overtaken():
    later_in = replace(BOB_WAITS, status="ACTIVE", admitted=seconds(0.5))

    assert "place 1 was overtaken" in wrongs(entries=[ANN_INSIDE, later_in], capacity=2)


def test_a_buyer_who_left_was_not_overtaken():
    left = QueueEntry("t1", "ann", 1, "EXPIRED", None, seconds(4), "LEFT")
    bob_inside = replace(BOB_WAITS, status="ACTIVE", admitted=seconds(4))
    leave = did("leave", 3.9, "t1", status=204)

    assert wrongs([*GOOD, leave], entries=[left, bob_inside]) == []


def test_more_people_inside_than_allowed():
    both = replace(BOB_WAITS, status="ACTIVE", admitted=seconds(3.9))

    assert wrongs(entries=[ANN_INSIDE, both]) == ["2 people inside at once, 1 allowed"]


def test_an_admission_at_the_moment_of_another_end_is_allowed():
    next_in = replace(BOB_WAITS, status="ACTIVE", admitted=seconds(4))

    assert wrongs(entries=[ANN_INSIDE, next_in]) == []


def test_a_place_in_line_that_is_lost_or_another():
    assert "a place in line is lost, or another" in wrongs(entries=[ANN_INSIDE])
    moved = replace(BOB_WAITS, position=3)
    assert "a place in line is lost, or another" in wrongs(entries=[ANN_INSIDE, moved])


def test_a_place_that_ended_without_a_reason():
    dropped = replace(BOB_WAITS, status="EXPIRED", left=seconds(5), outcome="IDLE")

    assert wrongs(entries=[ANN_INSIDE, dropped]) == ["place 2 ended for nothing: IDLE"]


def test_a_later_join_has_an_earlier_place():
    early, late = joined(1.0, "t1", 2), joined(2.0, "t2", 1, user="bob")
    entries = [replace(ANN_INSIDE, position=2), replace(BOB_WAITS, position=1)]
    found = wrongs([CHARGE, early, late, HOLD, PAY, CANCEL], entries=entries)

    assert "joined later, and is before" in found


def test_concurrent_joins_may_be_in_either_order():
    early, late = joined(1.0, "t1", 2), joined(1.05, "t2", 1, user="bob")
    bob = QueueEntry("t2", "bob", 1, "ACTIVE", seconds(0))
    entries = [replace(ANN_INSIDE, position=2), bob]

    assert wrongs([CHARGE, early, late, HOLD, PAY, CANCEL], entries=entries, capacity=2) == []


def test_a_buyer_who_left_is_still_in_line():
    leave = did("leave", 6, "t2", user="bob", status=204)

    assert wrongs([*GOOD, leave]) == ["left, and still in line"]


# --- Answers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        (did("poll", 6, status=500), "an answer of 500"),
        (did("poll", 6, status=502), "an answer of 502"),
        (did("poll", 6, status=503), "an answer of 503 without Retry-After"),
        (
            did("poll", 6, status=401, code="not_authenticated"),
            "refused with 401 not_authenticated",
        ),
        (did("pay", 6, "r1", status=404, code="not_found"), "refused with 404 not_found"),
    ],
)
def test_a_dishonest_answer(operation, words):
    assert wrongs([*GOOD, operation]) == [words]


def test_an_honest_503_and_an_expected_refusal_are_fine():
    away = did("poll", 6, status=503, code="unavailable", retry_after="2")
    taken = did("hold", 6, 9, status=409, code="seat_taken")

    assert wrongs([*GOOD, away, taken]) == []


def test_a_deadlock():
    assert wrongs(deadlocks=1) == ["1 deadlocks"]


def test_a_violation_shows_the_piece_of_the_record():
    (violation,) = check(Recorder([*GOOD, did("poll", 6, "t1", status=500)]), TRUTH)

    assert str(violation).splitlines()[1].split() == (
        ["6.000", "to", "6.100", "ann", "poll", "t1", "key=-:", "fail,", "500"]
    )


# --- Traps ---------------------------------------------------------------------------------------


@pytest.fixture
def deaths(tmp_path, monkeypatch):
    """Plays transactions to a watch over the trap "payment", which is set; says how often it
    would have died by then."""
    monkeypatch.setenv("FAULTS_TRAPS", str(tmp_path))
    died = []
    watch = Watch(["payment"], die=lambda: died.append(True))
    (tmp_path / "payment").touch()

    def play(*events):
        for event in events:
            watch.see(event)
        watch.transaction_ended()
        return len(died)

    return play


def test_a_process_dies_after_the_commit_that_follows_the_ticket(deaths):
    assert deaths("INSERT INTO payments_ticket VALUES (1)", COMMIT) == 1


def test_a_trap_is_not_for_other_transactions(deaths):
    assert deaths("UPDATE accounts_balance SET amount = 1", COMMIT) == 0
    assert deaths("INSERT INTO payments_ticket VALUES (1)") == 0, "rolled back"
    assert deaths("SELECT 1", COMMIT) == 0


def test_a_trap_snaps_once(deaths):
    ticket = "INSERT INTO payments_ticket VALUES (1)"

    assert [deaths(ticket, COMMIT), deaths(ticket, COMMIT)] == [1, 1]
