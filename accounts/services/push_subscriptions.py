"""Browsers that show push messages to their user."""

import base64
import binascii

from accounts.models import PushSubscription, User
from accounts.push import is_push_service
from concertbook.errors import Malformed

MOST_PER_USER = 10
LONGEST_ENDPOINT = 1000
# An uncompressed point of P-256, and the shared secret (RFC 8291).
POINT_BYTES, SECRET_BYTES = 65, 16


def subscribe(*, user: User, endpoint: str, p256dh: str, auth: str) -> None:
    """Note that this browser shows push messages to ``user``, also a second time, in the caller's
    transaction.

    A browser that another user had subscribed is the new user's. The oldest one goes when there
    are MOST_PER_USER. Raises Malformed.
    """
    is_valid = (
        len(endpoint) <= LONGEST_ENDPOINT
        and is_push_service(endpoint)
        and _length(p256dh) == POINT_BYTES
        and _length(auth) == SECRET_BYTES
    )
    if not is_valid:
        raise Malformed
    PushSubscription.objects.bulk_create(
        [PushSubscription(user=user, endpoint=endpoint, p256dh=p256dh, auth=auth)],
        update_conflicts=True,
        unique_fields=["endpoint"],
        update_fields=["user", "p256dh", "auth"],
    )
    theirs = PushSubscription.objects.filter(user=user).order_by("-created_at", "pk")
    too_many = list(theirs.values_list("pk", flat=True)[MOST_PER_USER:])
    PushSubscription.objects.filter(pk__in=too_many).delete()


def _length(text: str) -> int:
    """How many bytes these are in base64url; 0 for anything else."""
    try:
        return len(base64.b64decode(text + "=" * (-len(text) % 4), altchars="-_", validate=True))
    except (binascii.Error, ValueError):
        return 0
