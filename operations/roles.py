"""The roles of the staff: one table of what each may do.

``manage.py migrate`` makes a group of each role and gives it exactly these permissions
(services/role_groups.py): what an operator added to or took from one of these groups in the
database is undone by the next migrate, so that the table and docs/roles.md stay true. The admin
shows the groups and does not change them. For anything else make a group beside them, which is
never touched. A member of the staff may have several roles, and may be limited to certain
concerts (concerts/services/staff_concerts.py).

Add the permission of a new page or act to the roles that need it, and no other.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import User

Words = str | Promise


@dataclass(frozen=True)
class Role:
    """``group`` is the group's name in the database, ``name`` and ``duty`` are shown.

    ``credit_limit`` is what a member with grant_credit may give to one person within 30 days
    without a second person, in won (accounts/services/credits.py).
    """

    group: str
    name: Words
    duty: Words
    permissions: frozenset[str]
    credit_limit: int = 0


def _of(app: str, *codenames: str) -> set[str]:
    return {f"{app}.{codename}" for codename in codenames}


def _view(app: str, models: str) -> set[str]:
    return {f"{app}.view_{model}" for model in models.split()}


# What the programme is made of, to look at.
PROGRAMME_SEEN = _view("concerts", "concert concertschedule seat seatstatushistory")
# The line, to look at.
LINE_SEEN = _view("queueing", "waitingroom queuetoken queueentryhistory draw")
# What buyers did, to look at.
SALES_SEEN = _view(
    "payments", "reservation payment refund ticket ticketoffer checkin checkinconflict"
)
PEOPLE_SEEN = _view("accounts", "user balance balancehistory charge credit outgoingmessage")
LOG_SEEN = _view("accounts", "activity")

CHECKING_IN = _of("payments", "check_in_ticket")

SUPPORT = (
    PROGRAMME_SEEN
    | LINE_SEEN
    | SALES_SEEN
    | PEOPLE_SEEN
    | _of("accounts", "resend_message", "help_user", "grant_credit")
    | _of("payments", "refund_ticket", "release_reservation", "move_ticket")
)

SUPPORT_LEAD = (
    SUPPORT
    | LOG_SEEN
    | _of("accounts", "approve_credit", "deactivate_user")
    | _of("payments", "refund_in_full", "give_ticket")
)

PROGRAMME = (
    PROGRAMME_SEEN
    | LINE_SEEN
    | _of("concerts", "add_concert", "change_concert", "delete_concert")
    | _of("concerts", "add_concertschedule", "change_concertschedule", "delete_concertschedule")
    | _of("concerts", "change_seat", "delete_seat")
    | _of("queueing", "add_waitingroom", "change_waitingroom", "delete_waitingroom")
    | _of("payments", "give_ticket")
)

FINANCE = (
    _view("concerts", "concert concertschedule")
    | _view("payments", "reservation payment refund ticket")
    | _view("accounts", "user balance balancehistory charge credit keptidentity")
    | LOG_SEEN
    | _of("accounts", "approve_credit")
    | _of("operations", "export_records")
    | _of("operations", "view_reportmail", "add_reportmail", "change_reportmail")
    | _of("operations", "delete_reportmail")
)

DUTY_MANAGER = (
    PROGRAMME_SEEN
    | LINE_SEEN
    | SALES_SEEN
    | LOG_SEEN
    | CHECKING_IN
    | _of("queueing", "change_waitingroom")
    | _of("concerts", "change_concertschedule", "cancel_concertschedule", "change_seat")
    | _of("payments", "release_reservation")
)

OWNER = (
    CHECKING_IN
    | SUPPORT_LEAD
    | PROGRAMME
    | FINANCE
    | DUTY_MANAGER
    | _of("accounts", "add_user", "change_user", "manage_staff")
    | _of("accounts", "view_document", "add_document", "view_business", "add_business")
    | _view("accounts", "consent idempotencykey")
    | _view("auth", "group")
    | _of("concerts", "view_staffconcert", "add_staffconcert", "delete_staffconcert")
)

ROLES = (
    Role(
        "Door",
        _("Door"),
        _("Lets ticket holders in: scans tickets and undoes a mistaken scan. Sees nothing else."),
        frozenset(CHECKING_IN),
    ),
    Role(
        "Support",
        _("Support"),
        _(
            "Answers buyers: sees what a buyer did, sends messages again, refunds by the policy, "
            "releases a hold, moves a seat, gives small credits."
        ),
        frozenset(SUPPORT),
        credit_limit=30_000,
    ),
    Role(
        "Support lead",
        _("Support lead"),
        _(
            "As Support, and decides what goes beyond the policy: refunds in full, larger credits, "
            "free tickets, accounts that are closed. Reads the log."
        ),
        frozenset(SUPPORT_LEAD),
        credit_limit=100_000,
    ),
    Role(
        "Programme",
        _("Programme"),
        _(
            "Puts shows on sale: concerts, schedules, seats and waiting rooms; gives free tickets. "
            "Sees no buyer's money."
        ),
        frozenset(PROGRAMME),
    ),
    Role(
        "Finance",
        _("Finance"),
        _(
            "Settles and exports: sees payments, refunds, charges and the ledger, approves larger "
            "credits. Changes no show and no buyer."
        ),
        frozenset(FINANCE),
    ),
    Role(
        "Duty manager",
        _("Duty manager"),
        _(
            "Runs the evening: paces, pauses and closes the line, stops or cancels a schedule, "
            "helps at the door."
        ),
        frozenset(DUTY_MANAGER),
    ),
    Role(
        "Owner",
        _("Owner"),
        _("All of it, and staff accounts with their roles, legal pages and the seller's details."),
        frozenset(OWNER),
        credit_limit=300_000,
    ),
)
BY_GROUP = {role.group: role for role in ROLES}


def roles_of(groups: Iterable[str]) -> list[Role]:
    """The roles among groups with these names, in the order of the table."""
    names = set(groups)
    return [role for role in ROLES if role.group in names]


def credit_limit_of(member: User) -> int:
    """What the member may give to one person without a second person, by the highest of their
    roles; 0 without a role."""
    if member.is_superuser:
        return BY_GROUP["Owner"].credit_limit
    roles = roles_of(member.groups.values_list("name", flat=True))
    return max((role.credit_limit for role in roles), default=0)


# What the permissions that are no model's add, change, delete or view are called; Django stores the
# English name, which is translated where it is shown (accounts/permission_words.py).
PERMISSION_NAMES = (
    _("Can send a message again"),
    _("Can end a user's sessions and send a link for a new password"),
    _("Can deactivate an account"),
    _("Can make staff accounts and give them roles"),
    _("Can give a small credit out of goodwill"),
    _("Can approve a larger credit"),
    _("Can cancel a schedule and refund every buyer in full"),
    _("Can check in tickets at the door, and undo it"),
    _("Can refund a ticket by its policy"),
    _("Can refund a ticket in full, or without its fee"),
    _("Can release a buyer's hold"),
    _("Can move a buyer to another seat"),
    _("Can take lists and reports away as files"),
    _("Can give a free ticket"),
)
