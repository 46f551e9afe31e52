"""Change the language of an account: of its mails, and of pages on a new device."""

from accounts.models import User
from concertbook.db.clock import database_now


def change_language(*, user: User, language: str) -> None:
    """``language`` is one of accounts.models.LANGUAGES. Writes nothing if it is the present one."""
    if user.language == language:
        return
    user.language = language
    User.objects.filter(pk=user.pk).update(language=language, updated_at=database_now())
