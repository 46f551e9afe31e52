"""The end of an account at its user's request.

1. The user asks for it with the password (request_deletion). It is refused while something is left
   that the user would lose: a ticket of a show to come, a hold, an offer, money. Money may be given
   up expressly. All sessions end.
2. Within settings.DELETION_GRACE_DAYS a log-in undoes it (undo_deletion), and gives the money back.
3. A sweep then replaces all that names the person (erase_due_accounts). What the law has us keep
   stays: the rows of contracts and money, and apart from them who they were made with
   (KeptIdentity). The address is free for a new account.
4. Another sweep deletes that too when its term is over (forget_kept_identities).

What comes back to an account later is in services/owed_money.py.

A deletion takes the balance's lock and then the user's row FOR UPDATE. So it and a purchase of the
same user, which locks the balance, are one after the other: the purchase is seen, or finds no
money. A top-up and a ticket that is handed on lock the user's row FOR KEY SHARE by triggers
(accounts_no_charge_for_closing_account, payments_no_ticket_for_closing_account), and are refused
afterwards.
"""

import datetime as dt
import logging
import uuid

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.errors import AccountClosing, AccountInUse, WrongPassword
from accounts.models import Balance, BalanceHistory, KeptIdentity, OutgoingMessage, User
from accounts.personal_data import Obstacle, find_obstacles, last_contract, parts
from accounts.rate_limits import DELETIONS
from accounts.services.ledger import LedgerEntry, lock_balance, write_lines
from accounts.services.outbox import new_message, queue
from accounts.sessions import end_sessions
from concertbook.db.clock import StatementTime, database_now
from concertbook.http.rate_limit import take
from concertbook.templatetags.money import won

logger = logging.getLogger(__name__)

# Article 6 of the decree of the Act on the Consumer Protection in Electronic Commerce
# (docs/personal-data.md).
KEPT = dt.timedelta(days=5 * 365 + 2)
MOST_IN_A_ROUND = 100
# The reasons of the ledger's lines.
GIVEN_UP = "given_up"
GIVEN_BACK = "given_back"


def list_obstacles(*, user: User) -> list[Obstacle]:
    """Why the account cannot be deleted now, the balance apart, for a page that explains it.
    Nothing is locked."""
    return find_obstacles(user, StatementTime())


def request_deletion(*, user: User, password: str, give_up: int = 0) -> dt.datetime:
    """Ask for the end of the account; returns when it comes.

    ``give_up`` is the balance in won that the user gives up. Raises TooManyRequests, WrongPassword,
    and AccountInUse, which names all obstacles.
    """
    take(DELETIONS.of(user.pk))
    if not user.check_password(password):
        raise WrongPassword
    with transaction.atomic(durable=True):
        balance, locked = _lock(user.pk)
        if locked.password != user.password:
            raise WrongPassword
        now = database_now()
        obstacles = find_obstacles(locked, now)
        if balance.amount and give_up != balance.amount:
            obstacles.append(_of_money(balance.amount))
        if obstacles:
            listed = [{"code": each.code, "detail": each.message} for each in obstacles]
            raise AccountInUse(obstacles=listed)
        if balance.amount:
            _write(balance, -balance.amount, GIVEN_UP, now)
        locked.closes_at = now + dt.timedelta(days=settings.DELETION_GRACE_DAYS)
        locked.save(update_fields=["closes_at", "updated_at"])
        queue([new_message(kind="deletion_requested", user=locked)])
        end_sessions(user_ids=[user.pk])
    user.closes_at = locked.closes_at
    return locked.closes_at


def _of_money(amount: int) -> Obstacle:
    said = _("Your balance is %(amount)s. Have it paid out, or give it up.")
    return Obstacle("balance", said % {"amount": won(amount)})


def _lock(user_id: uuid.UUID) -> tuple[Balance, User]:
    """The balance and then the user, FOR UPDATE: no row that refers to the user can be committed
    meanwhile."""
    return lock_balance(user_id=user_id), User.objects.select_for_update().get(pk=user_id)


def _write(balance: Balance, amount: int, reason: str, now: dt.datetime) -> None:
    entry = LedgerEntry(
        type=BalanceHistory.Type.OTHER, amount=amount, source=uuid.uuid4(), at=now, reason=reason
    )
    write_lines(entries=[(balance, entry)])


def require_open(user: User) -> None:
    """Raises AccountClosing for an account that is gone, or whose user has asked for its end.

    Final only if the caller holds the balance's lock: a deletion that is not seen here then comes
    after what the caller gives.
    """
    if not User.objects.filter(pk=user.pk, closes_at=None, deleted_at=None).exists():
        raise AccountClosing


def undo_deletion(*, user: User) -> bool:
    """Keep the account, whose user has just logged in; False when it is deleted already."""
    with transaction.atomic(durable=True):
        balance, locked = _lock(user.pk)
        if locked.deleted_at is not None:
            return False
        if locked.closes_at is not None:
            _keep(balance, locked, database_now())
    user.closes_at = None
    return True


def _keep(balance: Balance, user: User, now: dt.datetime) -> None:
    # Not the last line of all: a refund may have come since.
    given = BalanceHistory.objects.filter(balance=balance, reason__in=[GIVEN_UP, GIVEN_BACK])
    last = given.order_by("-seq").first()
    if last is not None and last.reason == GIVEN_UP:
        _write(balance, -last.amount, GIVEN_BACK, now)
    user.closes_at = None
    user.save(update_fields=["closes_at", "updated_at"])


def erase_due_accounts() -> int:
    """Erase the accounts whose days of grace are over; returns how many.

    An account that has got something since (money, a ticket) is kept, and its user is told.
    """
    due = User.objects.filter(closes_at__lte=database_now()).order_by("closes_at")
    erased = 0
    for user_id in due.values_list("pk", flat=True)[:MOST_IN_A_ROUND]:
        erased += _erase(user_id)
    return erased


def _erase(user_id: uuid.UUID) -> bool:
    with transaction.atomic(durable=True):
        balance, user = _lock(user_id)
        now = database_now()
        # Undone, or erased by another worker, while we waited for the locks.
        if user.closes_at is None or user.closes_at > now:
            return False
        if balance.amount or find_obstacles(user, now):
            logger.warning("Account %s is kept: it has got something since", user_id)
            _keep(balance, user, now)
            queue([new_message(kind="account_kept", user=user)])
            return False
        kept_until = _keep_identity(user, now)
        for part in reversed(parts()):
            part.erase(user)
        if user.email is not None:
            queue([_last_message(user.email, user.language, kept_until)])
        _replace_person(user, now)
    return True


def _keep_identity(user: User, now: dt.datetime) -> dt.datetime | None:
    """Returns until when; None where no contract was made."""
    last = last_contract(user)
    if last is None or last + KEPT <= now:
        return None
    kept = KeptIdentity.objects.create(
        user=user,
        name=user.name,
        email=user.email or "",
        deleted_at=now,
        kept_until=last + KEPT,
    )
    return kept.kept_until


def _last_message(email: str, language: str, kept_until: dt.datetime | None) -> OutgoingMessage:
    """Not of the user, of whom nothing is left, but to the address; deleted with old messages."""
    data = {"kept_until": kept_until.isoformat()} if kept_until else {}
    return new_message(kind="account_deleted", email=email, language=language, data=data)


def _replace_person(user: User, now: dt.datetime) -> None:
    user.set_unusable_password()
    # By this the sessions end, too (accounts/models/user.py).
    User.objects.filter(pk=user.pk).update(
        email=None,
        email_verified_at=None,
        email_changed_at=now,
        name="",
        language="",
        password=user.password,
        last_login=None,
        is_active=False,
        closes_at=None,
        deleted_at=now,
        updated_at=now,
    )


def forget_kept_identities() -> int:
    """Delete the identities whose term is over; returns how many.

    Not of those to whom money is owed (services/owed_money.py).
    """
    over = KeptIdentity.objects.filter(kept_until__lte=database_now())
    over = over.exclude(user__balance__amount__gt=0)
    deleted, _by_model = over.delete()
    return deleted
