"""What a message says, before it is a mail or a push message; and the kinds of messages.

Each module of settings.MESSAGE_MODULES has LETTERS, its kinds of messages, and may have CHOICES,
the notices that users can switch off.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.functional import Promise

if TYPE_CHECKING:
    from accounts.models import OutgoingMessage


@dataclass(frozen=True)
class Picture:
    """A picture in the text of a mail. ``name`` (``ticket-1.png``) is unique in the letter,
    ``width`` in CSS pixels. A QR code needs its own white margin."""

    name: str
    png: bytes
    alt: str
    caption: str = ""
    width: int = 240


@dataclass(frozen=True)
class Attachment:
    name: str
    type: str
    content: bytes


@dataclass(frozen=True)
class Letter:
    """The parts of a message, in the active language; plain text, escaped where it is rendered.

    ``heading`` is the subject, unless it says it otherwise. ``facts`` and ``action`` are pairs of
    a label and its value or URL; ``notes`` are in small print. A push message shows ``heading``,
    the first paragraph and the action's URL.
    """

    subject: str
    heading: str = ""
    paragraphs: Sequence[str] = ()
    facts: Sequence[tuple[str, str]] = ()
    action: tuple[str, str] | None = None
    pictures: Sequence[Picture] = ()
    attachments: Sequence[Attachment] = ()
    notes: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not self.heading:
            object.__setattr__(self, "heading", self.subject)


@dataclass(frozen=True)
class LetterKind:
    """``compose`` writes the letter from the state at the time of sending, in the active language;
    None drops a message that is out of date. ``words`` is what the kind is called, as its heading;
    without it the staff see its name.

    ``choice`` is the name of the notice that a user may switch off, None for what is owed.
    ``urgent`` kinds go before all others, and may overtake them. A ``secret`` letter has a link
    that only its reader may see: the admin does not show it. A letter that ``needs_proof`` is
    composed without its codes for an address that is not confirmed, and sent again when it is.
    """

    compose: "Callable[[OutgoingMessage], Letter | None]"
    words: str | Promise = ""
    choice: str | None = None
    urgent: bool = False
    secret: bool = False
    needs_proof: bool = False


@dataclass(frozen=True)
class Choice:
    """A notice that users may switch off, as their page names and explains it."""

    label: str | Promise
    help: str | Promise


@cache
def letter_kinds() -> dict[str, LetterKind]:
    """All kinds of messages by name."""
    return _collected("LETTERS")


def kind_in_words(kind: str) -> str:
    """What a kind of message is called, in the active language; the code of one that is no more."""
    known: LetterKind | None = letter_kinds().get(kind)
    return str(known.words) or kind if known else kind


@cache
def choices() -> dict[str, Choice]:
    """All notices that users may switch off, by name, in the order of their page."""
    return _collected("CHOICES")


def _collected(name: str) -> dict[str, Any]:
    modules = map(import_module, settings.MESSAGE_MODULES)
    return {key: value for module in modules for key, value in getattr(module, name, {}).items()}
