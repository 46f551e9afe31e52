"""What a seat map shows of a seat, and how far a statement has read the database."""

import re
from dataclasses import dataclass
from typing import NamedTuple

# Eighteen digits of transactions and twelve of milliseconds suffice.
CURSOR = re.compile(r"[0-9]{1,18}\.[0-9]{1,13}(-[0-9]{1,18}){0,65}")
MOST_OPEN = 64


@dataclass(frozen=True)
class Cursor:
    """A state of a seat map: the finished transactions, and the time (ms since 1970).

    Finished are all before ``oldest``, and those before ``next`` that are not in ``open``. Without
    ``open``, a long transaction would repeat every later change in each poll. As text:
    ``oldest.at``, and where they differ from oldest, ``-next-open-open...`` relative to ``oldest``.
    """

    oldest: int
    at: int
    next: int
    open: tuple[int, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Raises ValueError."""
        if CURSOR.fullmatch(text) is None:
            raise ValueError(text)
        head, *offsets = text.split("-")
        oldest, at = map(int, head.split("."))
        # PostgreSQL accepts no snapshot of transaction 0, which does not exist.
        oldest = max(oldest, 1)
        following, *running = [oldest + int(offset) for offset in offsets] or [oldest]
        # As in a pg_snapshot: in order, without duplicates, all before ``next``.
        if running != sorted(set(running)) or (running and running[-1] >= following):
            raise ValueError(text)
        return cls(oldest, at, following, tuple(running))

    @property
    def snapshot(self) -> str:
        """The text of a pg_snapshot."""
        return f"{self.oldest}:{self.next}:{','.join(map(str, self.open))}"

    def __str__(self) -> str:
        following, running = self.next, self.open
        if len(running) > MOST_OPEN:
            # Later ones all count as open: a change is repeated rather than lost.
            following, running = running[MOST_OPEN], running[:MOST_OPEN]
        text = f"{self.oldest}.{self.at}"
        if following == self.oldest:
            return text
        return "-".join([text, *(str(each - self.oldest) for each in (following, *running))])


class SeatOnMap(NamedTuple):
    """``seat_in_row`` is the number on the seat; ``status`` is held during a cooldown, too."""

    number: int
    label: str
    section: str
    row: str
    seat_in_row: int
    grade: str
    price: int
    kind: str
    status: str


def cursor_of(snapshot: str, at: int, own: str | None) -> Cursor:
    """The cursor of a statement: its pg_snapshot, the clock in ms, its own transaction."""
    oldest, next_one, running = snapshot.split(":")
    # A snapshot does not list our own transaction, which may make changes after this cursor.
    opened = {int(each) for each in (*running.split(","), own) if each}
    following = int(next_one)
    return Cursor(
        int(oldest), at, following, tuple(sorted(each for each in opened if each < following))
    )
