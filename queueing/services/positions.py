"""Which positions of a line are settled."""

from concertbook.db.statements import fetch_row


def settled_position(room_id: int) -> int:
    """The last position drawn of which all before it are known to be committed or gone.

    To admit a visible later position would overtake an earlier one that has not committed yet.
    """
    (settled,) = fetch_row("SELECT queueing_settled_position(%s)", [room_id])
    return int(settled)
