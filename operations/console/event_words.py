"""What each event of a person's timeline is called; the codes are those of services/timeline.py."""

from django.utils.functional import Promise
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

from accounts.acts import words_of
from accounts.letter import kind_in_words
from accounts.templatetags.reasons import reason as reason_in_words
from concertbook.templatetags.money import won
from operations.services.timeline import Event

Words = str | Promise

WORDS: dict[str, Words] = {
    "account.created": _("Opened the account"),
    "account.logged_in": _("Logged in: {detail}"),
    "line.joined": _("Joined the line of {detail}"),
    "line.admitted": _("Was admitted to {detail}"),
    "line.paid": _("Left {detail} after paying"),
    "line.left": _("Left {detail}"),
    "line.timed_out": _("The time inside {detail} was over"),
    "line.idle": _("Lost the place in the line of {detail}: silent for too long"),
    "line.closed": _("{detail} was closed"),
    "hold.began": _("Held the seat for {amount}"),
    "hold.extended": _("The hold was extended"),
    "hold.expired": _("The hold ended: not paid in time"),
    "hold.let_go": _("Released the hold"),
    "hold.let_go_by_staff": _("The hold was released by {other}"),
    "payment.made": _("Paid {amount} from the balance"),
    "payment.failed": _("The payment of {amount} failed: {reason}"),
    "refund.made": _("{amount} refunded to the balance: {reason}"),
    "ticket.issued": _("The ticket was issued"),
    "offer.made": _("Offered the ticket to {other}"),
    "offer.accepted": _("{other} accepted the ticket; the old QR code ended"),
    "offer.declined": _("{other} declined the ticket"),
    "offer.withdrawn": _("Withdrew the offer to {other}"),
    "offer.ended": _("The offer to {other} ended"),
    "offer.received": _("Received the ticket from {other}"),
    "check_in.made": _("Checked in at gate {detail} by {other}"),
    "check_in.undone": _("The check-in was undone by {other}: {detail}"),
    "charge.asked": _("Asked to charge {amount}"),
    "charge.made": _("Charged {amount}"),
    "charge.failed": _("The charge of {amount} was refused: {reason}"),
    "money.other": _("{amount}: {reason}"),
    "money.credit": _("{amount} of goodwill credit"),
    "money.compensation": _("{amount} of compensation"),
    "message.sent": _("Message sent to {other}: {detail}"),
    "message.queued": _("Message waits to be sent to {other}: {detail}"),
    "message.failed": _("Message to {other} was given up: {detail}"),
}
# Good and bad news, to be found by the eye.
TONES = {
    "payment.made": "good",
    "charge.made": "good",
    "ticket.issued": "good",
    "check_in.made": "good",
    "hold.expired": "warn",
    "line.timed_out": "warn",
    "line.idle": "warn",
    "payment.failed": "bad",
    "charge.failed": "bad",
    "message.failed": "bad",
    "refund.made": "info",
    "money.credit": "info",
    "staff": "info",
}


def words_of_event(event: Event) -> str:
    """The event in the active language."""
    if event.what == "staff":
        said = gettext("{who}: {act}").format(who=event.other or "-", act=words_of(event.key))
        return f"{said} ({event.detail})" if event.detail else said
    words = str(WORDS.get(event.what, event.what))
    is_message = event.what.startswith("message.")
    return words.format(
        amount=won(event.amount or 0),
        detail=kind_in_words(event.detail)
        if is_message
        else event.detail or pgettext("no gate", "-"),
        other=event.other or "-",
        reason=reason_in_words(event.detail),
    )
