"""The card gateway: the only external service."""

import uuid
from dataclasses import dataclass
from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string


@dataclass(frozen=True)
class GatewayAnswer:
    """``reason`` is empty when approved, else the gateway's code, at most 200 characters."""

    approved: bool
    reason: str = ""


class Gateway(Protocol):
    def charge(self, *, charge_id: uuid.UUID, amount: int) -> GatewayAnswer:
        """Charge ``amount`` won. Called again with the same ``charge_id`` it must give the same
        answer and charge nothing more, so that a sweep can finish the charge of a dead process.

        Raises ``OSError`` when the gateway cannot be reached; the outcome is unknown then.
        """


class SandboxGateway:
    """Approves every amount except the documented test amounts, which it declines."""

    DECLINED_AMOUNTS = {
        40_001: "card_declined",
        40_002: "limit_exceeded",
        40_003: "card_expired",
    }

    def charge(self, *, charge_id: uuid.UUID, amount: int) -> GatewayAnswer:
        reason = self.DECLINED_AMOUNTS.get(amount, "")
        return GatewayAnswer(approved=not reason, reason=reason)


def get_gateway() -> Gateway:
    gateway: Gateway = import_string(settings.PAYMENT_GATEWAY)()
    return gateway
