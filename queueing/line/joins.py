"""Count requests to join, and refuse those that come too often."""

import uuid

from queueing.line import client, keys, scripts
from queueing.line.config import settings
from queueing.line.errors import AskedTooOften, UnknownSession


def count_join(user: uuid.UUID, *, address: str, session: str | None = None) -> None:
    """Count a request to join. Raises AskedTooOften, and UnknownSession as poll does."""
    script_keys = [keys.joins_of_user(user), keys.joins_of_address(address)]
    if session is not None:
        script_keys.append(session)
    limits = settings.JOINS_PER_USER, settings.JOINS_PER_ADDRESS
    wait = client.run(scripts.COUNT_JOIN, script_keys, [*limits, str(user)])
    if wait == b"stranger":
        raise UnknownSession
    if wait:
        raise AskedTooOften(wait)
