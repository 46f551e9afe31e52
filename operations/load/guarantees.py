"""What a line guarantees, counted in its table after a load: each is one statement.

The faults' checker counts the same in Python, because it knows no SQL: made-up rounds test it.
"""

from concertbook.db.statements import fetch_row

MOST_INSIDE = """
SELECT coalesce(max(inside), 0) FROM (
    -- Who leaves at the very moment when another comes in leaves first.
    SELECT sum(change) OVER (ORDER BY at, change ROWS UNBOUNDED PRECEDING) AS inside
    FROM queueing_queuetoken token
    JOIN queueing_waitingroom room ON room.id = token.room_id,
    LATERAL (VALUES (available_at, 1), (expires_at, -1)) event (at, change)
    WHERE room.slug = %s AND available_at IS NOT NULL
) moments
"""
OVERTAKEN = """
SELECT count(*) FROM (
    SELECT coalesce(available_at, CASE token.status WHEN 'EXPIRED' THEN expires_at
                                  ELSE 'infinity' END) AS out_of_line,
           min(available_at) OVER (ORDER BY position DESC ROWS BETWEEN UNBOUNDED PRECEDING
                                   AND 1 PRECEDING) AS later_one_in
    FROM queueing_queuetoken token JOIN queueing_waitingroom room ON room.id = token.room_id
    WHERE room.slug = %s) line
WHERE later_one_in < out_of_line
"""
MOST_ADMITTED_IN_A_MINUTE = """
SELECT coalesce(max(within), 0) FROM (
    SELECT count(*) OVER (ORDER BY available_at
                          RANGE BETWEEN '1 minute' PRECEDING AND CURRENT ROW) AS within
    FROM queueing_queuetoken token JOIN queueing_waitingroom room ON room.id = token.room_id
    WHERE room.slug = %s AND available_at IS NOT NULL) minutes
"""


def most_inside(slug: str) -> int:
    """The maximum number of people inside the room at the same time."""
    return _count(MOST_INSIDE, slug)


def overtaken(slug: str) -> int:
    """How many were still in line when a later position went in."""
    return _count(OVERTAKEN, slug)


def most_admitted_in_a_minute(slug: str) -> int:
    return _count(MOST_ADMITTED_IN_A_MINUTE, slug)


def _count(sql: str, slug: str) -> int:
    (count,) = fetch_row(sql, [slug])
    return int(count)
