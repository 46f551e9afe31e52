"""Users by what a member of staff knows of them: the beginning of an address or of a name."""

from itertools import chain

from django.db.models import QuerySet

from accounts.models import User
from concertbook.db.prefix import folded, folded_key, plain, plain_key

# An address or a name that more users begin with says too little.
MOST_FOUND = 50


def find_users(text: str, *, most: int = MOST_FOUND) -> list[User]:
    """Users whose address or name begins so, in any case; those with this very address first.

    Two statements, each by an index.
    """
    text = " ".join(text.split())
    if not text or "\0" in text:
        return []
    users = User.objects.defer("password")
    by_address = users.alias(key=folded_key("email")).filter(key__begins=folded(text))
    found: list[QuerySet[User]] = [by_address.order_by("key")[:most]]
    if "@" not in text:
        by_name = users.alias(key=plain_key("name")).filter(key__begins=plain(text))
        found.append(by_name.order_by("key")[:most])
    return list({user.pk: user for user in chain(*found)}.values())[:most]
