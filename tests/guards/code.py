"""The guards that are code: locks, who may do what, and whose is what.

Each is a piece of text, what stands there when the guard is gone, and tests of which at least one
must then fail. test_guards.py sees to it that every text is found, and that nothing that looks
like a guard (MARKS) is missing here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
APPS = ("accounts", "concerts", "queueing", "payments", "concertbook")

# Wherever the code says one of these it guards something.
MARKS = re.compile(
    r"select_for_update\("
    r"|pg_\w*advisory\w*lock"
    r"|FOR (NO KEY )?UPDATE"
    r"|@login_required"
    r"|IsAuthenticated|IsAdminUser\b(?!\n)"
    r"|CsrfViewMiddleware"
    r"|def has_\w+_permission"
    r"|permissions=\["
    r"|filter\((?:pk=\w+, )?user=\w"
)


@dataclass(frozen=True)
class Guard:
    """``text`` stands once in ``file``; ``tests`` are what pytest is to run, from tests/."""

    name: str
    file: str
    text: str
    without: str
    tests: tuple[str, ...]

    @property
    def path(self) -> Path:
        return ROOT / self.file


def lock(name: str, file: str, text: str, *tests: str) -> Guard:
    """Rows are read as ever, and not locked."""
    return Guard(
        name, file, text, re.sub(r"select_for_update\((\([^)]*\)|[^()])*\)", "all()", text), tests
    )


def log_in(file: str, view: str) -> Guard:
    methods = {match[2]: match[1] for match in VIEWS.finditer((ROOT / file).read_text())}
    text = f"@login_required\n{methods[view]}def {view}("
    return Guard(
        f"log-in for {view}",
        file,
        text,
        text.removeprefix("@login_required\n"),
        (f"{WHOSE}::test_the_anonymous_are_sent_to_the_log_in_from_every_page",),
    )


VIEWS = re.compile(r"@login_required\n((?:@.*\n)*)def (\w+)\(")
WHOSE = "tests/test_object_permissions.py"
RACES = "tests/concurrency/test_negative_controls.py"
RACE = f"{RACES}::test_each_guard_alone_keeps_the_promise_and_without_any_it_breaks"
HOLDS = "tests/concurrency/test_holds.py"
PAYMENTS = "tests/concurrency/test_payments.py"
QUEUE = "tests/concurrency/test_queue.py"
TICKETS = "tests/concurrency/test_tickets.py"
OFF = "tests/concurrency/test_cancelled_schedule.py"
TOGETHER = "tests/concurrency/test_buying_together.py"
APART = "tests/test_rehearsal_apart.py"
LOCKS = "tests/concurrency/test_every_lock.py"
SESSIONS = "tests/concurrency/test_sessions.py"
FAULTS = "tests/test_line_faults.py"
RATE_LIMIT = "tests/test_rate_limit.py"
LOG_IN = "tests/test_log_in.py"
ADDRESS = "tests/test_email_address.py"
RESET = "tests/test_password_reset.py"
ADMIN = "tests/test_admin_pages.py"
EXPORTS = "tests/test_exports.py"
FORMS = "tests/test_admin_forms.py"
PEOPLE = "tests/test_admin_people.py"
PROGRAMME = "tests/test_admin_programme.py"
NAMES = "tests/test_seat_names.py"
CHECK_IN = "tests/test_check_in.py"
ROOMS = "tests/test_admin_rooms.py"
SEATS_REMOVED = "tests/test_remove_seats.py"

LOCKED = [
    lock(
        "an export while a slice of it is written",
        "accounts/exports.py",
        'unfinished.select_for_update(skip_locked=True, of=("self",))',
        f"{EXPORTS}::test_two_workers_write_two_exports_side_by_side",
    ),
    lock(
        "a session while its token is refreshed",
        "accounts/app_tokens.py",
        "Session.objects.select_for_update(no_key=True).filter(pk=session_key)",
        f"{SESSIONS}::test_two_refreshes_at_once_give_one_pair_that_works",
    ),
    lock(
        "a user while the password changes",
        "accounts/models.py",
        "User.objects.select_for_update(no_key=True).filter(pk=self.pk)",
        f"{SESSIONS}::test_a_stale_form_that_brings_the_old_password_back"
        "_ends_the_sessions_of_the_new_one",
    ),
    Guard(
        "a user while a session is saved",
        "accounts/sessions.py",
        "AND is_active FOR SHARE",
        "AND is_active",
        (f"{SESSIONS}::test_a_log_in_during_a_password_change_is_not_cached",),
    ),
    Guard(
        "a user while the sessions end",
        "accounts/sessions.py",
        '" FOR NO KEY UPDATE"',
        '""',
        (f"{SESSIONS}::test_a_log_in_that_has_not_committed_is_ended_with_the_others",),
    ),
    Guard(
        "a look at the session after the cache has it",
        "accounts/sessions.py",
        "if is_cached and SESSION_KEY in data and not self._is_still_good(data):",
        "if False:",
        (f"{SESSIONS}::test_a_session_that_ends_while_it_is_loaded_is_not_kept_in_the_cache",),
    ),
    Guard(
        "a session's key after the commit that ended it",
        "accounts/sessions.py",
        "        transaction.on_commit(partial(_forget, keys))\n",
        "",
        (
            f"{SESSIONS}::test_a_session_that_is_loaded_before_its_end_commits"
            "_is_not_kept_in_the_cache",
        ),
    ),
    lock(
        "a charge while it is settled",
        "accounts/services.py",
        "Charge.objects.select_for_update(no_key=True).get(pk=charge_id)",
        f"{RACE}[one_charge_is_settled_twice-without-0]",
    ),
    lock(
        "a balance while it moves",
        "accounts/services.py",
        "Balance.objects.select_for_update(no_key=True)\n        .filter(user=Param(",
        f"{RACE}[two_charges_are_settled_at_once-without-0]",
    ),
    lock(
        "balances while a schedule's buyers are refunded",
        "accounts/services.py",
        "Balance.objects.select_for_update(no_key=True).filter(user__in=user_ids)",
        f"{LOCKS}::test_a_charge_waits_for_a_refund_of_the_sweep",
    ),
    Guard(
        "one request under one key at a time",
        "accounts/idempotency.py",
        '"SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 1))"',
        '"SELECT hashtextextended(%s, 1) IS NOT NULL"',
        ("tests/test_forms_sent_twice.py",),
    ),
    Guard(
        "one form under one key at a time",
        "accounts/idempotency.py",
        '"SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))"',
        '"SELECT hashtextextended(%s, 1)"',
        (f"{FORMS}::test_the_generator_sent_twice_at_the_same_moment_adds_its_seats_once",),
    ),
    lock(
        "a row while its form is compared and saved",
        "concertbook/admin.py",
        "model._base_manager.select_for_update(no_key=True)",
        f"{FORMS}::test_of_two_forms_sent_at_the_same_moment_one_is_refused",
    ),
    lock(
        "a schedule while it is deleted",
        "concerts/services/schedule_rules.py",
        'rows = schedules.select_for_update(of=("self",)).order_by("pk")',
        f"{NAMES}::test_a_schedule_is_deleted_with_the_seats_that_are_just_being_added",
    ),
    lock(
        "a seat's schedule before the seat",
        "concerts/services/seating.py",
        'ConcertSchedule.objects.select_for_update(no_key=True, of=("self",)).filter(',
        f"{LOCKS}::test_a_seats_form_and_the_removal_of_its_row_do_not_wait_for_each_other",
    ),
    lock(
        "seats while they are removed",
        "concerts/services/seating.py",
        'locked = seats.select_for_update(of=("self",)).order_by("pk")',
        f"{LOCKS}::test_a_seat_is_not_removed_while_it_is_being_held",
        f"{LOCKS}::test_a_schedule_is_not_deleted_while_a_seat_of_it_is_being_held",
    ),
    lock(
        "seats while they are held",
        "concerts/services/seating.py",
        "_wanted_seats(Seat.objects.select_for_update(no_key=True))",
        f"{RACE}[two_people_hold_one_seat-without-0]",
    ),
    lock(
        "a schedule while seats are added or named",
        "concerts/services/seating.py",
        "schedules = ConcertSchedule.objects.select_for_update(no_key=True)",
        f"{LOCKS}::test_seats_added_by_two_at_once_are_numbered_on",
        f"{NAMES}::test_of_two_operators_who_give_one_label_one_is_refused",
    ),
    lock(
        "a seat while it is edited",
        "concerts/services/seating.py",
        "Seat.objects.select_for_update(no_key=True).filter(pk=seat_id)",
        f"{LOCKS}::test_a_seat_keeps_the_price_that_somebody_is_just_holding_it_for",
    ),
    lock(
        "a room while somebody is let in",
        "queueing/services/admission.py",
        "WaitingRoom.objects.select_for_update(no_key=True, skip_locked=True)",
        f"{RACE}[two_ticks_fill_one_place-without-0]",
    ),
    lock(
        "places that a tick ends",
        "queueing/services/admission.py",
        "QueueToken.objects.select_for_update(no_key=True, skip_locked=True).filter(room=room)",
        f"{LOCKS}::test_a_tick_leaves_alone_who_is_just_leaving",
    ),
    lock(
        "places that a tick fills",
        "queueing/services/admission.py",
        'line = line.select_for_update(no_key=True).order_by("position")',
        f"{LOCKS}::test_who_is_just_leaving_is_not_let_in",
    ),
    lock(
        "the token at the gate",
        "queueing/services/gate.py",
        'QueueToken.objects.select_for_update(of=("self",), no_key=True).order_by("room_id")',
        f"{RACE}[one_person_holds_past_the_limit-without-0]",
    ),
    Guard(
        "places while their last request is written back",
        "queueing/services/index.py",
        "FOR NO KEY UPDATE OF queueing_queuetoken SKIP LOCKED",
        "",
        (f"{LOCKS}::test_writing_back_waits_for_nobody",),
    ),
    Guard(
        "one builder of an index at a time",
        "queueing/services/index.py",
        '"SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"',
        '"SELECT hashtextextended(%s, 0) IS NOT NULL"',
        (f"{FAULTS}::test_the_index_is_built_by_one_builder_at_a_time",),
    ),
    Guard(
        "a builder that is done lets the next one build",
        "queueing/services/index.py",
        '"SELECT pg_advisory_unlock(hashtextextended(%s, 0))"',
        '"SELECT hashtextextended(%s, 0)"',
        (f"{LOCKS}::test_an_index_is_built_again_by_somebody_else",),
    ),
    Guard(
        "a number on its way to the commit",
        "queueing/services/places.py",
        "CROSS JOIN LATERAL pg_advisory_xact_lock_shared(hashtextextended(room.id::text, 0))",
        "",
        (f"{QUEUE}::test_a_join_that_has_its_number_but_has_not_committed_is_not_overtaken",),
    ),
    lock(
        "a stay that is over while its user joins anew",
        "queueing/services/places.py",
        "token = stays.select_for_update(no_key=True).first()",
        f"{LOCKS}::test_joining_again_from_two_windows_ends_the_old_stay_once",
    ),
    lock(
        "a place while it is given up",
        "queueing/services/places.py",
        "mine = QueueToken.objects.select_for_update(no_key=True)",
        f"{QUEUE}::test_leaving_twice_at_once_is_leaving_once",
    ),
    lock(
        "a room while an operator changes it",
        "queueing/services/rooms.py",
        "rooms = WaitingRoom.objects.select_for_update(no_key=True)",
        f"{LOCKS}::test_of_two_operators_one_has_changed_the_room",
    ),
    lock(
        "rooms while they are deleted",
        "queueing/services/rooms.py",
        'WaitingRoom.objects.select_for_update().filter(pk__in=keys).order_by("pk")',
        f"{LOCKS}::test_nobody_joins_a_room_between_the_check_and_its_deletion",
    ),
    lock(
        "a line while it is sent home",
        "queueing/services/rooms.py",
        "QueueToken.objects.waiting().select_for_update(no_key=True).filter(room=room)",
        f"{LOCKS}::test_who_leaves_while_the_line_is_sent_home_ends_once",
    ),
    lock(
        "stays while all of a room's are ended",
        "queueing/services/rooms.py",
        "QueueToken.objects.live().select_for_update(no_key=True).filter(room=room_id)",
        f"{LOCKS}::test_who_leaves_while_all_stays_are_ended_ends_once",
    ),
    lock(
        "a seat while its ticket is cancelled",
        "payments/services/cancellations.py",
        "Seat.objects.select_for_update(no_key=True).get(pk=seat_id)",
        f"{LOCKS}::test_a_cancellation_takes_its_locks_in_the_order_of_the_house",
    ),
    lock(
        "a reservation while its ticket is cancelled",
        "payments/services/cancellations.py",
        'Reservation.objects.select_for_update(of=("self",), no_key=True).get(',
        f"{LOCKS}::test_a_cancellation_takes_its_locks_in_the_order_of_the_house",
    ),
    lock(
        "a ticket while it is cancelled",
        "payments/services/cancellations.py",
        "ticket = mine.select_for_update(no_key=True).get()",
        f"{RACE}[a_ticket_is_used_and_refunded-without-0]",
    ),
    *(
        Guard(
            f"{what} while they are paid",
            "payments/services/baskets.py",
            '_of_user().select_for_update(of=("seat", "self"), no_key=True)',
            f'_of_user().select_for_update(of=("{other}",), no_key=True)',
            (f"{LOCKS}::test_a_payment_takes_its_locks_in_the_order_of_the_house",),
        )
        for what, other in (("seats", "self"), ("reservations", "seat"))
    ),
    lock(
        "seats while many people hold some",
        "concerts/services/seating.py",
        "_wanted_seats(Seat.objects.select_for_update(no_key=True, skip_locked=True))",
        f"{TOGETHER}::test_a_hold_that_would_have_to_wait_keeps_nobody_else_waiting",
    ),
    lock(
        "the tokens of many people at the gate",
        "queueing/services/gate.py",
        'QueueToken.objects.select_for_update(of=("self",), no_key=True, skip_locked=True)',
        f"{TOGETHER}::test_a_hold_that_would_have_to_wait_keeps_nobody_else_waiting",
    ),
    *(
        Guard(
            f"{what} while many people pay",
            "payments/services/baskets.py",
            '_of_users().select_for_update(of=("seat", "self"), no_key=True, skip_locked=True)',
            f'_of_users().select_for_update(of=("{other}",), no_key=True, skip_locked=True)',
            (f"{TOGETHER}::test_a_payment_that_would_have_to_wait_keeps_nobody_else_waiting",),
        )
        for what, other in (("seats", "self"), ("reservations", "seat"))
    ),
    lock(
        "balances while many people pay",
        "accounts/services.py",
        "Balance.objects.select_for_update(no_key=True, skip_locked=True)",
        f"{TOGETHER}::test_a_payment_that_would_have_to_wait_keeps_nobody_else_waiting",
    ),
    Guard(
        "the keys of many people's payments",
        "accounts/idempotency.py",
        "asks.at, pg_try_advisory_xact_lock(hashtextextended(asks.name, 1))",
        "asks.at, hashtextextended(asks.name, 1) IS NOT NULL",
        (f"{TOGETHER}::test_a_payment_that_would_have_to_wait_keeps_nobody_else_waiting",),
    ),
    lock(
        "a ticket at the door",
        "payments/services/check_ins.py",
        'Ticket.objects.select_for_update(of=("self",), no_key=True)',
        f"{RACE}[one_ticket_is_scanned_twice-without-0]",
        f"{CHECK_IN}::test_two_who_undo_one_check_in_undo_it_once",
    ),
    lock(
        "a seat while it is let go",
        "payments/services/releases.py",
        "Seat.objects.select_for_update(no_key=True).get(pk=seat_id)",
        f"{LOCKS}::test_letting_go_takes_its_locks_in_the_order_of_the_house",
    ),
    lock(
        "a reservation while it is let go",
        "payments/services/releases.py",
        "reservation = mine.select_for_update(no_key=True).get()",
        f"{LOCKS}::test_letting_go_takes_its_locks_in_the_order_of_the_house",
    ),
    lock(
        "seats that a sweep frees",
        "payments/services/releases.py",
        'Seat.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))',
        f"{HOLDS}::test_two_sweeps_and_a_buyer_free_an_overdue_seat_once",
        f"{PAYMENTS}::test_a_payment_that_has_read_the_clock_in_time_wins_over_the_sweep",
    ),
    lock(
        "a schedule while it is edited",
        "concerts/services/schedule_rules.py",
        "schedules = ConcertSchedule.objects.select_for_update(no_key=True)",
        f"{OFF}::test_cancelling_waits_while_a_program_checks_the_rules_and_writes_them",
    ),
    lock(
        "a schedule while it is cancelled",
        "payments/services/schedule_cancellation.py",
        "schedules = ConcertSchedule.objects.select_for_update(no_key=True)",
        f"{OFF}::test_two_operators_at_once_cancel_once",
    ),
    lock(
        "reservations of a cancelled schedule",
        "payments/services/schedule_cancellation.py",
        'live.select_for_update(no_key=True).filter(seat__in=seats).order_by("pk")',
        f"{LOCKS}::test_the_sweep_of_refunds_takes_its_locks_in_the_order_of_the_house",
    ),
    lock(
        "tickets of a cancelled schedule",
        "payments/services/schedule_cancellation.py",
        'list(tickets.select_for_update(no_key=True).order_by("pk").values_list("pk"))',
        f"{LOCKS}::test_the_sweep_of_refunds_takes_its_locks_in_the_order_of_the_house",
    ),
    lock(
        "seats of a cancelled schedule",
        "payments/services/schedule_cancellation.py",
        "free = Seat.objects.select_for_update(skip_locked=True, no_key=True)",
        f"{LOCKS}::test_the_sweep_of_refunds_passes_over_a_seat_that_its_buyer_is_at",
    ),
]


LOGGED_IN = [
    *(log_in("accounts/views.py", view) for view in ("balance",)),
    *(
        log_in("accounts/account_views.py", view)
        for view in ("account", "change_email", "send_proof")
    ),
    *(log_in("queueing/views.py", view) for view in ("waiting_room", "place", "leave")),
    *(
        log_in("payments/views.py", view)
        for view in (
            "seats",
            "check_out",
            "reservation_list",
            "release_reservation",
            "ticket_list",
            "ticket",
            "ticket_qr",
            "cancel_ticket",
        )
    ),
    Guard(
        "log-in for the API",
        "concertbook/settings.py",
        "rest_framework.permissions.IsAuthenticated",
        "rest_framework.permissions.AllowAny",
        (f"{WHOSE}::test_the_anonymous_are_told_so_by_every_call",),
    ),
    Guard(
        "the pages' forms against forgery",
        "concertbook/settings.py",
        '    "django.middleware.csrf.CsrfViewMiddleware",\n',
        "",
        ("tests/test_pages_buying.py::test_a_form_without_its_token_is_refused_in_words",),
    ),
    Guard(
        "browsers on the API against forgery",
        "concertbook/http/problems.py",
        "            super().enforce_csrf(request)",
        "            pass",
        ("tests/test_bad_input.py::test_a_browsers_session_needs_the_csrf_token",),
    ),
    Guard(
        "the door is for staff with its permission",
        "payments/api.py",
        'return bool(user.is_staff and user.has_perm("payments.check_in_ticket"))',
        "return bool(user.is_authenticated)",
        ("tests/test_bad_input.py::test_a_customer_is_no_doorkeeper",),
    ),
    Guard(
        "the door is for staff, not only for a permission",
        "payments/api.py",
        "bool(user.is_staff and user.has_perm(",
        "bool(user.has_perm(",
        ("tests/test_bad_input.py::test_a_customer_is_no_doorkeeper",),
    ),
    Guard(
        "who may check in",
        "payments/api.py",
        "class CheckIns(APIView):\n    permission_classes = (MayCheckIn,)\n",
        "class CheckIns(APIView):\n",
        ("tests/test_bad_input.py::test_a_customer_is_no_doorkeeper",),
    ),
    Guard(
        "who may undo a check-in",
        "payments/api.py",
        "class CheckInUndo(APIView):\n    permission_classes = (MayCheckIn,)\n",
        "class CheckInUndo(APIView):\n",
        ("tests/test_check_in.py::test_a_check_in_is_undone_by_those_alone_who_may_check_in",),
    ),
]


def owner(whose: str, file: str, text: str, without: str, *tests: str) -> Guard:
    return Guard(f"whose {whose}", file, text, without, tests)


OWNED = [
    owner(
        "export",
        "accounts/admin.py",
        "return exports.filter(user=request.user)",
        "return exports",
        f"{EXPORTS}::test_another_operator_does_not_find_an_export",
    ),
    owner(
        "balance",
        "accounts/services.py",
        "Balance.objects.filter(user=user).values_list",
        "Balance.objects.values_list",
        f"{WHOSE}::test_a_balance_is_ones_own",
    ),
    owner(
        "ledger",
        "accounts/services.py",
        "BalanceHistory.objects.filter(balance__user=user)",
        "BalanceHistory.objects.all()",
        f"{WHOSE}::test_a_list_has_ones_own_alone[history]",
    ),
    owner(
        "key",
        "accounts/idempotency.py",
        'IdempotencyKey.objects.filter(user=Param("user"), key=Param("key"))',
        'IdempotencyKey.objects.filter(key=Param("key"))',
        "tests/test_idempotency.py::test_keys_of_two_people_do_not_meet",
    ),
    owner(
        "lot, before the draw",
        "queueing/services/draw.py",
        'filter(checked("status", "WAITING"), user=user, room=draw.room)',
        'filter(checked("status", "WAITING"), room=draw.room)',
        f"{WHOSE}::test_a_lot_is_ones_own",
    ),
    owner(
        "lot, after the draw",
        "queueing/services/draw.py",
        "participants.filter(user=user).first()",
        "participants.first()",
        "tests/test_draw.py::test_who_came_too_late_has_no_lot",
    ),
    owner(
        "end of a place",
        "queueing/services/endings.py",
        "QueueEntryHistory.objects.filter(user=user, token__room=room)",
        "QueueEntryHistory.objects.filter(token__room=room)",
        f"{WHOSE}::test_how_it_ended_is_ones_own",
    ),
    owner(
        "token, to buy",
        "queueing/services/gate.py",
        '_of_the_gate(tokens.filter(user=Param("user")))',
        "_of_the_gate(tokens)",
        "tests/test_gate.py::test_no_way_in_opens_to_a_token_that_is_no_good",
    ),
    owner(
        "token, to look",
        "queueing/services/gate.py",
        'tokens.filter(checked("status", "ACTIVE"), user=user, room=room_id)',
        'tokens.filter(checked("status", "ACTIVE"), room=room_id)',
        "tests/test_gate.py::test_no_way_in_opens_to_a_token_that_is_no_good",
    ),
    owner(
        "stay that is over",
        "queueing/services/places.py",
        'filter(checked("status", "ACTIVE"), user=user, room=room)',
        'filter(checked("status", "ACTIVE"), room=room)',
        f"{LOCKS}::test_who_joins_again_ends_ones_own_stay_alone",
    ),
    owner(
        "place, to leave",
        "queueing/services/places.py",
        ".filter(pk=token, user=user)",
        ".filter(pk=token)",
        f"{WHOSE}::test_what_is_anothers_is_not_found_by_any_call[leaving]",
    ),
    owner(
        "place that the index does not know",
        "queueing/services/polling.py",
        'filter(checked("status", "WAITING"), pk=token, user=user_id)',
        'filter(checked("status", "WAITING"), pk=token)',
        f"{LOCKS}::test_anothers_place_is_not_found_where_the_index_has_lost_it",
    ),
    owner(
        "place in a room",
        "queueing/services/polling.py",
        "QueueToken.objects.live().filter(user=user, room=room)",
        "QueueToken.objects.live().filter(room=room)",
        f"{WHOSE}::test_the_anonymous_are_sent_to_the_log_in_from_every_page",
        f"{LOCKS}::test_a_room_shows_ones_own_place",
    ),
    owner(
        "place in the table",
        "queueing/services/polling.py",
        'QueueToken.objects.select_related("room").filter(pk=token, user=user_id)',
        'QueueToken.objects.select_related("room").filter(pk=token)',
        f"{WHOSE}::test_what_is_anothers_is_not_found_by_any_call[place]",
    ),
    owner(
        "ticket, to ask what comes back",
        "payments/services/cancellations.py",
        "tickets.filter(user=user, pk=ticket_id)",
        "tickets.filter(pk=ticket_id)",
        f"{WHOSE}::test_what_is_anothers_is_not_found_by_any_call[quote]",
    ),
    owner(
        "ticket, to cancel",
        "payments/services/cancellations.py",
        "Ticket.objects.filter(user=user, pk=ticket_id)",
        "Ticket.objects.filter(pk=ticket_id)",
        f"{WHOSE}::test_what_is_anothers_is_not_found_by_any_call[cancelling]",
    ),
    owner(
        "reservation, to pay",
        "payments/services/baskets.py",
        'Reservation.objects.filter(AnyOf("pk", "reservations"), user=Param("user"))',
        'Reservation.objects.filter(AnyOf("pk", "reservations"))',
        f"{WHOSE}::test_anothers_hold_is_not_paid",
    ),
    owner(
        "reservation, to pay beside others",
        "payments/services/baskets.py",
        "reservations[who]\n",
        "sum(reservations.values(), [])\n",
        TOGETHER,
    ),
    owner(
        "token, to buy beside others",
        "payments/services/holds.py",
        "admissions.pop((wish.user.pk, wish.token), None)",
        "next((a for (_, pk), a in admissions.items() if pk == wish.token), None)",
        f"{TOGETHER}::test_nobody_holds_with_anothers_token_or_one_of_another_room",
    ),
    owner(
        "token, to pay beside others",
        "payments/services/baskets.py",
        "admissions[who], mine",
        "sum(admissions.values(), []), mine",
        f"{TOGETHER}::test_whom_a_rule_keeps_from_paying_pays_nothing_and_keeps_nobody_from_it",
    ),
    owner(
        "answer, beside others",
        "accounts/idempotency.py",
        "ON saved.user_id = asks.who AND saved.key = asks.key",
        "ON saved.key = asks.key",
        f"{TOGETHER}::test_whom_a_rule_keeps_from_paying_pays_nothing_and_keeps_nobody_from_it",
    ),
    owner(
        "overdue holds, that the limit does not count",
        "payments/services/holds.py",
        'checked("status", "HOLD"), user=user, schedule=schedule_id',
        'checked("status", "HOLD"), schedule=schedule_id',
        f"{WHOSE}::test_who_holds_again_frees_ones_own_overdue_holds_alone",
    ),
    owner(
        "reservation, to let go",
        "payments/services/releases.py",
        "Reservation.objects.filter(user=user, pk=reservation_id)",
        "Reservation.objects.filter(pk=reservation_id)",
        f"{WHOSE}::test_what_is_anothers_is_not_found_by_any_call[letting go]",
    ),
    owner(
        "overdue holds, when one looks",
        "payments/services/releases.py",
        'filter(checked("status", "HOLD"), user=user)',
        'filter(checked("status", "HOLD"))',
        f"{WHOSE}::test_who_looks_frees_ones_own_overdue_holds_alone",
    ),
    owner(
        "reservations, to look at",
        "payments/services/reservations.py",
        "return Reservation.objects.filter(user=user)",
        "return Reservation.objects.all()",
        f"{WHOSE}::test_a_list_has_ones_own_alone[reservations]",
    ),
    owner(
        "seats count against a limit",
        "payments/services/reservations.py",
        "Reservation.objects.filter(user=user, schedule=schedule)",
        "Reservation.objects.filter(schedule=schedule)",
        f"{WHOSE}::test_what_others_have_does_not_count_against_ones_own_limit",
    ),
    owner(
        "tickets, to look at",
        "payments/services/tickets.py",
        "return tickets.filter(user=user)",
        "return tickets.all()",
        f"{WHOSE}::test_a_list_has_ones_own_alone[tickets]",
    ),
]


def permission(what: str, file: str, text: str, without: str, *tests: str) -> Guard:
    return Guard(f"permission to {what}", file, text, without, tests)


ANSWER = "(self, request: HttpRequest, obj: Model | None = None) -> bool:\n        return "
OF_USER = "(self, request: HttpRequest, obj: User | None = None) -> bool:\n"
OF_ROOM = "(self, request: HttpRequest, obj: WaitingRoom | None = None) -> bool:\n"
OF_ANY = "(self, request: HttpRequest, obj: Any = None) -> bool:\n"
OF_EXPORT = "(self, request: HttpRequest, obj: Export | None = None) -> bool:\n"
OF_SEAT = "(self, request: HttpRequest, obj: Seat | None = None) -> bool:\n"
PERMITTED = [
    *(
        permission(
            f"{verb} what the sale alone writes",
            "accounts/admin.py",
            f"    def has_{verb}_permission{ANSWER}False",
            f"    def has_{verb}_permission{ANSWER}True",
            f"{ADMIN}::test_the_sales_own_records_cannot_be_written_even_by_a_superuser",
        )
        for verb in ("add", "change", "delete")
    ),
    permission(
        "export",
        "accounts/admin.py",
        "    def has_export_permission(self, request: HttpRequest) -> bool:\n"
        "        # The library lets all of the staff export unless told otherwise.\n"
        "        return bool(self.has_view_permission(request))",
        "    def has_export_permission(self, request: HttpRequest) -> bool:\n        return True",
        "tests/test_admin_export.py::test_who_may_not_see_records_may_not_export_them",
    ),
    permission(
        "look at an export",
        "accounts/admin.py",
        f"    def has_view_permission{OF_EXPORT}"
        "        if obj is not None:\n            return may_export(request.user, obj.model)\n",
        f"    def has_view_permission{OF_EXPORT}"
        "        if obj is not None:\n            return True\n",
        f"{EXPORTS}::test_an_operator_who_may_not_see_the_records_any_more_gets_no_file",
    ),
    permission(
        "see exports among the pages",
        "accounts/admin.py",
        "    def has_module_permission(self, request: HttpRequest) -> bool:\n"
        "        return self.has_view_permission(request)",
        "",
        f"{EXPORTS}::test_exports_are_among_the_pages_of_an_operator_who_may_see_payments_alone",
    ),
    permission(
        "have an export written",
        "accounts/exports.py",
        "        if not may_export(export.user, export.model):",
        "        if False:",
        f"{EXPORTS}::test_an_export_stops_when_its_operator_loses_the_permission",
    ),
    permission(
        "change somebody of the staff",
        "accounts/admin.py",
        f"    def has_change_permission{OF_USER}"
        "        return super().has_change_permission(request, obj) and _may_touch(request, obj)",
        "",
        f"{PEOPLE}::test_staff_cannot_take_over_somebody_of_the_staff",
    ),
    permission(
        "delete a user",
        "accounts/admin.py",
        f"    def has_delete_permission{OF_USER}"
        "        # Money, tickets and the log are under their names: they are made inactive.\n"
        "        return False",
        "",
        f"{PEOPLE}::test_no_user_is_deleted_and_no_page_offers_it",
    ),
    permission(
        "delete a room that has a past",
        "queueing/admin.py",
        f"    def has_delete_permission{OF_ROOM}"
        "        unused = obj is None or not rooms.in_use(WaitingRoom.objects.filter(pk=obj.pk))\n"
        "        return unused and bool(super().has_delete_permission(request, obj))",
        "",
        f"{ROOMS}::test_a_room_with_a_past_has_no_delete_button_and_nothing_below_it_is_read",
    ),
    permission(
        "delete a concert or schedule that has a past",
        "concerts/admin.py",
        f"    def has_delete_permission{OF_ANY}"
        "        unsold = obj is None or not self.sold([obj]).exists()\n"
        "        return unsold and bool(super().has_delete_permission(request, obj))",
        "",
        f"{PROGRAMME}::test_what_sold_is_kept_even_after_the_hold_is_gone",
    ),
    permission(
        "remove seats",
        "concerts/admin.py",
        'description=_("Remove seats"),\n        permissions=["change"],',
        'description=_("Remove seats"),',
        f"{SEATS_REMOVED}::test_who_may_only_look_removes_nothing",
    ),
    permission(
        "give powers",
        "accounts/admin.py",
        "return readonly if request.user.is_superuser else (*readonly, *self.POWERS)",
        "return readonly",
        f"{PEOPLE}::test_staff_cannot_give_powers_to_themselves_or_anybody",
    ),
    permission(
        "make a group",
        "accounts/admin.py",
        "    def has_add_permission(self, request: HttpRequest) -> bool:\n"
        "        return request.user.is_superuser",
        "",
        f"{PEOPLE}::test_staff_cannot_change_what_a_group_may_do",
    ),
    permission(
        "change a group",
        "accounts/admin.py",
        f"    def has_change_permission{ANSWER}request.user.is_superuser",
        "",
        f"{PEOPLE}::test_staff_cannot_change_what_a_group_may_do",
    ),
    permission(
        "delete a group",
        "accounts/admin.py",
        f"    def has_delete_permission{ANSWER}request.user.is_superuser",
        "",
        f"{PEOPLE}::test_staff_cannot_change_what_a_group_may_do",
    ),
    permission(
        "generate seats",
        "concerts/admin.py",
        'description=_("Generate seats"),\n        permissions=["change"],',
        'description=_("Generate seats"),',
        f"{PROGRAMME}::test_who_may_only_look_generates_nothing",
    ),
    permission(
        "add a seat by itself",
        "concerts/admin.py",
        "    def has_add_permission(self, request: HttpRequest) -> bool:\n        return False",
        "",
        f"{PROGRAMME}::test_seats_are_neither_added_nor_deleted_one_by_one",
    ),
    permission(
        "change a seat that somebody has",
        "concerts/admin.py",
        f"    def has_change_permission{OF_SEAT}"
        "        free = obj is None or obj.status == Seat.Status.AVAILABLE\n"
        "        live = obj is None or obj.schedule.cancelled_at is None\n",
        f"    def has_change_permission{OF_SEAT}        free = live = True\n",
        f"{PROGRAMME}::test_a_held_seat_is_read_only",
    ),
    permission(
        "delete a seat by itself",
        "concerts/admin.py",
        f"    def has_delete_permission{OF_SEAT}        return False",
        "",
        f"{PROGRAMME}::test_seats_are_neither_added_nor_deleted_one_by_one",
    ),
    *(
        permission(
            f"{verb.lower()} a room",
            "queueing/admin.py",
            f'description=_("{verb}"),\n        permissions=["change"],',
            f'description=_("{verb}"),',
            f"{ROOMS}::test_who_may_only_look_turns_nothing",
        )
        for verb in ("Open", "Pause", "Pace", "Drain", "Close")
    ),
    permission(
        "change a schedule that was cancelled",
        "payments/schedule_admin.py",
        "    def has_change_permission(\n"
        "        self, request: HttpRequest, obj: ConcertSchedule | None = None\n"
        "    ) -> bool:\n"
        "        # What was cancelled is a record.\n"
        "        live = not isinstance(obj, ConcertSchedule) or obj.cancelled_at is None\n"
        "        return live and bool(super().has_change_permission(request, obj))",
        "",
        "tests/test_cancelled_schedule.py::test_what_was_cancelled_is_a_record",
    ),
    permission(
        "cancel a schedule, what it takes",
        "payments/schedule_admin.py",
        "def has_cancel_permission(self, request: HttpRequest, object_id: Any = None) -> bool:\n"
        '        return bool(request.user.has_perm("concerts.cancel_concertschedule"))',
        "def has_cancel_permission(self, request: HttpRequest, object_id: Any = None) -> bool:\n"
        "        return True",
        "tests/test_cancelled_schedule.py::test_who_may_only_change_schedules_may_not_cancel_them",
    ),
    permission(
        "cancel a schedule",
        "payments/schedule_admin.py",
        '        permissions=["cancel"],\n',
        "",
        "tests/test_cancelled_schedule.py::test_who_may_only_change_schedules_may_not_cancel_them",
    ),
    permission(
        "watch the refunds",
        "payments/schedule_admin.py",
        ', permissions=["view"], icon="undo"',
        ', icon="undo"',
        "tests/test_cancelled_schedule.py::test_who_may_not_look_sees_no_refunds",
    ),
    permission(
        "settle, what it takes",
        "payments/settlement_admin.py",
        "def has_settlement_permission(self, request: HttpRequest) -> bool:\n"
        "        return may_settle(request)",
        "def has_settlement_permission(self, request: HttpRequest) -> bool:\n        return True",
        "tests/test_settlement.py::test_who_may_not_see_all_of_the_records_may_not_settle",
    ),
    permission(
        "settle",
        "payments/settlement_admin.py",
        ', permissions=["settlement"], icon="summarize"',
        ', icon="summarize"',
        "tests/test_settlement.py::test_who_may_not_see_all_of_the_records_may_not_settle",
    ),
]

ENDED = """            JOIN accounts_usersession AS mine
                ON mine.session_id = asks.session AND mine.user_id = asks.who
            JOIN django_session AS live ON live.session_key = asks.session
            WHERE live.expire_date > clock_timestamp()
"""
INSIDE = [
    Guard(
        "a rehearsal's concert, which others do not see",
        "concerts/models.py",
        "return self.filter(waiting_room__rehearsal=rehearsal_of(viewer))",
        "return self.all()",
        (f"{APART}::test_nobody_else_finds_its_concert_in_the_api",),
    ),
    Guard(
        "a rehearsal's schedule, which others do not see",
        "concerts/models.py",
        "return self.filter(concert__waiting_room__rehearsal=rehearsal_of(viewer))",
        "return self.all()",
        (f"{APART}::test_its_seats_are_shown_and_held_on_no_page_of_another_buyer",),
    ),
    Guard(
        "a rehearsal's room, which others do not see",
        "queueing/models.py",
        "return self.filter(rehearsal=rehearsal_of(viewer))",
        "return self.all()",
        (f"{APART}::test_its_pages_are_found_by_its_own_buyers_alone",),
    ),
    Guard(
        "a rehearsal's room, which others do not join",
        "queueing/services/places.py",
        "AND room.rehearsal = person.rehearsal ",
        "",
        (f"{APART}::test_nobody_else_joins_its_room",),
    ),
    Guard(
        "a rehearsal's draw, which is not published",
        "queueing/services/draw.py",
        ', room__rehearsal=""',
        "",
        (f"{APART}::test_a_room_that_draws_lots_for_a_rehearsal_publishes_no_draw",),
    ),
    Guard(
        "the gate, whose time is over, to buy",
        "queueing/services/gate.py",
        "    if not token.admits(now):\n        raise QueueNotAdmitted",
        "    pass",
        ("tests/test_gate.py::test_no_way_in_opens_to_a_token_that_is_no_good[expired]",),
    ),
    Guard(
        "the gate, whose time is over, to look",
        "queueing/services/gate.py",
        "    require_still_inside(found, database_now())\n",
        "",
        ("tests/test_gate.py::test_no_way_in_opens_to_a_token_that_is_no_good[expired]",),
    ),
    Guard(
        "the gate, of another room",
        "payments/services/holds.py",
        "    if sale.room_id != admission.room_id:\n        raise QueueNotAdmitted\n",
        "",
        ("tests/test_gate.py::test_no_way_in_opens_to_a_token_that_is_no_good",),
    ),
    Guard(
        "a ticket that changed since it was read",
        "payments/models.py",
        "Ticket.objects.filter(pk=ticket.pk, version=read)",
        "Ticket.objects.filter(pk=ticket.pk)",
        (f"{LOCKS}::test_a_ticket_that_changed_since_it_was_read_is_not_written",),
    ),
    Guard(
        "an app token's time",
        "accounts/credentials.py",
        "return found if found.expires_at > time.time() else None",
        "return found",
        (
            "tests/test_fast_path.py::test_an_access_token_that_was_good_is_not_when_its_time_is_over",
        ),
    ),
    Guard(
        "a pass's signature",
        "accounts/credentials.py",
        "if not session_key or not constant_time_compare(signature, _sign(user, session_key)):",
        "if not session_key or not user:",
        (
            "tests/test_fast_path.py::test_a_pass_is_worth_nothing_with_another_session_or_another_name",
        ),
    ),
    Guard(
        "a session that is over",
        "queueing/line.py",
        "if KEYS[8] and not is_session_of(KEYS[8], ARGV[6]) then return {'stranger'} end\n",
        "",
        ("tests/test_fast_path.py::test_after_logging_out_django_is_asked_and_says_no",),
    ),
    Guard(
        "a session that is over, to join",
        "queueing/line.py",
        "if KEYS[3] and not is_session_of(KEYS[3], ARGV[3]) then return 'stranger' end\n",
        "",
        ("tests/test_ended_sessions.py",),
    ),
    Guard(
        "a session that is another user's, in line",
        "queueing/line.py",
        "return session and string.find(session, user, 1, true)",
        "return session",
        ("tests/test_forged_tokens.py",),
    ),
    Guard(
        "a session that is another user's, to buy",
        "accounts/credentials.py",
        "ON mine.session_id = asks.session AND mine.user_id = asks.who",
        "ON mine.session_id = asks.session",
        ("tests/test_forged_tokens.py",),
    ),
    *(
        Guard(
            f"the sale before Django, {what}",
            "accounts/credentials.py",
            text,
            without,
            (f"{WHOSE}::test_who_is_not_logged_in_any_more_buys_nothing[{what}]",),
        )
        for what, text, without in (
            ("another password", "if constant_time_compare(user.get_session_auth_hash()", "if (1"),
            ("the session over", ENDED, ""),
            ("the session past its time", "live.expire_date > clock_timestamp()", "true"),
            ("not active", " AND logged_in.is_active", ""),
        )
    ),
    Guard(
        "our own host",
        "concertbook/http/fast_path.py",
        'if not _is_our_host(environ.get("HTTP_HOST", "")):',
        "if False:",
        ("tests/test_fast_path.py::test_another_host_is_left_to_django",),
    ),
    Guard(
        "a body's limit on the fast path",
        "concertbook/http/fast_path.py",
        "body_bytes(environ) > settings.API_MAX_BODY_BYTES:",
        "False:",
        ("tests/test_fast_path_is_django.py::test_both_give_one_answer",),
    ),
    Guard(
        "a hold's key, held alone",
        "payments/services/holds.py",
        "            wish.once.claim()\n",
        "            pass\n",
        ("tests/test_hold_sent_twice.py",),
    ),
    Guard(
        "a hold's key, held with others",
        "payments/services/holds.py",
        "claimed = claim_new(keys) if keys else []",
        "claimed = keys",
        ("tests/test_hold_sent_twice.py",),
    ),
    Guard(
        "users that are active",
        "queueing/services/places.py",
        " AND person.is_active",
        "",
        ("tests/test_fast_path.py::test_who_is_not_active_any_more_does_not_join",),
    ),
    Guard(
        "polls that are counted",
        "queueing/line.py",
        "if wait then return {'often', wait} end\n",
        "",
        ("tests/test_fast_path.py::test_who_asks_too_often_is_told_when_to_come_back",),
    ),
    Guard(
        "joins that are counted",
        "queueing/line.py",
        "    if wait:\n        raise AskedTooOften(wait)\n",
        "",
        ("tests/test_fast_path.py::test_who_wants_to_join_too_often_is_told_when_to_come_back",),
    ),
    Guard(
        "requests that are counted",
        "concertbook/http/rate_limit.py",
        "    if milliseconds:\n        raise TooManyRequests",
        "    if False:\n        raise TooManyRequests",
        (f"{RATE_LIMIT}::test_who_asks_the_api_too_often_is_told_when_to_come_back",),
    ),
    Guard(
        "an address that changed since its link was read",
        "accounts/email_proof.py",
        "filter(pk=user.pk, email=user.email, is_active=True)",
        "filter(pk=user.pk)",
        (
            f"{ADDRESS}::test_a_link_that_was_read_before_the_address_changed_does_not_change_it_back",
        ),
    ),
    Guard(
        "the account's password, asked of the reader of a mailbox",
        "accounts/account_views.py",
        "if not link.user.check_password(password):",
        "if False:",
        (
            f"{ADDRESS}::test_the_reader_of_the_mailbox_does_not_confirm"
            "_an_account_that_is_not_theirs",
        ),
    ),
    Guard(
        "the account's password, asked for another address",
        "accounts/email_change.py",
        "if not user.check_password(password):",
        "if False:",
        (f"{ADDRESS}::test_a_new_address_takes_the_accounts_password",),
    ),
    Guard(
        "sessions that end when an operator changes the address",
        "accounts/email_change.py",
        "            end_sessions(user_ids=[user.pk], except_session=session_key)\n",
        "",
        (f"{ADDRESS}::test_an_operators_change_holds_at_once",),
    ),
    Guard(
        "what a link was made for, unchanged",
        "accounts/email_links.py",
        "if current and constant_time_compare(state, _state(link.kind, user)) else",
        "if current else",
        (f"{RESET}::test_the_link_sets_a_password_and_ends_every_session",),
    ),
    Guard(
        "another person's money, when a mailbox's owner resets the password",
        "accounts/password_reset.py",
        "if must_ask_whose(user) and not keep_account:",
        "if False:",
        (f"{RESET}::test_the_owner_of_the_mailbox_does_not_get_another_persons_money",),
    ),
    Guard(
        "a reset link used twice at once",
        "accounts/password_reset.py",
        "filter(pk=user.pk, password=old, email=user.email, is_active=True)",
        "filter(pk=user.pk)",
        (f"{RESET}::test_a_link_used_twice_at_once_sets_one_password",),
    ),
    Guard(
        "failed log-ins that are counted",
        "accounts/log_in.py",
        "        take(*failures)\n",
        "",
        (f"{LOG_IN}::test_five_wrong_passwords_are_answered_and_the_sixth_attempt_is_refused",),
    ),
    Guard(
        "right guesses beyond the limit",
        "accounts/log_in.py",
        "    check(*failures)\n",
        "",
        (f"{LOG_IN}::test_a_right_guess_beyond_the_limit_learns_nothing",),
    ),
    Guard(
        "log-ins refused before their password is hashed",
        "accounts/log_in.py",
        ", unless=failures)",
        ")",
        (f"{LOG_IN}::test_an_attempt_beyond_the_limit_is_not_hashed",),
    ),
    Guard(
        "sign-ups of the API that are counted",
        "accounts/api.py",
        "        count_sign_up(request._request)\n",
        "",
        (f"{LOG_IN}::test_sign_ups_of_an_address_have_a_limit_of_their_own",),
    ),
    Guard(
        "account forms that are counted",
        "concertbook/settings.py",
        '    "accounts.middleware.FormLimitMiddleware",\n',
        "",
        (f"{LOG_IN}::test_reset_mails_to_one_address_are_limited",),
    ),
    Guard(
        "requests of the API that are counted",
        "concertbook/settings.py",
        '["concertbook.http.request_limits.RequestsPerUser"]',
        "[]",
        (f"{RATE_LIMIT}::test_who_asks_the_api_too_often_is_told_when_to_come_back",),
    ),
    Guard(
        "requests of pages that are counted",
        "concertbook/settings.py",
        '    "concertbook.http.middleware.RateLimitMiddleware",\n',
        "",
        (f"{RATE_LIMIT}::test_who_asks_for_pages_too_often_gets_a_page_that_says_so",),
    ),
    Guard(
        "holds before Django that are counted",
        "payments/fast_path.py",
        "        count_request(user.pk)\n        if asked.token",
        "        if asked.token",
        (f"{RATE_LIMIT}::test_holds_that_are_refused_before_django_are_counted",),
    ),
    Guard(
        "payments before Django that are counted",
        "payments/fast_path.py",
        "            count_request(user.pk)\n            return self.once",
        "            return self.once",
        (f"{RATE_LIMIT}::test_payments_that_are_refused_before_django_are_counted",),
    ),
    Guard(
        "polls that the table can bear",
        "queueing/services/polling.py",
        "            if self._left < 1:",
        "            if False:",
        (f"{FAULTS}::test_polls_beyond_what_the_table_can_bear_are_told_to_come_later",),
    ),
    Guard(
        "an index of another Redis",
        "queueing/line.py",
        'if room.get(b"server", b"").decode() != server["run_id"]:',
        "if not room:",
        (f"{FAULTS}::test_a_redis_that_comes_back_older_than_it_was_is_not_believed",),
    ),
    Guard(
        "no lots are drawn by a web request",
        "queueing/services/admission.py",
        "(may_draw or not is_undrawn(room))",
        "True",
        (f"{FAULTS}::test_a_web_request_never_draws_lots",),
    ),
]

GUARDS = [*LOCKED, *LOGGED_IN, *OWNED, *PERMITTED, *INSIDE]

# Says the word and guards nothing: (file, word).
NO_GUARDS = {
    ("concertbook/db/prepared.py", "select_for_update("),
}


def unguarded(path: Path) -> Iterator[str]:
    """Where something looks like a guard, comments and all, and no guard is listed."""
    source, file = path.read_text(), str(path.relative_to(ROOT))
    listed = [guard.text for guard in GUARDS if guard.file == file]
    spans = [(source.find(text), source.find(text) + len(text)) for text in listed]
    for mark in MARKS.finditer(source):
        inside = any(start <= mark.start() < end for start, end in spans)
        if not inside and (file, mark[0]) not in NO_GUARDS:
            yield f"{file}:{source.count(chr(10), 0, mark.start()) + 1}: {mark[0]}"


def sources() -> Iterator[Path]:
    """The product's code, without what only plays a part in it, and without migrations."""
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            if not {"migrations", "management", "rehearsal"} & set(path.relative_to(ROOT).parts):
                yield path
