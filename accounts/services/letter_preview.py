"""What a message says, for the staff: as it would be sent now."""

from dataclasses import replace

from django.utils import translation
from django.utils.translation import gettext as _

from accounts.letter import Letter, letter_kinds
from accounts.mail_form import render_letter
from accounts.models import OutgoingMessage
from accounts.services.outbox import language_of


def preview_letter(message: OutgoingMessage) -> str:
    """The letter as HTML, without pictures and attachments: a ticket's code is its holder's.

    A secret letter, one that is out of date and one that cannot be composed are a sentence.
    """
    kind = letter_kinds().get(message.kind)
    if kind is None or kind.secret:
        return _sentence(_("This mail has a secret link, so it is not shown here."))
    with translation.override(language_of(message)):
        try:
            letter = kind.compose(message)
        except Exception as exc:  # the page shows what the sweep meets, too
            return _sentence(f"{type(exc).__name__}: {exc}")
        if letter is not None:
            return render_letter(message, replace(letter, pictures=(), attachments=()))[1]
    return _sentence(_("This message is out of date. It would not be sent now."))


def _sentence(text: str) -> str:
    message = OutgoingMessage(kind="changed")
    return render_letter(message, Letter(subject=text, heading=text))[1]
