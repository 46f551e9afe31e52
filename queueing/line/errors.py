"""What the index answers instead of a position."""


class LineUnavailable(Exception):
    """Redis cannot be reached or has no index of this room: ask PostgreSQL."""


class UnknownPerson(Exception):
    """The index does not know this person: only PostgreSQL can tell whether they are in line."""


class UnknownSession(Exception):
    """The session that the request claims is not in the cache: it has ended or was evicted."""


class AskedTooOften(Exception):
    """A limit is used up; its counter restarts in ``retry_after`` seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after
