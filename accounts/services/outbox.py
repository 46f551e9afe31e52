"""The outbox: messages to users, sent at least once and in order.

1. A service writes a message in the transaction of its event (new_message with write_rows, or
   queue).
2. A sweep leases the messages that are due and are the oldest of their recipient, composes each
   from the state of that moment, sends it and marks it (send_due). Several sweeps may run.
3. A sweep that dies in between leaves its lease to expire: the message is sent again, with the
   same Message-ID, before any later one of its recipient.
4. After an error the message waits, longer each time. After MOST_ATTEMPTS (about a day), or when
   the mail server refuses its recipient for good, it is given up: FAILED, with the error, in the
   admin. An operator may send it again (replay).

An urgent message may overtake those that are not: a new password does not wait behind ten thousand
reminders, nor behind a mail that a server keeps refusing.
"""

import datetime as dt
import logging
import random
import time
import uuid
from collections.abc import Iterable, Sequence
from enum import Enum, auto
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, Value
from django.utils import translation

from accounts.channels import Senders
from accounts.letter import Letter, letter_kinds
from accounts.models import MutedNotice, OutgoingMessage, User
from accounts.services import activity
from accounts.undeliverable import NotNow, Undeliverable
from concertbook.db.clock import StatementTime, database_now
from concertbook.db.rows import Change, Insert, InsertValues
from concertbook.http.languages import CODES

logger = logging.getLogger(__name__)

Channel = OutgoingMessage.Channel
Status = OutgoingMessage.Status

# A round ends after this time. Leases last longer than the time limit of a task, so that a sender
# is dead before another one gets its messages.
ROUND_SECONDS = 20.0
LEASE = dt.timedelta(seconds=120)
BATCH = 50
# So many errors one after the other end a round: the mail server is away.
MOST_FAILURES = 3
FIRST_DELAY, LONGEST_DELAY = 60.0, 3600.0
MOST_ATTEMPTS = 30
LONGEST_ERROR = 500


class Outcome(Enum):
    """Of one attempt. ``NOT_SENT``: by its own fault, the server takes others."""

    SENT = auto()
    NOT_SENT = auto()
    AWAY = auto()


def new_message(
    *,
    kind: str,
    user: User | None = None,
    email: str | None = None,
    data: dict[str, Any] | None = None,
    channel: Channel = Channel.MAIL,
    recipient: str | None = None,
    language: str = "",
    origin: str = "",
) -> OutgoingMessage:
    """An unsaved message, for write_rows or queue in the transaction of its event.

    It goes to ``email``, by default the user's address; ``recipient`` is the key of a push
    subscription. ``data`` has ids and numbers only. A user without an address gets a message that
    is given up from the start, which an operator can send when there is one.
    """
    to = recipient or email or (user.email if user is not None else None) or ""
    return OutgoingMessage(
        channel=channel,
        kind=kind,
        is_urgent=letter_kinds()[kind].urgent,
        user=user,
        recipient=to,
        data=data or {},
        language=language,
        origin=origin,
        status=Status.QUEUED if to else Status.FAILED,
        last_error="" if to else "The account has no e-mail address.",
    )


def messages_to(told: Sequence[tuple[User, dict[str, Any]]], *, kind: str) -> Change:
    """A message with its data to each of these users, for write_rows; cheaper than new_message, as
    it makes no instances where all of them have an address. ``kind`` is not urgent."""
    if not all(user.email for user, _data in told):
        return Insert([new_message(kind=kind, user=user, data=data) for user, data in told])
    return InsertValues(
        OutgoingMessage,
        [
            {
                "kind": kind,
                "user_id": user.pk,
                "recipient": user.email,
                "data": data,
                "message_id": uuid.uuid4(),
            }
            for user, data in told
        ],
    )


def queue(messages: Iterable[OutgoingMessage]) -> None:
    """Write the messages, in the caller's transaction."""
    OutgoingMessage.objects.bulk_create(messages)


def send_due(*, seconds: float = ROUND_SECONDS) -> int:
    """Send the messages that are due, for at most about ``seconds``; returns how many were sent.

    Urgent ones first, else by the time they are due; for a recipient in their order.
    """
    ends_at = time.monotonic() + seconds
    sent = 0
    with Senders() as senders:
        while time.monotonic() < ends_at:
            batch = _lease_due()
            if not batch:
                break
            delivered, is_up = _send_batch(batch, senders, ends_at)
            sent += delivered
            if not is_up:
                break
    return sent


def _lease_due() -> list[OutgoingMessage]:
    """Lease some messages to this sweep. ``attempts`` then names the lease: each one counts it."""
    older = OutgoingMessage.objects.filter(
        recipient=OuterRef("recipient"),
        is_urgent=OuterRef("is_urgent"),
        is_queued=True,
        pk__lt=OuterRef("pk"),
    )
    due = OutgoingMessage.objects.filter(
        ~Exists(older), is_queued=True, due_at__lte=StatementTime()
    )
    with transaction.atomic():
        locked = due.select_for_update(of=("self",), no_key=True, skip_locked=True)
        # The users are read after the messages are locked (accounts/services/withheld_letters.py).
        batch = list(
            locked.prefetch_related("user").order_by(F("is_urgent").desc(), "due_at", "pk")[:BATCH]
        )
        OutgoingMessage.objects.filter(pk__in=[message.pk for message in batch]).update(
            due_at=StatementTime() + Value(LEASE), attempts=F("attempts") + 1
        )
    for message in batch:
        message.attempts += 1
    return batch


def _send_batch(
    batch: Sequence[OutgoingMessage], senders: Senders, ends_at: float
) -> tuple[int, bool]:
    """How many were sent, and whether the servers answer."""
    muted = _muted(batch)
    sent = failures = 0
    for done, message in enumerate(batch):
        if time.monotonic() > ends_at or failures == MOST_FAILURES:
            _give_back(batch[done:])
            break
        match _send(message, senders, muted):
            case Outcome.SENT:
                sent, failures = sent + 1, 0
            case Outcome.AWAY:
                failures += 1
    return sent, failures < MOST_FAILURES


def _muted(batch: Sequence[OutgoingMessage]) -> set[tuple[Any, str]]:
    """The pairs of user and choice that are switched off."""
    users = {message.user_id for message in batch if _choice(message)}
    if not users:
        return set()
    muted = MutedNotice.objects.filter(user__in=users)
    return set(muted.values_list("user_id", "choice"))


def _choice(message: OutgoingMessage) -> str | None:
    kind = letter_kinds().get(message.kind)
    return kind.choice if kind else None


def _send(message: OutgoingMessage, senders: Senders, muted: set[tuple[Any, str]]) -> Outcome:
    try:
        letter = _compose(message, muted)
    except Exception as bug:  # in one kind of letter: the others go on
        logger.exception("Message %s (%s) cannot be written", message.pk, message.kind)
        _put_off(message, bug)
        return Outcome.NOT_SENT
    if letter is None:
        OutgoingMessage.objects.filter(pk=message.pk).delete()
        return Outcome.NOT_SENT
    try:
        with translation.override(language_of(message)):
            senders.send(message, letter)
    except Undeliverable as refused:
        _give_up(message, refused)
        return Outcome.NOT_SENT
    except NotNow as refused:
        _put_off(message, refused)
        return Outcome.NOT_SENT
    except Exception as away:  # OSError, or an error of a provider's library
        _put_off(message, away)
        senders.reset(message)
        return Outcome.AWAY
    _note_sent(message)
    return Outcome.SENT


def _compose(message: OutgoingMessage, muted: set[tuple[Any, str]]) -> Letter | None:
    """None for a message that is dropped: out of date, switched off, or of a rehearsal."""
    kind = letter_kinds()[message.kind]
    # The buyers of a rehearsal have no mailbox.
    if (message.user_id, kind.choice) in muted or (message.user and message.user.rehearsal):
        return None
    with translation.override(language_of(message)):
        return kind.compose(message)


def _note_sent(message: OutgoingMessage) -> None:
    # Without a look at the lease: also when another sweep has it now, the message is sent.
    same = OutgoingMessage.objects.filter(pk=message.pk, is_queued=True)
    same.update(status=Status.SENT, sent_at=StatementTime(), last_error="")


def language_of(message: OutgoingMessage) -> str:
    """The language to write the message in."""
    language = message.language or (message.user.language if message.user else "")
    return language if language in CODES else "ko"


def _put_off(message: OutgoingMessage, error: Exception) -> None:
    """Wait twice as long as after the error before, up to an hour; not all at the same moment."""
    if message.attempts >= MOST_ATTEMPTS:
        _give_up(message, error)
        return
    logger.warning("Message %s (%s) is not sent: %s", message.pk, message.kind, _in_words(error))
    delay = min(FIRST_DELAY * 2 ** (message.attempts - 1), LONGEST_DELAY)
    wait = dt.timedelta(seconds=delay * random.uniform(0.5, 1.5))
    _leased(message).update(due_at=StatementTime() + Value(wait), last_error=_in_words(error))


def _give_up(message: OutgoingMessage, error: Exception) -> None:
    logger.warning("Message %s (%s) is given up: %s", message.pk, message.kind, _in_words(error))
    _leased(message).update(status=Status.FAILED, last_error=_in_words(error))


def _give_back(batch: Sequence[OutgoingMessage]) -> None:
    """End the leases of messages that were not tried."""
    mine = Q()
    for message in batch:
        mine |= Q(pk=message.pk, attempts=message.attempts)
    same = OutgoingMessage.objects.filter(mine, is_queued=True)
    same.update(due_at=StatementTime(), attempts=F("attempts") - 1)


def _leased(message: OutgoingMessage) -> Any:
    """The message's row, unless another sweep has leased it since."""
    return OutgoingMessage.objects.filter(pk=message.pk, is_queued=True, attempts=message.attempts)


def _in_words(error: Exception) -> str:
    cause = error.__cause__ or error
    return f"{type(cause).__name__}: {cause}".replace("\0", "")[:LONGEST_ERROR]


def replay(*, message_id: int, actor: User | None = None, reason: str = "") -> bool:
    """Queue a message again that was sent or given up, and log it; one without a recipient goes to
    the user's present address. False when it is queued already, or there is still no address."""
    message = OutgoingMessage.objects.select_related("user").get(pk=message_id)
    recipient = message.recipient or (message.user and message.user.email)
    if not recipient:
        return False
    ended = OutgoingMessage.objects.filter(pk=message_id).exclude(is_queued=True)
    with transaction.atomic():
        queued = ended.update(
            recipient=recipient,
            status=Status.QUEUED,
            attempts=0,
            sent_at=None,
            due_at=StatementTime(),
        )
        if queued:
            activity.record(actor=actor, act="message.resend", target=message, reason=reason)
    return bool(queued)


def delete_old(*, kept: dt.timedelta) -> int:
    """Delete what was sent or given up and is older than ``kept``: it is personal data."""
    old = OutgoingMessage.objects.filter(
        created_at__lt=database_now() - kept, status__in=[Status.SENT, Status.FAILED]
    )
    some = list(old.order_by("created_at").values_list("pk", flat=True)[:10_000])
    deleted, _rows = OutgoingMessage.objects.filter(pk__in=some).delete()
    return deleted
