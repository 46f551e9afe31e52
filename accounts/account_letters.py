"""The messages about an account's devices, its data and its end. All are owed."""

import datetime as dt

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.clients import Client
from accounts.letter import Letter, LetterKind
from accounts.mail_form import site_page
from accounts.models import OutgoingMessage
from concertbook.templatetags.money import won
from concertbook.templatetags.times import when_text


def new_device(message: OutgoingMessage) -> Letter:
    client = Client(*message.data["client"])
    facts = [
        (_("Device"), str(client)),
        (_("Time"), when_text(message.created_at)),
    ]
    if client.network:
        facts.append((_("Network address"), client.network))
    return Letter(
        subject=_("Log-in from a new device"),
        heading=_("Was it you?"),
        paragraphs=[
            _("A device that we have not seen before has logged in to your concertbook account."),
            _("If it was you, there is nothing to do."),
            _(
                "If it was not you, log this device out and choose a new password at once. A new"
                " password logs all devices out."
            ),
        ],
        facts=facts,
        action=(_("See my devices"), site_page(message, "account_devices")),
        notes=[
            _("Choose a new password: %(address)s")
            % {"address": site_page(message, "account_reset_password")}
        ],
    )


def data_copy_ready(message: OutgoingMessage) -> Letter:
    return Letter(
        subject=_("The copy of your data is ready"),
        paragraphs=[
            _(
                "You can download it for a few days, after you log in. If you did not ask for it,"
                " choose a new password."
            )
        ],
        action=(_("To the copy"), site_page(message, "account_data")),
    )


def deletion_requested(message: OutgoingMessage) -> Letter | None:
    user = message.user
    if user is None or user.closes_at is None:
        return None
    return Letter(
        subject=_("Your account will be deleted"),
        paragraphs=[
            _("You asked us to delete your concertbook account. All devices are logged out."),
            _("If you log in before this time, the account stays as it is."),
        ],
        facts=[(_("Deleted on"), when_text(user.closes_at))],
        action=(_("Log in and keep the account"), site_page(message, "account_login")),
        notes=[
            _("If you did not ask for this, log in and choose a new password."),
        ],
    )


def account_kept(message: OutgoingMessage) -> Letter:
    return Letter(
        subject=_("Your account was not deleted"),
        paragraphs=[
            _(
                "Since you asked us to delete your account it has got something that you would"
                " lose: money or a ticket. So we kept it. Log in to see, and ask again."
            )
        ],
        action=(_("Log in"), site_page(message, "account_login")),
    )


def account_deleted(message: OutgoingMessage) -> Letter:
    paragraphs = [
        _(
            "Your concertbook account is deleted, as you asked us to. We write to you about it only"
            " if money comes back to it."
        ),
    ]
    if kept_until := message.data.get("kept_until"):
        until = when_text(dt.datetime.fromisoformat(kept_until))
        paragraphs.append(
            _(
                "The law has us keep records of contracts and payments. They are kept apart from"
                " all else until %(until)s, and then deleted."
            )
            % {"until": until}
        )
    return Letter(
        subject=_("Your account is deleted"),
        paragraphs=paragraphs,
        notes=[_("You can open a new account with this address at any time.")],
    )


def money_owed(message: OutgoingMessage) -> Letter:
    """To the former user of a deleted account, whose identity is kept apart."""
    until = when_text(dt.datetime.fromisoformat(message.data["kept_until"]))
    return Letter(
        subject=_("We owe you money"),
        heading=_("We owe you money"),
        paragraphs=[
            _(
                "Money came back to your concertbook account after it was deleted, as a show was"
                " cancelled. It is yours."
            ),
            _(
                "Answer this mail with the number of a bank account in your name: we pay the money"
                " there. Never send us a password."
            ),
        ],
        facts=[(_("Amount"), won(message.data["won"]))],
        notes=[
            _(
                "For this we keep your name and your address until %(until)s, apart from all else,"
                " and then delete them."
            )
            % {"until": until}
        ],
    )


LETTERS = {
    "new_device": LetterKind(new_device, gettext_lazy("Log-in from a new device")),
    "data_copy_ready": LetterKind(data_copy_ready, gettext_lazy("The copy of your data is ready")),
    "deletion_requested": LetterKind(
        deletion_requested, gettext_lazy("Your account will be deleted")
    ),
    "account_kept": LetterKind(account_kept, gettext_lazy("Your account was not deleted")),
    "account_deleted": LetterKind(account_deleted, gettext_lazy("Your account is deleted")),
    "money_owed": LetterKind(money_owed, gettext_lazy("We owe you money")),
}
