"""A kind of message that needs no other rows."""

from accounts.letter import Letter, LetterKind
from accounts.models import OutgoingMessage


def numbered(message: OutgoingMessage) -> Letter:
    number = str(message.data["number"])
    return Letter(subject=number, heading=number)


LETTERS = {"numbered": LetterKind(numbered, "numbered")}
