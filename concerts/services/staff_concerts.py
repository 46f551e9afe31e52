"""Members of the staff who work for certain concerts only (StaffConcert)."""

import uuid
from typing import Any

from django.db.models import QuerySet

from concerts.models import StaffConcert


def concerts_of(user: Any) -> frozenset[uuid.UUID] | None:
    """The concerts that this member of the staff is limited to; None for all. Read once for each
    instance of the user, which lives as long as a request."""
    known = user.__dict__
    if "_staff_concerts" not in known:
        mine = StaffConcert.objects.filter(user=user).values_list("concert", flat=True)
        known["_staff_concerts"] = frozenset(mine) or None
    found: frozenset[uuid.UUID] | None = known["_staff_concerts"]
    return found


def is_limited(user: Any) -> bool:
    """Whether the member of the staff works for certain concerts only."""
    return concerts_of(user) is not None


def works_for(user: Any, concert_id: uuid.UUID) -> bool:
    """Whether the member of the staff may work for this concert."""
    mine = concerts_of(user)
    return mine is None or concert_id in mine


def limit(user: Any, queryset: QuerySet[Any], path: str) -> QuerySet[Any]:
    """The rows of the concerts that the user may work for.

    ``path`` leads from a row to its concert, as ``seat__schedule__concert``; it is ``pk`` for a
    concert itself.
    """
    mine = concerts_of(user)
    if mine is None:
        return queryset
    wanted = {f"{path}__in": sorted(mine)}
    if _leads_to_many(queryset.model, path):
        # A join would list a row once for each of its concerts.
        rows = queryset.model._base_manager.filter(**wanted)
        return queryset.filter(pk__in=rows.values("pk"))
    return queryset.filter(**wanted)


def _leads_to_many(model: Any, path: str) -> bool:
    if path == "pk":
        return False
    for name in path.split("__"):
        hop = model._meta.get_field(name)
        if hop.one_to_many:
            return True
        model = hop.related_model
    return False
