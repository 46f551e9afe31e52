"""Links that switch off one notice of one user, without a log-in; they stay valid."""

import uuid

from django.core import signing

from accounts.letter import choices

SALT = "accounts.notice_links"


def make_notice_link(*, user_id: uuid.UUID, choice: str) -> str:
    """A key for a URL's path."""
    return signing.dumps([str(user_id), choice], salt=SALT)


def read_notice_link(key: str) -> tuple[uuid.UUID, str] | None:
    """The user's id and the choice; None when the key is forged or there is no such notice."""
    try:
        user_id, choice = signing.loads(key, salt=SALT)
    except (signing.BadSignature, ValueError):
        return None
    return (uuid.UUID(user_id), choice) if choice in choices() else None
