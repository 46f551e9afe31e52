"""One search for all that staff are told on the telephone: an address, a name, an id, a code.

Each kind of text is looked up by an index of its own, so that a search takes milliseconds in tables
of millions of rows. Parts of texts are not searched.
"""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Q, QuerySet, Value
from django.utils.text import capfirst

from accounts.models import Charge, User
from accounts.services import activity
from accounts.services.user_search import find_users
from concertbook.db.prefix import FEWEST_DIGITS, id_range
from concerts.models import Concert, ConcertSchedule, Seat
from concerts.services.staff_concerts import limit
from payments.models import CheckIn, Payment, Refund, Reservation, Ticket, TicketMove, TicketOffer
from queueing.models import QueueToken

MOST_USERS = 20
MOST_OF_A_KIND = 5
# As new_ticket_code makes it.
CODE = re.compile(r"[A-Za-z0-9_-]{27}")

# Each kind of row that has an id, with the paths to its user and to its concert.
BY_ID: dict[Any, tuple[str | None, str | None]] = {
    Reservation: ("user", "schedule__concert"),
    Payment: ("user", "reservation__schedule__concert"),
    Ticket: ("user", "reservation__schedule__concert"),
    Refund: ("payment__user", "payment__reservation__schedule__concert"),
    CheckIn: ("ticket__user", "schedule__concert"),
    TicketOffer: ("giver", "ticket__reservation__schedule__concert"),
    Charge: ("user", None),
    QueueToken: ("user", "room__concerts"),
    Concert: (None, "pk"),
    ConcertSchedule: (None, "concert"),
    Seat: (None, "schedule__concert"),
}


@dataclass(frozen=True)
class Found:
    """A row of ``model`` with the key ``pk``; ``user`` is the person whose it is, None for none.

    ``by_code`` tells that a ticket was found by the code of the door, ``ended`` that the code has
    ended since, as the ticket was handed on.
    """

    model: Any
    pk: Any
    user: User | None
    by_code: bool = False
    ended: bool = False

    @property
    def kind(self) -> str:
        return str(capfirst(self.model._meta.verbose_name))


def find(*, actor: User, text: str) -> list[Found]:
    """Users whose address or name begins so; rows with this id, or whose id begins with these eight
    characters or more; the ticket with this code. At most six statements.

    What the actor has no permission to view, or is of a concert that they do not work for, is left
    out.
    """
    text = text.strip()
    if not text or "\0" in text:
        return []
    found = [*_by_code(actor, text), *_by_id(actor, text)]
    if actor.has_perm("accounts.view_user"):
        users = find_users(text, most=MOST_USERS)
        known = {each.pk for each in found}
        found += [Found(User, user.pk, user) for user in users if user.pk not in known]
    return found


def _by_code(actor: User, text: str) -> Iterator[Found]:
    if not CODE.fullmatch(text) or not _may_view(actor, Ticket):
        return
    _user, concert = BY_ID[Ticket]
    tickets = limit(actor, Ticket.objects.select_related("user"), str(concert))
    ticket, ended = tickets.filter(code=text).first(), False
    if ticket is None:
        ticket, ended = tickets.filter(_ended(text)).first(), True
    if ticket is None:
        return
    # A code admits to the show: who looked one up is logged.
    activity.record(actor=actor, act="ticket.find_by_code", target=ticket)
    yield Found(Ticket, ticket.pk, ticket.user, by_code=True, ended=ended)


def _ended(code: str) -> Q:
    offers = TicketOffer.objects.filter(old_code=code).values("ticket")
    return Q(pk__in=offers) | Q(pk__in=TicketMove.objects.filter(old_code=code).values("ticket"))


def _by_id(actor: User, text: str) -> Iterator[Found]:
    ids = id_range(text)
    if ids is None:
        return
    is_short = len(text.replace("-", "")) == FEWEST_DIGITS
    models = {model._meta.label: model for model in (User, *BY_ID) if _may_view(actor, model)}
    if is_short:
        # The first eight characters of a token are those of its room.
        models.pop(QueueToken._meta.label, None)
    if not models:
        return
    first, *rest = (_rows(actor, model, ids) for model in models.values())
    rows = list(first.union(*rest, all=True))
    users = User.objects.defer("password").in_bulk([user for _label, _pk, user in rows if user])
    for label, pk, user in rows:
        yield Found(models[label], pk, users.get(user))


def _rows(actor: User, model: Any, ids: tuple[uuid.UUID, uuid.UUID]) -> QuerySet[Any]:
    """The label, the key and the user's key of at most MOST_OF_A_KIND rows."""
    path, concert = ("pk", None) if model is User else BY_ID[model]
    user = Value(None, output_field=User._meta.pk) if path is None else F(path)
    rows = model._base_manager.filter(pk__range=ids).order_by("pk")
    if concert is not None:
        rows = limit(actor, rows, concert)
    of_kind = rows.annotate(of_model=Value(model._meta.label), of_row=F("pk"), of_user=user)
    return of_kind.values_list("of_model", "of_row", "of_user")[:MOST_OF_A_KIND]  # type: ignore[no-any-return]


def _may_view(actor: User, model: Any) -> bool:
    return actor.has_perm(f"{model._meta.app_label}.view_{model._meta.model_name}")
