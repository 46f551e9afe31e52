"""Every constraint and trigger of the database is attacked by SQL, without the services."""

import datetime as dt
import hashlib
import uuid
from collections.abc import Callable

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import (
    Activity,
    Balance,
    BalanceHistory,
    Business,
    Charge,
    Consent,
    Credit,
    DataCopy,
    Document,
    IdempotencyKey,
    MutedNotice,
    OutgoingMessage,
    PushSubscription,
    User,
)
from accounts.services import activity
from concerts.models import (
    Concert,
    ConcertSchedule,
    Poster,
    Reminder,
    Seat,
    SeatPlan,
    SeatStatusHistory,
    StaffConcert,
)
from concerts.services.posters import add_poster
from concerts.services.seat_plans import present_version
from operations.models import Export, ReportMail
from payments.models import (
    CheckIn,
    CheckInConflict,
    Payment,
    Refund,
    Reservation,
    Ticket,
    TicketMove,
    TicketOffer,
)
from payments.services.ticket_cancellation import cancel_ticket
from queueing.models import Draw, QueueEntryHistory, QueueToken, WaitingRoom
from tests.factories import (
    ScheduleFactory,
    UserFactory,
    WaitingRoomFactory,
    admitted,
    bought,
    held,
)

pytestmark = pytest.mark.django_db


def logged(target=None):
    """The entry of an act, as a queryset."""
    activity.record(actor=None, act="audit.run", target=target)
    return Activity.objects.order_by("-pk")


class Sale:
    """Seat 1 bought, 2 bought and cancelled, 3 held, 4 and 5 free; a user with one more slot."""

    def __init__(self):
        self.schedule = ScheduleFactory(seats=5, price=10_000, purchase_limit=3)
        self.buyer, self.other = UserFactory(won=100_000), UserFactory(won=100_000)
        receipt = bought(self.buyer, self.schedule, 1, 2)
        self.ticket, cancelled = sorted(receipt.tickets, key=lambda ticket: ticket.seat_number)
        self.refund = cancel_ticket(user=self.buyer, ticket_id=cancelled.pk)
        (self.held,) = held(self.buyer, self.schedule, 3)
        self.token = admitted(self.buyer, self.schedule)
        self.balance = Balance.objects.get(user=self.buyer)
        self.payment = Payment.objects.get(reservation=self.ticket.reservation)
        self.line = BalanceHistory.objects.filter(balance=self.balance).latest("seq")

    def seat(self, number: int) -> Seat:
        return Seat.objects.get(schedule=self.schedule, number=number)

    def export(self) -> Export:
        return Export.objects.get_or_create(user=self.buyer, columns=[])[0]

    def reserve(self, number: int, **fields: object) -> Reservation:
        """A reservation row only, without its seat."""
        now = timezone.now()
        values = {
            "user": self.other,
            "seat": self.seat(number),
            "schedule": self.schedule,
            "slot": 1,
            "price": 10_000,
            "created_at": now,
            "expires_at": now + dt.timedelta(minutes=5),
        }
        return Reservation.objects.create(**values | fields)

    def hold(self, number: int, **fields: object) -> Reservation:
        """A reservation row and its seat: valid."""
        reservation = self.reserve(number, **fields)
        Seat.objects.filter(pk=reservation.seat_id).update(
            status="HELD", held_by=reservation.user, hold_expires_at=reservation.expires_at
        )
        return reservation

    def write_line(self, **fields: object) -> BalanceHistory:
        """The next line of the ledger: valid, unless ``fields`` changes it."""
        values = {
            "balance": self.balance,
            "seq": self.balance.last_seq + 1,
            "type": "CHARGE",
            "status": "SUCCESS",
            "amount": 1_000,
            "balance_after": self.balance.amount + 1_000,
            "source": uuid.uuid4(),
        }
        return BalanceHistory.objects.create(**values | fields)

    def pay_again(self, **fields: object) -> Payment:
        values = {
            "user": self.buyer,
            "reservation": self.ticket.reservation,
            "amount": 10_000,
            "status": "SUCCESS",
            "paid_at": timezone.now(),
        }
        return Payment.objects.create(**values | fields)

    def offer(self, **fields: object) -> TicketOffer:
        values = {
            "ticket": self.ticket,
            "giver": self.buyer,
            "email": self.other.email,
            "offered_at": timezone.now(),
        }
        return TicketOffer.objects.create(**values | fields)

    def accepted(self, **fields: object) -> dict[str, object]:
        return {
            "status": "ACCEPTED",
            "ended_at": timezone.now(),
            "receiver": self.other,
            "number": 1,
            "old_code": self.ticket.code,
            **fields,
        }

    def accept(self, offer: TicketOffer, **fields: object) -> TicketOffer:
        """The offer's row only, without its ticket."""
        TicketOffer.objects.filter(pk=offer.pk).update(**self.accepted(**fields))
        return offer

    def hand_on(self, *, code: str = "new") -> TicketOffer:
        """An accepted offer and its ticket: valid."""
        offer = self.accept(self.offer())
        Ticket.objects.filter(pk=self.ticket.pk).update(user=self.other, code=code)
        return offer

    def issue(self, reservation: Reservation, seat: Seat, **fields: object) -> Ticket:
        values = {
            "reservation": reservation,
            "seat": seat,
            "user": reservation.user,
            "price": 10_000,
            "seat_number": seat.number,
            "start_at": self.schedule.start_at,
            "end_at": self.schedule.end_at,
            "created_at": timezone.now(),
            "updated_at": timezone.now(),
        }
        return Ticket.objects.create(**values | fields)

    def refund_of(self, payment: Payment, amount: int, fee: int = 0) -> Refund:
        return Refund.objects.create(
            payment=payment,
            amount=amount,
            fee=fee,
            refunded_by=self.buyer,
            created_at=timezone.now(),
        )

    def join(self, **fields: object) -> QueueToken:
        now = timezone.now()
        values = {
            "user": self.other,
            "room": self.token.room,
            "position": 1_000,
            "issued_at": now,
            "last_request_at": now,
        }
        return QueueToken.objects.create(**values | fields)

    def check_in(self, **fields: object) -> CheckIn:
        """A check-in row only, without its ticket."""
        values = {
            "ticket": self.ticket,
            "schedule": self.schedule,
            "checked_in_by": self.other,
            "checked_in_at": timezone.now(),
        }
        return CheckIn.objects.create(**values | fields)

    def move(self, **fields: object) -> TicketMove:
        """A move of the ticket to seat 4: a row only."""
        values = {
            "ticket": self.ticket,
            "from_seat": self.seat(1),
            "to_seat": self.seat(4),
            "old_code": self.ticket.code,
            "moved_by": self.other,
            "moved_at": timezone.now(),
        }
        return TicketMove.objects.create(**values | fields)

    def undone(self, **fields: object) -> CheckIn:
        now = timezone.now()
        values = {
            "checked_in_at": now,
            "undone_at": now,
            "undone_by": self.other,
            "undo_reason": "x",
        }
        return self.check_in(**values | fields)

    def conflict(self, **fields: object) -> CheckInConflict:
        """A conflict of the ticket with an undone check-in of it."""
        now = timezone.now()
        values = {
            "id": uuid.uuid4(),
            "ticket": self.ticket,
            "schedule": self.schedule,
            "check_in": None if "check_in" in fields else self.undone(),
            "code": "ticket_used",
            "scanned_by": self.other,
            "scanned_at": now,
            "recorded_at": now,
        }
        return CheckInConflict.objects.create(**values | fields)

    def used_from_the_beginning(self) -> Ticket:
        """The cancelled ticket as if it had been inserted as USED."""
        cancelled = Ticket.objects.get(status="CANCELLED")
        Ticket.objects.filter(pk=cancelled.pk).delete()
        cancelled.status, cancelled.used_at = "USED", timezone.now()
        return cancelled

    def compensate(self, won: int, *, source: object = "as needed") -> Refund:
        """Refund the payment because the schedule was cancelled, with this on top."""
        needed = uuid.uuid4() if won else None
        return Refund.objects.create(
            payment=self.payment,
            amount=self.payment.amount,
            compensation=won,
            compensation_source=needed if source == "as needed" else None,
            refunded_by=self.buyer,
            reason="schedule_cancelled",
            created_at=timezone.now(),
        )

    def cancelled_schedule(self, **fields: object) -> uuid.UUID:
        """Cancel the schedule; its key."""
        ConcertSchedule.objects.filter(pk=self.schedule.pk).update(
            cancelled_at=timezone.now(), cancelled_by=self.other, **fields
        )
        return ConcertSchedule.objects.get(pk=self.schedule.pk).pk

    def plan(self) -> SeatPlan:
        """The schedule's present seat plan."""
        return SeatPlan.objects.get(version=present_version(self.schedule.pk))

    def rehearsed(self) -> WaitingRoom:
        room = WaitingRoomFactory(slug="rehearsal", rehearsal="rehearsal")
        return WaitingRoom.objects.get(pk=room.pk)

    def document(self, **fields: object) -> Document:
        values = {
            "kind": "terms",
            "version": 2,
            "text_ko": "x",
            "effective_on": dt.date(2030, 1, 1),
        }
        return Document.objects.create(**values | fields)

    def consent(self, **fields: object) -> Consent:
        values = {"user": self.buyer, "document": "terms", "version": 1}
        return Consent.objects.create(**values | fields)

    def credit(self, **fields: object) -> Credit:
        values = {"user": self.buyer, "asked_by": self.other, "amount": 1, "alone": 1}
        return Credit.objects.create(**values | {"state": "WAITING", "reason": "x"} | fields)

    def message(self, **fields: object) -> OutgoingMessage:
        values = {"kind": "changed", "recipient": "a@example.com"}
        return OutgoingMessage.objects.create(**values | fields)

    def shuffling(self, *, joined: int = 0) -> WaitingRoom:
        """A room that will draw lots, and this many people in its line."""
        room = WaitingRoom.objects.get(pk=WaitingRoomFactory(shuffle=True).pk)
        for number in range(joined):
            self.join(room=room, position=number + 1)
        return room

    def drawn(self) -> WaitingRoom:
        """A room that has drawn lots without participants."""
        room = self.shuffling()
        Draw.objects.filter(room=room).update(
            drawn_at=timezone.now(), participants=0, participants_hash="0" * 64
        )
        return room


Attack = Callable[[Sale], object]

ATTACKS: dict[str, tuple[str, Attack]] = {
    # 1. At most one live reservation per seat.
    "a second hold of a held seat": (
        "payments_reservation_one_live_per_seat",
        lambda sale: sale.reserve(3),
    ),
    "a hold of a sold seat": (
        "payments_reservation_one_live_per_seat",
        lambda sale: sale.reserve(1),
    ),
    "an expired hold brought back to a seat that is sold": (
        "payments_reservation_one_live_per_seat",
        lambda sale: revive(sale.reserve(1, status="EXPIRED")),
    ),
    # 2. A seat's status agrees with its live reservation; holder and time exactly while HELD.
    "a seat held without a reservation": (
        "payments_seat_agrees_with_reservation",
        lambda sale: Seat.objects.filter(pk=sale.seat(4).pk).update(
            status="HELD", held_by=sale.other, hold_expires_at=timezone.now()
        ),
    ),
    "a seat sold without a reservation": (
        "payments_seat_agrees_with_reservation",
        lambda sale: Seat.objects.filter(pk=sale.seat(4).pk).update(status="RESERVED"),
    ),
    "a sold seat put back on sale": (
        "payments_seat_agrees_with_reservation",
        lambda sale: Seat.objects.filter(pk=sale.seat(1).pk).update(status="AVAILABLE"),
    ),
    "a reservation without a held seat": (
        "payments_seat_agrees_with_reservation",
        lambda sale: sale.reserve(4),
    ),
    "a hold that ends and leaves its seat held": (
        "payments_seat_agrees_with_reservation",
        lambda sale: Reservation.objects.filter(pk=sale.held.pk).update(status="EXPIRED"),
    ),
    "a reservation that is deleted from under its seat": (
        "payments_seat_agrees_with_reservation",
        lambda sale: sale.held.delete(),
    ),
    "a seat held by another than its reservation's user": (
        "payments_seat_agrees_with_reservation",
        lambda sale: Seat.objects.filter(pk=sale.seat(3).pk).update(held_by=sale.other),
    ),
    "a reservation that changes hands without its seat": (
        "payments_seat_agrees_with_reservation",
        lambda sale: Reservation.objects.filter(pk=sale.held.pk).update(user=sale.other),
    ),
    "a seat held for longer than its reservation": (
        "payments_seat_agrees_with_reservation",
        lambda sale: Seat.objects.filter(pk=sale.seat(3).pk).update(
            hold_expires_at=F("hold_expires_at") + dt.timedelta(hours=1)
        ),
    ),
    "a reservation that lasts longer than its seat's hold": (
        "payments_seat_agrees_with_reservation",
        lambda sale: Reservation.objects.filter(pk=sale.held.pk).update(
            expires_at=F("expires_at") + dt.timedelta(hours=1)
        ),
    ),
    "a held seat without a holder": (
        "concerts_seat_holder_exactly_while_held",
        lambda sale: Seat.objects.filter(pk=sale.seat(3).pk).update(held_by=None),
    ),
    "a held seat without an end": (
        "concerts_seat_holder_exactly_while_held",
        lambda sale: Seat.objects.filter(pk=sale.seat(3).pk).update(hold_expires_at=None),
    ),
    "a free seat with a holder": (
        "concerts_seat_holder_exactly_while_held",
        lambda sale: Seat.objects.filter(pk=sale.seat(4).pk).update(held_by=sale.other),
    ),
    "a blocked seat that is held": (
        "payments_seat_agrees_with_reservation",
        lambda sale: Seat.objects.filter(pk=sale.seat(3).pk).update(
            status="BLOCKED", held_by=None, hold_expires_at=None
        ),
    ),
    "a seat on sale that is held back": (
        "concerts_seat_held_back_only_while_blocked",
        lambda sale: Seat.objects.filter(pk=sale.seat(4).pk).update(blocked_for="Promoter"),
    ),
    # What is free is a free ticket, which is given.
    "a hold for nothing": (
        "payments_reservation_held_for_a_price",
        lambda sale: Reservation.objects.filter(pk=sale.held.pk).update(price=0),
    ),
    "a ledger line of 0 won that is no free ticket": (
        "accounts_balancehistory_amount_positive",
        lambda sale: sale.write_line(type="RESERVATION", amount=0),
    ),
    # A ticket and its reservation change their seat by a move.
    "a move that does not begin where its ticket is": (
        "payments_ticketmove_is_a_record",
        lambda sale: sale.move(from_seat=sale.seat(4)),
    ),
    "a move that is undone by hand": (
        "payments_ticketmove_is_a_record",
        lambda sale: sale.move().delete(),
    ),
    "a code that ends with two moves": (
        "payments_ticketmove_code_ends_once",
        lambda sale: (sale.move(), sale.move()),
    ),
    "a reservation that is moved to a seat that stays free": (
        "payments_seat_agrees_with_reservation",
        lambda sale: (
            sale.move(),
            Reservation.objects.filter(ticket=sale.ticket).update(seat=sale.seat(4)),
        ),
    ),
    "a ticket that changes its seat without a move": (
        "payments_ticket_changes_seat_by_move",
        lambda sale: Ticket.objects.filter(pk=sale.ticket.pk).update(
            seat=sale.seat(4), code="another"
        ),
    ),
    "a ticket that is moved and keeps its code": (
        "payments_ticket_changes_seat_by_move",
        lambda sale: (
            sale.move(),
            Reservation.objects.filter(ticket=sale.ticket).update(seat=sale.seat(4)),
            Ticket.objects.filter(pk=sale.ticket.pk).update(seat=sale.seat(4)),
        ),
    ),
    "a seat of an unknown status": (
        "concerts_seat_status_known",
        lambda sale: Seat.objects.filter(pk=sale.seat(4).pk).update(status="MINE"),
    ),
    "two lines of a seat's history for one change": (
        "concerts_seatstatushistory_one_line_per_seq",
        lambda sale: SeatStatusHistory.objects.create(
            seat=sale.seat(3),
            seq=1,
            from_status="HELD",
            to_status="AVAILABLE",
            changed_at=timezone.now(),
        ),
    ),
    # 3. balance >= 0; each line continues the one before; the balance equals the last line.
    "a balance below zero": (
        "accounts_balance_never_below_zero",
        lambda sale: Balance.objects.filter(pk=sale.balance.pk).update(amount=-1),
    ),
    "a ledger that goes below zero": (
        "accounts_balancehistory_figures_valid",
        lambda sale: sale.write_line(
            type="RESERVATION",
            amount=sale.balance.amount + 1,
            balance_after=-1,
        ),
    ),
    "a ledger line that skips one": (
        "accounts_line_continues_the_one_before",
        lambda sale: sale.write_line(seq=sale.balance.last_seq + 2),
    ),
    "a ledger line that does not continue the balance": (
        "accounts_line_continues_the_one_before",
        lambda sale: sale.write_line(balance_after=sale.balance.amount + 999),
    ),
    "a failed line that moves the balance": (
        "accounts_line_continues_the_one_before",
        lambda sale: sale.write_line(status="FAILED"),
    ),
    "a first line that does not start at zero": (
        "accounts_line_continues_the_one_before",
        lambda sale: sale.write_line(
            balance=Balance.objects.create(user=UserFactory()), seq=1, balance_after=1_001
        ),
    ),
    "a second line with the same number": (
        "accounts_balancehistory_one_line_per_seq",
        lambda sale: sale.write_line(
            seq=sale.line.seq,
            amount=sale.line.amount,
            type=sale.line.type,
            balance_after=sale.line.balance_after,
        ),
    ),
    "a line of 0 won": (
        "accounts_balancehistory_amount_positive",
        lambda sale: sale.write_line(amount=0, balance_after=sale.balance.amount),
    ),
    "a charge that takes money away": (
        "accounts_balancehistory_amount_positive",
        lambda sale: sale.write_line(amount=-1, balance_after=sale.balance.amount - 1),
    ),
    "a ledger line without its balance": (
        "accounts_balance_equals_last_line",
        lambda sale: sale.write_line(),
    ),
    "a balance changed without a line": (
        "accounts_balance_equals_last_line",
        lambda sale: Balance.objects.filter(pk=sale.balance.pk).update(amount=F("amount") + 1),
    ),
    "a balance that miscounts its lines": (
        "accounts_balance_equals_last_line",
        lambda sale: Balance.objects.filter(pk=sale.balance.pk).update(last_seq=F("last_seq") + 1),
    ),
    "a new balance with money in it": (
        "accounts_balance_starts_empty",
        lambda sale: Balance.objects.create(user=UserFactory(), amount=1),
    ),
    "a second balance of one user": (
        "accounts_balance_user_id_key",
        lambda sale: Balance.objects.create(user=sale.buyer),
    ),
    "a ledger line rewritten": (
        "accounts_ledger_is_append_only",
        lambda sale: BalanceHistory.objects.filter(balance=sale.balance, seq=1).update(
            amount=F("amount") + 1, balance_after=F("balance_after") + 1
        ),
    ),
    "a ledger line deleted": (
        "accounts_ledger_is_append_only",
        lambda sale: sale.line.delete(),
    ),
    "a concert given twice to a member of the staff": (
        "concerts_staffconcert_once_per_concert",
        lambda sale: StaffConcert.objects.bulk_create(
            StaffConcert(user=sale.other, concert=sale.schedule.concert) for _ in range(2)
        ),
    ),
    "an entry of the log rewritten": (
        "accounts_activity_is_append_only",
        lambda sale: logged().update(reason="another"),
    ),
    "an entry of the log deleted": (
        "accounts_activity_is_append_only",
        lambda sale: logged().delete(),
    ),
    "an entry of the log emptied while the account exists": (
        "accounts_activity_is_append_only",
        lambda sale: logged(sale.buyer).update(target_text="", old=None, new=None),
    ),
    # 4. One SUCCESS payment and one ticket per reservation, one live ticket per seat, one refund.
    "a second successful payment": (
        "payments_payment_one_success_per_reservation",
        lambda sale: sale.pay_again(),
    ),
    "a payment of 0 won": (
        "payments_payment_positive",
        lambda sale: sale.pay_again(status="FAILED", reason="x", amount=0),
    ),
    "a second ticket for a reservation": (
        "payments_ticket_reservation_id_key",
        lambda sale: (
            Ticket.objects.filter(pk=sale.ticket.pk).update(status="CANCELLED"),
            sale.issue(sale.ticket.reservation, sale.seat(1)),
        ),
    ),
    "a second live ticket on a seat": (
        "payments_ticket_one_live_per_seat",
        lambda sale: sale.issue(sale.reserve(1, status="EXPIRED"), sale.seat(1)),
    ),
    "a second live ticket on a seat whose first was used": (
        "payments_ticket_one_live_per_seat",
        lambda sale: (
            Ticket.objects.filter(pk=sale.ticket.pk).update(status="USED", used_at=timezone.now()),
            sale.issue(sale.reserve(1, status="EXPIRED"), sale.seat(1)),
        ),
    ),
    "a refund that gives back too much": (
        "payments_refund_makes_up_payment",
        lambda sale: sale.refund_of(sale.payment, 10_001),
    ),
    "a refund that loses money": (
        "payments_refund_makes_up_payment",
        lambda sale: sale.refund_of(sale.payment, 9_000, fee=999),
    ),
    "a refund with a negative fee": (
        "payments_refund_never_negative",
        lambda sale: sale.refund_of(sale.payment, 10_001, fee=-1),
    ),
    "a refund made larger afterwards": (
        "payments_refund_makes_up_payment",
        lambda sale: Refund.objects.filter(pk=sale.refund.pk).update(amount=F("amount") + 1),
    ),
    "a refund of a payment that failed": (
        "payments_refund_makes_up_payment",
        lambda sale: sale.refund_of(sale.pay_again(status="FAILED", reason="x"), 10_000),
    ),
    "a second refund": (
        "payments_refund_payment_id_key",
        lambda sale: sale.refund_of(sale.refund.payment, 10_000),
    ),
    # 5. One live queue token per user and room; positions unique in a room.
    "a second place in the same line": (
        "queueing_queuetoken_one_live_per_user",
        lambda sale: sale.join(user=sale.buyer),
    ),
    "a place given up and taken back beside a new one": (
        "queueing_queuetoken_one_live_per_user",
        lambda sale: QueueToken.objects.filter(user=sale.buyer).update(
            status="ACTIVE", available_at=timezone.now(), expires_at=timezone.now()
        ),
    ),
    "a position taken twice": (
        "queueing_queuetoken_position_unique",
        lambda sale: sale.join(position=sale.token.position),
    ),
    "an active token that was never admitted": (
        "queueing_queuetoken_times_match_status",
        lambda sale: sale.join(status="ACTIVE"),
    ),
    # 6. One effect per source.
    "a charge that counts twice": (
        "accounts_balancehistory_one_effect_per_source",
        lambda sale: sale.write_line(source=Charge.objects.filter(user=sale.buyer).get().pk),
    ),
    "a refund that counts twice": (
        "accounts_balancehistory_one_effect_per_source",
        lambda sale: sale.write_line(type="CANCELLATION", source=sale.refund.pk),
    ),
    "a payment that counts in two balances": (
        "accounts_balancehistory_one_effect_per_source",
        lambda sale: sale.write_line(
            balance=(theirs := Balance.objects.get(user=sale.other)),
            seq=theirs.last_seq + 1,
            balance_after=theirs.amount + 1_000,
            source=sale.payment.pk,
        ),
    ),
    # 7. The purchase limit per user and schedule.
    "a slot filled twice": (
        "payments_reservation_one_live_per_slot",
        lambda sale: sale.hold(4, user=sale.buyer, slot=sale.held.slot),
    ),
    "a slot past the limit": (
        "payments_reservation_within_limit",
        lambda sale: sale.hold(4, user=sale.buyer, slot=4),
    ),
    "a slot moved past the limit": (
        "payments_reservation_within_limit",
        lambda sale: Reservation.objects.filter(pk=sale.held.pk).update(slot=4),
    ),
    "a slot below the first": (
        "payments_reservation_figures_sane",
        lambda sale: sale.hold(4, slot=0),
    ),
    "a reservation in another schedule than its seat's": (
        "payments_reservation_within_limit",
        lambda sale: sale.hold(4, schedule=ScheduleFactory()),
    ),
    "a hold moved to a buyer who is at the limit": (
        "payments_reservation_one_live_per_slot",
        lambda sale: Reservation.objects.filter(pk=sale.hold(4, slot=sale.held.slot).pk).update(
            user=sale.buyer
        ),
    ),
    "a live reservation moved to another seat": (
        "payments_reservation_changes_seat_by_move",
        lambda sale: Reservation.objects.filter(pk=sale.held.pk).update(seat=sale.seat(4)),
    ),
    # A draw that participants can verify.
    "a room set to draw lots after the first join": (
        "queueing_shuffle_is_settled",
        lambda sale: WaitingRoom.objects.filter(pk=sale.token.room_id).update(shuffle=True),
    ),
    "a room set to draw no lots after the first join": (
        "queueing_shuffle_is_settled",
        lambda sale: WaitingRoom.objects.filter(pk=sale.shuffling(joined=1).pk).update(
            shuffle=False
        ),
    ),
    "a room set to draw no lots after its draw": (
        "queueing_shuffle_is_settled",
        lambda sale: WaitingRoom.objects.filter(pk=sale.drawn().pk).update(shuffle=False),
    ),
    "a seed that does not match its commitment": (
        "queueing_draw_seed_matches_commitment",
        lambda sale: Draw.objects.create(
            room=sale.token.room, seed=bytes(32), commitment=hashlib.sha256(b"").hexdigest()
        ),
    ),
    "a seed that could be guessed": (
        "queueing_draw_seed_matches_commitment",
        lambda sale: Draw.objects.create(
            room=sale.token.room, seed=b"1", commitment=hashlib.sha256(b"1").hexdigest()
        ),
    ),
    "another seed with a matching commitment": (
        "queueing_draw_never_changes",
        lambda sale: Draw.objects.filter(room=sale.shuffling()).update(
            seed=bytes(32), commitment=hashlib.sha256(bytes(32)).hexdigest()
        ),
    ),
    "a commitment dated back": (
        "queueing_draw_never_changes",
        lambda sale: Draw.objects.filter(room=sale.shuffling()).update(
            committed_at=F("committed_at") - dt.timedelta(days=1)
        ),
    ),
    "lots drawn a second time": (
        "queueing_draw_never_changes",
        lambda sale: Draw.objects.filter(room=sale.drawn()).update(drawn_at=timezone.now()),
    ),
    "a draw that is undone": (
        "queueing_draw_never_changes",
        lambda sale: Draw.objects.filter(room=sale.drawn()).update(
            drawn_at=None, participants=None, participants_hash=""
        ),
    ),
    "a draw deleted to make another": (
        "queueing_draw_not_deleted_before_room",
        lambda sale: Draw.objects.filter(room=sale.shuffling()).delete(),
    ),
    # Wrong times.
    "a payment after the hold has ended": (
        "payments_reservation_confirmed_in_time",
        lambda sale: Reservation.objects.filter(pk=sale.held.pk).update(
            status="CONFIRMED", confirmed_at=F("expires_at")
        ),
    ),
    "a ticket used without a time": (
        "payments_ticket_used_has_time",
        lambda sale: Ticket.objects.filter(pk=sale.ticket.pk).update(status="USED"),
    ),
    "two users with one address in upper and lower case": (
        "accounts_user_email_unique",
        lambda sale: User.objects.bulk_create([User(email=sale.buyer.email.upper())]),
    ),
    "an address in letters that are not ASCII": (
        "accounts_user_email_ascii",
        lambda sale: User.objects.bulk_create([User(email="m\u0131nji@example.com")]),
    ),
    "an account with a confirmed but empty address": (
        "accounts_user_verified_has_email",
        lambda sale: User.objects.filter(pk=sale.buyer.pk).update(email=None),
    ),
    "a deleted account with a name": (
        "accounts_user_deleted_names_no_person",
        lambda sale: User.objects.filter(pk=sale.buyer.pk).update(
            email=None, email_verified_at=None, is_active=False, deleted_at=timezone.now()
        ),
    ),
    "two copies of one's data that are queued": (
        "accounts_datacopy_one_queued_per_user",
        lambda sale: [DataCopy.objects.create(user=sale.buyer) for _each in range(2)],
    ),
    "a copy of one's data that is done without a file": (
        "accounts_datacopy_done_has_file",
        lambda sale: DataCopy.objects.create(
            user=sale.buyer, state="DONE", finished_at=timezone.now()
        ),
    ),
    "a top-up of an account that is about to be deleted": (
        "accounts_no_charge_for_closing_account",
        lambda sale: (
            User.objects.filter(pk=sale.buyer.pk).update(closes_at=timezone.now()),
            Charge.objects.create(user=sale.buyer, amount=1),
        ),
    ),
    "a language that the pages do not have": (
        "accounts_user_language_known",
        lambda sale: User.objects.filter(pk=sale.buyer.pk).update(language="fr"),
    ),
}

# The same rules, attacked by changes of existing rows.
AFTERWARDS: dict[str, tuple[str, Attack]] = {
    "a payment made smaller than its refund": (
        "payments_payment_never_changes",
        lambda sale: Payment.objects.filter(refund=sale.refund).update(amount=1),
    ),
    "a refunded payment that turns out to have failed": (
        "payments_payment_never_changes",
        lambda sale: Payment.objects.filter(refund=sale.refund).update(status="FAILED", reason="x"),
    ),
    "a seat moved away from its reservation's schedule": (
        "concerts_seat_schedule_never_changes",
        lambda sale: Seat.objects.filter(pk=sale.seat(3).pk).update(
            schedule=ScheduleFactory(seats=0)
        ),
    ),
    "a ticket for another seat than its reservation's": (
        "payments_ticket_for_its_reservation",
        lambda sale: sale.issue(sale.held, sale.seat(4)),
    ),
    "a ticket issued for another person than its reservation's": (
        "payments_ticket_for_its_reservation",
        lambda sale: sale.issue(sale.held, sale.seat(3), user=sale.other),
    ),
    "a limit lowered below the live reservations of a buyer": (
        "payments_limit_covers_live_reservations",
        lambda sale: ConcertSchedule.objects.filter(pk=sale.schedule.pk).update(purchase_limit=1),
    ),
    "a ticket of an unknown status": (
        "payments_ticket_status_known",
        lambda sale: Ticket.objects.filter(pk=sale.ticket.pk).update(status="FREE"),
    ),
    "a ledger line of an unknown type": (
        "accounts_balancehistory_type_known",
        lambda sale: sale.write_line(type="GIFT"),
    ),
    "a ledger line of an unknown status": (
        "accounts_balancehistory_status_known",
        lambda sale: sale.write_line(status="MAYBE"),
    ),
    "a charge of an unknown status": (
        "accounts_charge_status_known",
        lambda sale: Charge.objects.filter(user=sale.buyer).update(status="MAYBE"),
    ),
}


# Figures, times and names, one answer for one key, and cancelled schedules.
OTHER_ATTACKS: dict[str, tuple[str, Attack]] = {
    "a credit of 0 won": (
        "accounts_credit_figures_valid",
        lambda sale: sale.credit(amount=0),
    ),
    "a credit that was given without a time": (
        "accounts_credit_decided_has_time",
        lambda sale: sale.credit(state="GIVEN"),
    ),
    "a credit above the limit without a second person": (
        "accounts_credit_above_limit_has_second_person",
        lambda sale: sale.credit(state="GIVEN", amount=2, alone=1, decided_at=timezone.now()),
    ),
    "a credit approved by who asked for it": (
        "accounts_credit_decided_by_another",
        lambda sale: sale.credit(state="GIVEN", decided_by=sale.other, decided_at=timezone.now()),
    ),
    "a credit approved by who gets it": (
        "accounts_credit_decided_by_another",
        lambda sale: sale.credit(state="GIVEN", decided_by=sale.buyer, decided_at=timezone.now()),
    ),
    "a credit to oneself": (
        "accounts_credit_not_to_oneself",
        lambda sale: sale.credit(asked_by=sale.buyer),
    ),
    "a credit that is made larger while it waits": (
        "accounts_credit_is_decided_once",
        lambda sale: Credit.objects.filter(pk=sale.credit().pk).update(amount=5),
    ),
    "a credit that is deleted": (
        "accounts_credit_is_decided_once",
        lambda sale: sale.credit().delete(),
    ),
    "a charge of 0 won": (
        "accounts_charge_positive",
        lambda sale: Charge.objects.create(user=sale.buyer, amount=0),
    ),
    "a charge that succeeded without a time": (
        "accounts_charge_settled_when_ended",
        lambda sale: Charge.objects.create(user=sale.buyer, amount=1, status="SUCCESS"),
    ),
    "two charges under one key": (
        "accounts_charge_one_per_key",
        lambda sale: [
            Charge.objects.create(user=sale.buyer, amount=amount, key="k") for amount in (1, 2)
        ],
    ),
    "a browser with two subscriptions": (
        "accounts_pushsubscription_one_per_browser",
        lambda sale: [
            PushSubscription.objects.create(user=user, endpoint="https://push.example/1")
            for user in (sale.buyer, sale.other)
        ],
    ),
    "two answers under one key": (
        "accounts_idempotencykey_one_answer_per_key",
        lambda sale: [
            IdempotencyKey.objects.create(user=sale.buyer, key="k", answer=answer)
            for answer in (b"1", b"2")
        ],
    ),
    "a run that ends before it starts": (
        "concerts_concert_starts_before_it_ends",
        lambda sale: Concert.objects.update(end_time=F("start_time")),
    ),
    "a schedule with a price of 0": (
        "concerts_concertschedule_figures_positive",
        lambda sale: ConcertSchedule.objects.filter(pk=sale.schedule.pk).update(price=0),
    ),
    "a sale that closes before it opens": (
        "concerts_concertschedule_times_in_order",
        lambda sale: ConcertSchedule.objects.update(reserve_until=F("reserve_from")),
    ),
    "a sale that goes on after the show": (
        "concerts_concertschedule_times_in_order",
        lambda sale: ConcertSchedule.objects.update(
            reserve_until=F("end_at") + dt.timedelta(seconds=1)
        ),
    ),
    "a schedule cancelled without an operator": (
        "concerts_concertschedule_cancelled_has_operator",
        lambda sale: ConcertSchedule.objects.update(cancelled_at=timezone.now()),
    ),
    "a cancelled schedule whose reason is changed": (
        "concerts_schedule_cancellation_is_final",
        lambda sale: ConcertSchedule.objects.filter(pk=sale.cancelled_schedule()).update(
            cancel_reason="x"
        ),
    ),
    "a cancelled schedule whose cancellation is undone": (
        "concerts_schedule_cancellation_is_final",
        lambda sale: ConcertSchedule.objects.filter(pk=sale.cancelled_schedule()).update(
            cancelled_at=None, cancelled_by=None, cancel_reason=""
        ),
    ),
    "a cancelled schedule whose cause is changed": (
        "concerts_schedule_cancel_cause_is_final",
        lambda sale: ConcertSchedule.objects.filter(pk=sale.cancelled_schedule()).update(
            cancel_cause="organiser"
        ),
    ),
    "a schedule that was not cancelled but has a cause": (
        "concerts_concertschedule_cause_of_cancellation",
        lambda sale: ConcertSchedule.objects.update(cancel_cause="organiser"),
    ),
    "a refund ladder below the standard without a reason": (
        "concerts_policy_below_standard_has_reason",
        lambda sale: Concert.objects.update(refund_policy="0:100", refund_policy_reason=" "),
    ),
    "a compensation that is not owed": (
        "payments_refund_compensates_as_owed",
        lambda sale: sale.compensate(1_000),
    ),
    "a compensation that is left out": (
        "payments_refund_compensates_as_owed",
        lambda sale: (sale.cancelled_schedule(cancel_cause="organiser"), sale.compensate(0)),
    ),
    "a compensation that is too small": (
        "payments_refund_compensates_as_owed",
        lambda sale: (sale.cancelled_schedule(cancel_cause="organiser"), sale.compensate(999)),
    ),
    "a compensation without a source": (
        "payments_refund_compensation_has_source",
        lambda sale: (
            sale.cancelled_schedule(cancel_cause="organiser"),
            sale.compensate(1_000, source=None),
        ),
    ),
    "a hold in a cancelled schedule": (
        "payments_no_sale_in_cancelled_schedule",
        lambda sale: (sale.cancelled_schedule(), sale.hold(4)),
    ),
    "a refund for a cancelled schedule that keeps a fee": (
        "payments_refund_in_full_when_schedule_cancelled",
        lambda sale: Refund.objects.filter(pk=sale.refund.pk).update(
            amount=F("amount") - 1, fee=1, reason="schedule_cancelled"
        ),
    ),
    "a ticket that was used before it was issued": (
        "payments_ticket_begins_unused",
        lambda sale: Ticket.objects.bulk_create([sale.used_from_the_beginning()]),
    ),
    "a ticket that is used without a check-in": (
        "payments_ticket_agrees_with_check_in",
        lambda sale: Ticket.objects.filter(pk=sale.ticket.pk).update(
            status="USED", used_at=timezone.now()
        ),
    ),
    "a check-in without its ticket": (
        "payments_ticket_agrees_with_check_in",
        lambda sale: sale.check_in(),
    ),
    "a second live check-in of one ticket": (
        "payments_checkin_one_live_per_ticket",
        lambda sale: [sale.check_in(), sale.check_in()],
    ),
    "a check-in at another show": (
        "payments_checkin_for_its_schedule",
        lambda sale: sale.check_in(schedule=ScheduleFactory(seats=0)),
    ),
    "a check-in that is deleted": (
        "payments_checkin_is_a_record",
        lambda sale: sale.check_in().delete(),
    ),
    "a check-in whose gate is changed": (
        "payments_checkin_is_a_record",
        lambda sale: CheckIn.objects.filter(pk=sale.check_in().pk).update(gate="x"),
    ),
    "a check-in whose undoing is undone": (
        "payments_checkin_is_a_record",
        lambda sale: CheckIn.objects.filter(pk=sale.undone().pk).update(
            undone_at=None, undone_by=None, undo_reason=""
        ),
    ),
    "a check-in that is undone for no reason": (
        "payments_checkin_undone_has_operator_and_reason",
        lambda sale: sale.undone(undo_reason=""),
    ),
    "two check-ins by one scan": (
        "payments_checkin_one_a_scan",
        lambda sale: [sale.undone(scan=uuid.UUID(int=1)), sale.undone(scan=uuid.UUID(int=1))],
    ),
    "a check-in that was recorded before its scan": (
        "payments_checkin_recorded_after_its_scan",
        lambda sale: sale.undone(
            scan=uuid.UUID(int=1), recorded_at=timezone.now() - dt.timedelta(minutes=1)
        ),
    ),
    "a check-in whose scan is changed": (
        "payments_checkin_keeps_its_scan",
        lambda sale: CheckIn.objects.filter(pk=sale.check_in().pk).update(
            scan=uuid.UUID(int=1), undone_at=timezone.now(), undone_by=sale.other, undo_reason="x"
        ),
    ),
    "a conflict about a used ticket without the other use": (
        "payments_checkinconflict_names_the_other_use",
        lambda sale: sale.conflict(check_in=None),
    ),
    "a conflict that was recorded before its scan": (
        "payments_checkinconflict_recorded_after_its_scan",
        lambda sale: sale.conflict(recorded_at=timezone.now() - dt.timedelta(minutes=1)),
    ),
    "a conflict that is changed": (
        "payments_checkinconflict_is_a_record",
        lambda sale: CheckInConflict.objects.filter(pk=sale.conflict().pk).update(gate="x"),
    ),
    "a conflict that is deleted": (
        "payments_checkinconflict_is_a_record",
        lambda sale: sale.conflict().delete(),
    ),
    "a conflict with the check-in of another ticket": (
        "payments_checkinconflict_is_a_record",
        lambda sale: sale.conflict(ticket=Ticket.objects.get(status="CANCELLED")),
    ),
    "a second open offer of one ticket": (
        "payments_ticketoffer_one_open_per_ticket",
        lambda sale: [sale.offer(), sale.offer()],
    ),
    "an offer of another buyer's ticket": (
        "payments_ticketoffer_is_a_record",
        lambda sale: sale.offer(giver=sale.other),
    ),
    "an offer that begins accepted": (
        "payments_ticketoffer_is_a_record",
        lambda sale: sale.offer(**sale.accepted()),
    ),
    "an offer that is deleted": (
        "payments_ticketoffer_is_a_record",
        lambda sale: sale.offer().delete(),
    ),
    "an offer whose address is changed": (
        "payments_ticketoffer_is_a_record",
        lambda sale: TicketOffer.objects.filter(pk=sale.offer().pk).update(email="x@example.com"),
    ),
    "an accepted offer that is given another address": (
        "payments_ticketoffer_is_a_record",
        lambda sale: TicketOffer.objects.filter(pk=sale.hand_on().pk).update(email="x@example.com"),
    ),
    "a ticket for an account that is about to be deleted": (
        "payments_no_ticket_for_closing_account",
        lambda sale: (
            User.objects.filter(pk=sale.other.pk).update(closes_at=timezone.now()),
            sale.hand_on(),
        ),
    ),
    "an accepted offer that is opened again": (
        "payments_ticketoffer_is_a_record",
        lambda sale: TicketOffer.objects.filter(pk=sale.hand_on().pk).update(
            status="OPEN", ended_at=None, receiver=None, number=None, old_code=""
        ),
    ),
    "an accepted offer without a receiver": (
        "payments_ticketoffer_is_complete",
        lambda sale: sale.accept(sale.offer(), receiver=None),
    ),
    "an offer that is accepted by its giver": (
        "payments_ticketoffer_is_complete",
        lambda sale: sale.accept(sale.offer(), receiver=sale.buyer),
    ),
    "an accepted offer whose ticket stays where it is": (
        "payments_ticketoffer_moves_its_ticket",
        lambda sale: sale.accept(sale.offer()),
    ),
    "a ticket that takes its receiver past the purchase limit": (
        "payments_received_within_limit",
        lambda sale: (
            [sale.hold(n, slot=n - 3) for n in (4, 5)],
            sale.hand_on(),
            ConcertSchedule.objects.filter(pk=sale.schedule.pk).update(purchase_limit=2),
        ),
    ),
    "a hold that takes the receiver of a ticket past the purchase limit": (
        "payments_received_within_limit",
        lambda sale: (
            sale.hand_on(),
            [sale.reserve(n, slot=slot) for slot, n in enumerate((2, 4, 5), 1)],
        ),
    ),
    "two steps of a chain with one number": (
        "payments_ticketoffer_one_chain",
        lambda sale: (
            sale.hand_on(),
            sale.accept(sale.offer(giver=sale.other), receiver=sale.buyer, old_code="x"),
        ),
    ),
    "a code that ends twice": (
        "payments_ticketoffer_code_ends_once",
        lambda sale: (
            sale.hand_on(),
            sale.accept(sale.offer(giver=sale.other), receiver=sale.buyer, number=2),
        ),
    ),
    "a ticket that changes hands without an offer": (
        "payments_ticket_changes_hands_by_offer",
        lambda sale: Ticket.objects.filter(pk=sale.ticket.pk).update(user=sale.other, code="x"),
    ),
    "a ticket that changes hands and keeps its code": (
        "payments_ticket_changes_hands_by_offer",
        lambda sale: sale.hand_on(code=sale.ticket.code),
    ),
    "a ticket that gets another code": (
        "payments_ticket_changes_hands_by_offer",
        lambda sale: Ticket.objects.filter(pk=sale.ticket.pk).update(code="x"),
    ),
    "a used ticket set back to issued": (
        "payments_ticket_status_transitions",
        lambda sale: [
            Ticket.objects.filter(pk=sale.ticket.pk).update(status=status, used_at=at)
            for status, at in (("USED", timezone.now()), ("ISSUED", None))
        ],
    ),
    "a seat with a price of 0": (
        "concerts_seat_figures_positive",
        lambda sale: Seat.objects.filter(pk=sale.seat(4).pk).update(price=0),
    ),
    "a seat of an unknown kind": (
        "concerts_seat_kind_known",
        lambda sale: Seat.objects.filter(pk=sale.seat(4).pk).update(kind="standing"),
    ),
    "a held seat in its cooldown": (
        "concerts_seat_cooldown_only_while_available",
        lambda sale: Seat.objects.filter(pk=sale.seat(3).pk).update(available_from=timezone.now()),
    ),
    "two seats of one number": (
        "concerts_seat_number_unique_in_schedule",
        lambda sale: Seat.objects.filter(pk=sale.seat(4).pk).update(number=5),
    ),
    "two seats that look as if they had one label": (
        "concerts_seat_label_unique_in_schedule",
        lambda sale: Seat.objects.filter(pk=sale.seat(4).pk).update(label="ａ-5"),
    ),
    "two seats at one place in a row": (
        "concerts_seat_place_unique_in_schedule",
        lambda sale: Seat.objects.filter(pk=sale.seat(4).pk).update(seat_in_row=5),
    ),
    "two reminders of one user": (
        "concerts_reminder_one_per_user",
        lambda sale: Reminder.objects.bulk_create(
            Reminder(user=sale.buyer, schedule=sale.schedule) for _again in range(2)
        ),
    ),
    "two seat plans of one version": (
        "concerts_seatplan_one_per_version",
        lambda sale: SeatPlan.objects.create(
            schedule=sale.schedule, version=sale.plan().version, br=b"", gzip=b""
        ),
    ),
    "a seat plan that is changed": (
        "concerts_seatplan_never_changes",
        lambda sale: SeatPlan.objects.filter(pk=sale.plan().pk).update(br=b"x"),
    ),
    "a poster that is changed": (
        "concerts_poster_never_changes",
        lambda sale: Poster.objects.filter(pk=add_poster(b"x").pk).update(image=b"y"),
    ),
    "a colour without a place in the palette": (
        "concerts_concert_colour_known",
        lambda sale: Concert.objects.update(colour="beige"),
    ),
    "a schedule that was moved from where it is": (
        "concerts_concertschedule_moved_to_another_time",
        lambda sale: ConcertSchedule.objects.update(moved_from=F("start_at")),
    ),
    "a seat plan that is deleted without its schedule": (
        "concerts_seatplan_not_deleted_before_schedule",
        lambda sale: sale.plan().delete(),
    ),
    "a seat history line from a status to itself": (
        "concerts_seatstatushistory_is_a_change",
        lambda sale: SeatStatusHistory.objects.create(
            seat=sale.seat(4),
            seq=1,
            from_status="AVAILABLE",
            to_status="AVAILABLE",
            changed_at=timezone.now(),
        ),
    ),
    "a failed payment without a reason": (
        "payments_payment_failed_has_reason",
        lambda sale: sale.pay_again(status="FAILED"),
    ),
    "a reservation confirmed without a time": (
        "payments_reservation_confirmed_has_time",
        lambda sale: Reservation.objects.filter(pk=sale.held.pk).update(status="CONFIRMED"),
    ),
    "two tickets with one code": (
        "payments_ticket_code_key",
        lambda sale: sale.issue(sale.held, sale.seat(3), code=sale.ticket.code),
    ),
    "two ends of one place in line": (
        "queueing_queueentryhistory_token_id_key",
        lambda sale: [
            QueueEntryHistory.objects.create(
                user=sale.buyer,
                token=sale.token,
                entered_at=timezone.now(),
                exited_at=timezone.now(),
                outcome="LEFT",
            )
            for _twice in range(2)
        ],
    ),
    "a user made a rehearsal's buyer afterwards": (
        "accounts_user_rehearsal_never_changes",
        lambda sale: User.objects.filter(pk=sale.other.pk).update(rehearsal="x"),
    ),
    "a room made a rehearsal's afterwards": (
        "queueing_waitingroom_rehearsal_never_changes",
        lambda sale: WaitingRoom.objects.filter(pk=sale.token.room_id).update(rehearsal=F("slug")),
    ),
    "a rehearsal's room that another rehearsal's buyers could join": (
        "queueing_waitingroom_rehearsal_is_its_slug",
        lambda sale: WaitingRoomFactory(rehearsal="x"),
    ),
    "a real user in a rehearsal's line": (
        "queueing_token_keeps_rehearsals_apart",
        lambda sale: sale.join(room=sale.rehearsed()),
    ),
    "a place in line moved to a rehearsal's room": (
        "queueing_token_keeps_rehearsals_apart",
        lambda sale: QueueToken.objects.filter(pk=sale.token.pk).update(room=sale.rehearsed()),
    ),
    "a rehearsal's buyer in a real line": (
        "queueing_token_keeps_rehearsals_apart",
        lambda sale: sale.join(user=UserFactory(rehearsal="rehearsal")),
    ),
    "a concert moved into a rehearsal": (
        "concerts_concert_keeps_its_rehearsal",
        lambda sale: Concert.objects.update(waiting_room=sale.rehearsed()),
    ),
    "an export that ended without a time": (
        "operations_export_finished_when_ended",
        lambda sale: Export.objects.create(user=sale.buyer, columns=[], state="DONE"),
    ),
    "an export that failed without an error": (
        "operations_export_failed_has_error",
        lambda sale: Export.objects.create(
            user=sale.buyer, columns=[], state="FAILED", finished_at=timezone.now()
        ),
    ),
    "two pieces at one place of a file": (
        "operations_exportchunk_one_per_seq",
        lambda sale: [sale.export().chunks.create(seq=0, data=b"x") for _twice in range(2)],
    ),
    "a piece of a file that is too long": (
        "operations_exportchunk_short",
        lambda sale: sale.export().chunks.create(seq=0, data=bytes(256 * 1024 + 1)),
    ),
    "a report by mail at no hour of a day": (
        "operations_reportmail_time_exists",
        lambda sale: ReportMail.objects.create(report="guests", hour=24),
    ),
    "two versions of a page with one number": (
        "accounts_document_one_per_version",
        lambda sale: [sale.document(), sale.document()],
    ),
    "a version in the place of the text that comes with the application": (
        "accounts_document_after_the_default",
        lambda sale: sale.document(version=1),
    ),
    "a version of an unknown page": (
        "accounts_document_kind_known",
        lambda sale: sale.document(kind="about"),
    ),
    "a version of a page that is changed": (
        "accounts_document_never_changes",
        lambda sale: Document.objects.filter(pk=sale.document().pk).update(text_ko="y"),
    ),
    "a version of a page that is deleted": (
        "accounts_document_never_changes",
        lambda sale: sale.document().delete(),
    ),
    "two consents to one version": (
        "accounts_consent_once_per_version",
        lambda sale: [sale.consent(), sale.consent()],
    ),
    "a consent to a page that no user is asked to agree to": (
        "accounts_consent_is_asked_for",
        lambda sale: sale.consent(document="help"),
    ),
    "a message by an unknown channel": (
        "accounts_outgoingmessage_channel_known",
        lambda sale: sale.message(channel="FAX"),
    ),
    "a message of an unknown status": (
        "accounts_outgoingmessage_sent_has_time",
        lambda sale: sale.message(status="LOST"),
    ),
    "a message that was sent without a time": (
        "accounts_outgoingmessage_sent_has_time",
        lambda sale: sale.message(status="SENT"),
    ),
    "a message to no recipient": (
        "accounts_outgoingmessage_has_recipient",
        lambda sale: sale.message(recipient=""),
    ),
    "a notice that is switched off twice": (
        "accounts_mutednotice_once_per_choice",
        lambda sale: [
            MutedNotice.objects.create(user=sale.buyer, choice="news") for _twice in range(2)
        ],
    ),
    "details of the seller that are changed": (
        "accounts_business_never_changes",
        lambda sale: Business.objects.filter(pk=Business.objects.create().pk).update(phone="1"),
    ),
    "two rooms at one address": (
        "queueing_waitingroom_slug_key",
        lambda sale: WaitingRoomFactory(slug=sale.token.room.slug),
    ),
    "a room with a capacity of 0": (
        "queueing_waitingroom_figures_positive",
        lambda sale: WaitingRoom.objects.filter(pk=sale.token.room_id).update(capacity=0),
    ),
    "a scheduled room without an opening time": (
        "queueing_waitingroom_scheduled_has_time",
        lambda sale: WaitingRoom.objects.filter(pk=sale.token.room_id).update(state="SCHEDULED"),
    ),
    "a draw without its number of participants": (
        "queueing_draw_is_complete",
        lambda sale: Draw.objects.filter(room=sale.shuffling()).update(drawn_at=timezone.now()),
    ),
}


def revive(reservation: Reservation) -> None:
    Reservation.objects.filter(pk=reservation.pk).update(status="HOLD")


def commit(attack: Attack, sale: Sale) -> None:
    """Run the attack in a transaction, with the deferred constraints checked at its end."""
    with transaction.atomic():
        attack(sale)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def assert_refused(constraint, attack):
    sale = Sale()
    with pytest.raises(IntegrityError) as refusal:
        commit(attack, sale)
    assert refusal.value.__cause__.diag.constraint_name == constraint


@pytest.mark.parametrize("name", ATTACKS)
def test_the_database_refuses(name):
    assert_refused(*ATTACKS[name])


@pytest.mark.parametrize("name", AFTERWARDS)
def test_the_database_refuses_afterwards(name):
    assert_refused(*AFTERWARDS[name])


@pytest.mark.parametrize("name", OTHER_ATTACKS)
def test_the_database_refuses_other_attacks(name):
    assert_refused(*OTHER_ATTACKS[name])


def test_the_methods_of_the_sale_write_valid_rows():
    """So each attack above is refused for its one error, not for an error of these methods."""
    sale = Sale()

    def by_the_rules(sale: Sale) -> None:
        sale.hold(4)
        sale.hold(5, slot=2)
        sale.write_line()
        Balance.objects.filter(pk=sale.balance.pk).update(
            amount=F("amount") + 1_000, last_seq=F("last_seq") + 1
        )
        sale.pay_again(status="FAILED", reason="x")
        sale.hand_on()
        sale.refund_of(sale.payment, 9_000, fee=1_000)
        sale.document()
        sale.consent()
        sale.message()
        sale.message(recipient="", status="FAILED")
        Business.objects.create()
        sale.join()
        sale.join(user=UserFactory(rehearsal="rehearsal"), room=sale.rehearsed())
        sale.drawn().delete()
        sale.export().chunks.create(seq=0, data=bytes(256 * 1024))
        WaitingRoom.objects.filter(pk=sale.shuffling().pk).update(shuffle=False)

    commit(by_the_rules, sale)
    assert Reservation.objects.live().count() == 4
