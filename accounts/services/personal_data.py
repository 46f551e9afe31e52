"""What accounts keeps about a user (accounts/personal_data.py)."""

import datetime as dt
from collections.abc import Sequence

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import (
    BalanceHistory,
    Charge,
    Consent,
    DataCopy,
    IdempotencyKey,
    MutedNotice,
    OutgoingMessage,
    Passkey,
    PushSubscription,
    SecondFactor,
    User,
    UserSession,
)
from accounts.personal_data import Now, Obstacle, PersonalData, Rows, Section, columns
from accounts.services import activity


def _account(user: User) -> Rows:
    fields = "id email email_verified_at name language created_at last_login closes_at"
    return columns(User.objects.filter(pk=user.pk), fields)


def _devices(user: User) -> Rows:
    fields = "client system network logged_in_at last_used_at"
    return columns(UserSession.objects.filter(user=user).order_by("logged_in_at"), fields)


def _consents(user: User) -> Rows:
    consents = Consent.objects.filter(user=user).order_by("pk")
    return consents.values("document", "version", "agreed_at")


def _ledger(user: User) -> Rows:
    fields = "seq type status amount delta balance_after reason source created_at"
    lines = BalanceHistory.objects.filter(balance__user=user).order_by("seq")
    return columns(lines, fields)


def _charges(user: User) -> Rows:
    fields = "id amount status reason created_at charged_at"
    return columns(Charge.objects.filter(user=user).order_by("created_at"), fields)


def _messages(user: User) -> Rows:
    fields = "kind channel recipient status created_at sent_at"
    return columns(OutgoingMessage.objects.filter(user=user).order_by("pk"), fields)


def _push_subscriptions(user: User) -> Rows:
    mine = PushSubscription.objects.filter(user=user).order_by("created_at")
    return columns(mine, "endpoint created_at")


def _muted_notices(user: User) -> Rows:
    return MutedNotice.objects.filter(user=user).order_by("pk").values("choice", "created_at")


def _obstacles(user: User, now: Now) -> Sequence[Obstacle]:
    found = []
    if user.is_staff or user.is_superuser:
        said = _("This is a staff account. An administrator must first make it an ordinary one.")
        found.append(Obstacle("staff", said))
    if Charge.objects.filter(user=user, status=Charge.Status.PENDING).exists():
        said = _("A top-up is still being settled. It takes a few minutes.")
        found.append(Obstacle("charge_pending", said, "balance"))
    return found


def _erase(user: User) -> None:
    """The rows of charges, of the ledger and of consents name no person without the user's name."""
    for model in (
        *(IdempotencyKey, DataCopy, MutedNotice, PushSubscription),
        *(SecondFactor, Passkey),
    ):
        model._base_manager.filter(user=user).delete()
    OutgoingMessage.objects.filter(user=user).delete()
    if user.email:
        OutgoingMessage.objects.filter(recipient=user.email).delete()
    # The log of the staff's changes repeats the name or the address.
    activity.forget(user)


def _last_contract(user: User) -> dt.datetime | None:
    lines = BalanceHistory.objects.filter(balance__user=user).order_by("-seq")
    return lines.values_list("created_at", flat=True).first()


PERSONAL_DATA = PersonalData(
    sections=[
        Section("account", gettext_lazy("Account"), "accounts.User", _account),
        Section("devices", gettext_lazy("Devices"), "accounts.UserSession", _devices),
        Section("consents", gettext_lazy("Consents"), "accounts.Consent", _consents),
        Section("ledger", gettext_lazy("Balance history"), "accounts.BalanceHistory", _ledger),
        Section("messages", gettext_lazy("Messages"), "accounts.OutgoingMessage", _messages),
        Section(
            "push_subscriptions",
            gettext_lazy("Push messages"),
            "accounts.PushSubscription",
            _push_subscriptions,
        ),
        Section(
            "switched_off_notices",
            gettext_lazy("Notices that are switched off"),
            "accounts.MutedNotice",
            _muted_notices,
        ),
        Section("charges", gettext_lazy("Top-ups"), "accounts.Charge", _charges),
    ],
    left_out={
        "accounts.Balance": "its amount is in the last line of the ledger",
        "accounts.Credit": "given ones are lines of the ledger; the rest is how the staff decided",
        "accounts.IdempotencyKey": "answers that were sent already, deleted after a day",
        "accounts.DataCopy": "the copies themselves",
        "accounts.KeptIdentity": "made when the account is deleted",
        "accounts.SecondFactor": "a secret that a member of the staff has on their phone",
        "accounts.Passkey": "public keys of a member of the staff",
        "accounts.Activity": "what the user did as a member of the staff",
        "admin.LogEntry": "the log of earlier versions",
        "account.EmailAddress": "allauth's table, which is not used",
    },
    obstacles=_obstacles,
    erase=_erase,
    last_contract=_last_contract,
)
