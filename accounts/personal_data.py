"""What the apps keep about a user: for a copy of one's data, and for the end of an account.

``settings.PERSONAL_DATA_MODULES`` names a module of each app with ``PERSONAL_DATA``, as accounts
may not import the apps above it. A test finds a model that refers to a user and is in none of them.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils.functional import Promise

from accounts.models import User
from concertbook.db.clock import StatementTime

Rows = Iterable[Mapping[str, Any]]
# The database's clock: read, or that of the statement.
Now = dt.datetime | StatementTime


def columns(rows: QuerySet[Any], names: str) -> Rows:
    """The rows with these columns, whose names are separated by spaces."""
    found: Rows = rows.values(*names.split())
    return found


@dataclass(frozen=True)
class Section:
    """One list in the copy of one's data. ``model`` is the label of the rows' model; the keys of a
    row are the columns."""

    name: str
    title: str | Promise
    model: str
    rows: Callable[[User], Rows]


@dataclass(frozen=True)
class Obstacle:
    """Why an account cannot be deleted now. ``code`` is stable, for clients; ``message`` says it;
    ``url_name`` is the page where it can be changed, if there is one."""

    code: str
    message: str
    url_name: str = ""


def no_obstacles(user: User, now: Now) -> Sequence[Obstacle]:
    return ()


def nothing_to_erase(user: User) -> None:
    """For an app whose rows name no person once the user is without a name."""


def no_contract(user: User) -> dt.datetime | None:
    return None


@dataclass(frozen=True)
class PersonalData:
    """One app's part.

    ``obstacles`` is asked by a transaction that has locked the user's balance and the user; the
    balance itself is no part's (accounts/services/account_deletion.py). ``erase`` deletes in that
    transaction what need not be kept. ``last_contract`` is the time of the last record of a
    contract or of money, None for none.
    """

    sections: Sequence[Section]
    # Models that refer to a user and are not in the copy, each with the reason.
    left_out: Mapping[str, str] = field(default_factory=dict)
    obstacles: Callable[[User, Now], Sequence[Obstacle]] = no_obstacles
    erase: Callable[[User], None] = nothing_to_erase
    last_contract: Callable[[User], dt.datetime | None] = no_contract


def parts() -> list[PersonalData]:
    """The parts of all apps, in the order of the settings."""
    return [import_module(name).PERSONAL_DATA for name in settings.PERSONAL_DATA_MODULES]


def find_obstacles(user: User, now: Now) -> list[Obstacle]:
    return [obstacle for part in parts() for obstacle in part.obstacles(user, now)]


def last_contract(user: User) -> dt.datetime | None:
    """The time of the user's last record of a contract or of money in any app."""
    found = (part.last_contract(user) for part in parts())
    return max(filter(None, found), default=None)
