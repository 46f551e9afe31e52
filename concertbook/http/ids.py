"""UUIDs in their canonical form only: 36 characters in any case (RFC 9562, section 4).

Python's uuid.UUID also accepts braces, ``urn:uuid:`` and digits without hyphens. One resource would
then have many addresses.
"""

import re
import uuid

from django.urls.converters import UUIDConverter

UUID = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_matches = re.compile(UUID).fullmatch


def parse_uuid(text: object) -> uuid.UUID:
    """Raises ValueError for a value that is not a string in the canonical form."""
    if not isinstance(text, str) or _matches(text) is None:
        raise ValueError("not a UUID")
    return uuid.UUID(text)


class AnyCaseUUIDConverter(UUIDConverter):
    """``<any_case_uuid:...>`` in an address. Django's converter accepts lower case only."""

    regex = UUID
