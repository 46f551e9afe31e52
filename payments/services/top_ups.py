"""Top up the balance in the middle of a purchase, without losing the seats."""

import uuid
from collections.abc import Sequence

from accounts.models import User
from accounts.services.charges import charge
from accounts.services.idempotency import IdempotentRequest
from payments.errors import TooManySeats
from payments.services.checkout import begin_payment
from payments.services.holds import MOST_AT_ONCE


def top_up_for(
    *, user: User, reservation_ids: Sequence[uuid.UUID], amount: int, once: IdempotentRequest
) -> None:
    """Charge ``amount`` won for held seats. Their holds are extended first, once each, as the
    gateway may take seconds.

    Nothing is charged for seats that cannot be paid any more: of two tabs the second one is told
    that they are paid. Raises what begin_payment and charge raise.
    """
    if len(reservation_ids) > MOST_AT_ONCE:
        raise TooManySeats
    begin_payment(user=user, reservation_ids=reservation_ids)
    charge(user=user, amount=amount, once=once)
