"""What a letter withholds from an address that is not confirmed: it may be another person's, by a
slip of the keyboard, and a ticket's code lets its reader in.

1. The letter is composed without it (payments/letters.py), for a user whose address is not
   confirmed when the message is leased.
2. The transaction that confirms the address queues it once more, whole (send_withheld).
"""

from accounts.letter import letter_kinds
from accounts.models import OutgoingMessage, User
from accounts.services.outbox import new_message, queue

# A mailbox that is confirmed years later gets the newest.
MOST_SENT = 20


def send_withheld(user: User) -> None:
    """Queue what was withheld, as new messages: mailboxes drop a second one with the same
    Message-ID.

    In the transaction that confirms the user's address, after it locked the user's row.
    """
    kinds = [name for name, kind in letter_kinds().items() if kind.needs_proof]
    theirs = OutgoingMessage.objects.filter(user=user, kind__in=kinds)
    # A sweep that has leased one holds its lock until it has read the user: it is seen here as
    # tried, or else the sweep sees the confirmed address.
    locked = theirs.select_for_update(of=("self",), no_key=True).order_by("pk")
    tried = [each for each in locked if not each.is_queued or each.attempts]
    queue(
        new_message(kind=each.kind, user=user, data=each.data, origin=each.origin)
        for each in tried[-MOST_SENT:]
    )
