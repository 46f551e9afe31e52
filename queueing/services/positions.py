"""Which positions of a line are settled."""

from django.db import connection


def settled_position(room_id: int) -> int:
    """The last position drawn of which all before it are known to be committed or gone.

    To admit a visible later position would overtake an earlier one that has not committed yet.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT queueing_settled_position(%s)", [room_id])
        (settled,) = cursor.fetchone()
    return int(settled)
