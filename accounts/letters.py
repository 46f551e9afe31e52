"""The messages of accounts. None contains text that a user chose."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.email_links import Kind, make_link
from accounts.letter import Choice, Letter, LetterKind
from accounts.mail_form import site_page
from accounts.models import BalanceHistory, OutgoingMessage
from concertbook.templatetags.money import won
from concertbook.templatetags.times import when_text


def verify(message: OutgoingMessage) -> Letter | None:
    user = message.user
    if user is None or user.email_verified or user.email != message.recipient:
        return None
    return Letter(
        subject=_("Confirm your e-mail address"),
        paragraphs=[_("Please confirm your e-mail address for concertbook with this link:")],
        action=(_("Confirm the address"), _link(message, Kind.VERIFY, "account_prove_email")),
        notes=[
            _(
                "The link is good for 24 hours. If you did not open an account, you can say so"
                " there, or do nothing."
            )
        ],
    )


def change(message: OutgoingMessage) -> Letter | None:
    user = message.user
    # A link contains the state of when it is sent: it would be good again after a change.
    if user is None or (user.email_changed_at and user.email_changed_at > message.created_at):
        return None
    return Letter(
        subject=_("Confirm your new e-mail address"),
        paragraphs=[_("Please confirm your new e-mail address for concertbook with this link:")],
        action=(_("Confirm the address"), _link(message, Kind.CHANGE, "account_prove_email")),
        notes=[
            _(
                "The link is good for 24 hours. If you did not ask for this, do nothing: nothing"
                " changes then."
            )
        ],
    )


def changed(message: OutgoingMessage) -> Letter:
    return Letter(
        subject=_("The e-mail address of your account has changed"),
        paragraphs=[
            _(
                "The e-mail address of your concertbook account has been changed. This address logs"
                " in no more, and all other devices are logged out."
            ),
            _("If this was not you, please tell us at once:"),
        ],
        action=(_("Help"), site_page(message, "document", "help")),
    )


def changed_to(message: OutgoingMessage) -> Letter:
    return Letter(
        subject=_("This is now the address of your account"),
        paragraphs=[
            _(
                "Your concertbook account has this e-mail address from now on. Log in with it; your"
                " password is the same."
            )
        ],
        action=(_("Account"), site_page(message, "account")),
    )


def password_changed(message: OutgoingMessage) -> Letter:
    return Letter(
        subject=_("Your password has changed"),
        paragraphs=[
            _("The password of your concertbook account was changed on %(moment)s.")
            % {"moment": when_text(message.created_at)},
            _("If it was not you, choose a new password at once. It ends every other log-in, too."),
        ],
        action=(_("Choose a new password"), site_page(message, "account_reset_password")),
    )


def top_up(message: OutgoingMessage) -> Letter | None:
    line = BalanceHistory.objects.filter(source=message.data["charge"]).first()
    if line is None:
        return None
    return Letter(
        subject=_("Your balance was charged with %(amount)s") % {"amount": won(line.amount)},
        heading=_("Your balance was charged"),
        facts=[
            (_("Amount"), won(line.amount)),
            (_("Charged on"), when_text(line.created_at)),
            (_("Balance after"), won(line.balance_after)),
            (_("Number"), message.data["charge"]),
        ],
        action=(_("My balance"), site_page(message, "balance")),
    )


def credit(message: OutgoingMessage) -> Letter | None:
    line = BalanceHistory.objects.filter(source=message.data["credit"]).first()
    if line is None:
        return None
    return Letter(
        subject=_("You got a credit of %(amount)s") % {"amount": won(line.amount)},
        heading=_("A credit for you"),
        paragraphs=[_("We have added a credit to your balance. You can buy any ticket with it.")],
        facts=[
            (_("Amount"), won(line.amount)),
            (_("Added on"), when_text(line.created_at)),
            (_("Balance after"), won(line.balance_after)),
        ],
        action=(_("My balance"), site_page(message, "balance")),
    )


def claim(message: OutgoingMessage) -> Letter:
    return Letter(
        subject=_("Is this your e-mail address?"),
        paragraphs=[
            _(
                "There was an attempt to sign up at concertbook with this e-mail address. An"
                " account uses it already, but has never confirmed it."
            ),
            _("If you want an account of your own with your address, follow this link:"),
        ],
        action=(_("Open my own account"), _link(message, Kind.CLAIM, "account_claim_email")),
        notes=[
            _(
                "The link is good for 24 hours. If the account is yours, log in as usual and"
                " confirm the address. If you did not ask for this, do nothing."
            )
        ],
    )


def reset(message: OutgoingMessage) -> Letter:
    return Letter(
        subject=_("Choose a new password"),
        paragraphs=[_("Choose a new password for concertbook with this link:")],
        action=(
            _("Choose a new password"),
            _link(message, Kind.RESET, "account_reset_password_from_key"),
        ),
        notes=[
            _(
                "The link is good for 24 hours. If you did not ask for this, do nothing: your"
                " password stays as it is."
            )
        ],
    )


def written_before(message: OutgoingMessage) -> Letter:
    """A reminder that a release without an outbox had queued, as it was written."""
    body = message.data["body"].strip()
    return Letter(message.data["subject"], paragraphs=body.split("\n\n"))


def _link(message: OutgoingMessage, kind: Kind, page: str) -> str:
    """The secret link, made now: none is stored."""
    key = make_link(kind=kind, email=message.recipient, user=message.user)
    return site_page(message, page, key)


LETTERS = {
    "verify": LetterKind(
        verify, gettext_lazy("Confirm your e-mail address"), urgent=True, secret=True
    ),
    "change": LetterKind(
        change, gettext_lazy("Confirm your new e-mail address"), urgent=True, secret=True
    ),
    "claim": LetterKind(
        claim, gettext_lazy("Is this your e-mail address?"), urgent=True, secret=True
    ),
    "reset": LetterKind(reset, gettext_lazy("Choose a new password"), urgent=True, secret=True),
    "changed": LetterKind(
        changed, gettext_lazy("The e-mail address of your account has changed"), urgent=True
    ),
    "changed_to": LetterKind(
        changed_to, gettext_lazy("This is now the address of your account"), urgent=True
    ),
    "password_changed": LetterKind(
        password_changed, gettext_lazy("Your password has changed"), urgent=True
    ),
    "top_up": LetterKind(top_up, gettext_lazy("Your balance was charged"), choice="top_ups"),
    "credit": LetterKind(credit, gettext_lazy("A credit for you")),
    "written_before": LetterKind(written_before, gettext_lazy("Reminder of an earlier version")),
}
CHOICES = {
    "top_ups": Choice(
        gettext_lazy("Receipts of charges"),
        gettext_lazy("A mail for each charge of your balance. The balance page lists them, too."),
    ),
}
