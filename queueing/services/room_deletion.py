"""Delete rooms to which nothing belongs."""

from django.db import transaction
from django.db.models import PROTECT, Exists, OuterRef, Q, QuerySet

from queueing.errors import RoomInUse
from queueing.models import WaitingRoom


def delete_rooms(rooms: QuerySet[WaitingRoom]) -> None:
    """Delete rooms, all or none. Raises RoomInUse."""
    with transaction.atomic():
        keys = list(rooms.values_list("pk", flat=True))
        # No join succeeds while these are locked.
        list(WaitingRoom.objects.select_for_update().filter(pk__in=keys).order_by("pk"))
        unused = WaitingRoom.objects.filter(pk__in=keys)
        if in_use(unused).exists():
            raise RoomInUse
        unused.delete()


def in_use(rooms: QuerySet[WaitingRoom]) -> QuerySet[WaitingRoom]:
    """Rooms that cannot be deleted: a person has joined, or a concert belongs to them."""
    kept = Q()
    for relation in WaitingRoom._meta.related_objects:
        if relation.on_delete is PROTECT:
            rows = relation.related_model._base_manager
            kept |= Q(Exists(rows.filter(**{relation.field.name: OuterRef("pk")})))
    return rooms.filter(kept)
