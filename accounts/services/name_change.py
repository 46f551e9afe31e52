"""Change the name of an account."""

from django.core.exceptions import ValidationError

from accounts.models import User
from accounts.services.sign_up import clean_name


def change_name(*, user: User, name: str) -> str:
    """The name as it was saved, without white space around it.

    Raises ValidationError with a dictionary of the field's errors (those of clean_name).
    """
    try:
        cleaned = clean_name(name)
    except ValidationError as invalid:
        raise ValidationError({"name": invalid}) from None
    user.name = cleaned
    user.save(update_fields=["name", "updated_at"])
    return cleaned
