"""Users and their money: user, session, balance, ledger, charge, idempotency key, messages. The
documents that users agree to, the seller's details, and the log of what staff and system did."""

from accounts.models.activity import Activity
from accounts.models.documents import Business, Consent, Document
from accounts.models.idempotency import IdempotencyKey
from accounts.models.messages import MutedNotice, OutgoingMessage, PushSubscription
from accounts.models.money import FREE_TICKET, Balance, BalanceHistory, Charge, Credit
from accounts.models.personal_data import DataCopy, KeptIdentity
from accounts.models.sessions import EndedSession, Passkey, SecondFactor, UserSession
from accounts.models.user import (
    CREDENTIALS,
    LANGUAGES,
    User,
    UserManager,
    UserQuerySet,
    rehearsal_of,
)

__all__ = [
    "CREDENTIALS",
    "FREE_TICKET",
    "LANGUAGES",
    "Activity",
    "Balance",
    "BalanceHistory",
    "Business",
    "Charge",
    "Consent",
    "Credit",
    "DataCopy",
    "Document",
    "EndedSession",
    "IdempotencyKey",
    "KeptIdentity",
    "MutedNotice",
    "OutgoingMessage",
    "Passkey",
    "PushSubscription",
    "SecondFactor",
    "User",
    "UserManager",
    "UserQuerySet",
    "UserSession",
    "rehearsal_of",
]
