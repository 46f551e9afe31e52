"""The messages about what is on sale."""

import time
from functools import lru_cache
from urllib.parse import urlencode
from uuid import UUID

from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy, pgettext
from django.utils.translation import gettext as _

from accounts.letter import Choice, Letter, LetterKind
from accounts.mail_form import site_page, site_public_page
from accounts.models import OutgoingMessage
from concertbook.db.clock import database_now
from concertbook.templatetags.times import clock_text, when_text
from concerts.models import ConcertSchedule
from concerts.services.offers import sales_in_room
from concerts.services.reminders import find_opening
from concerts.templatetags.sales import told_as_text
from queueing.models import QueueToken


def sale_opens(message: OutgoingMessage) -> Letter | None:
    """Dropped when the sale has been open for long, or is not to be opened soon any more."""
    schedule = _find_opening(UUID(message.data["schedule"]), int(time.monotonic()))
    if schedule is None:
        return None
    title = told_as_text(schedule.concert, "title")
    opens = when_text(schedule.sale_opens_at)  # type: ignore[attr-defined]
    facts = [
        (pgettext("of a ticket", "Show"), title),
        (_("Date and time"), when_text(schedule.start_at)),
    ]
    if schedule.concert.venue:
        facts.append((_("Venue"), told_as_text(schedule.concert, "venue")))
    facts.append((_("Sale opens"), opens))
    page = site_public_page(message, get_language() or "ko", "concert_detail", schedule.concert_id)
    return Letter(
        subject=_("The sale opens soon: %(title)s") % {"title": title},
        heading=_("The sale opens soon"),
        paragraphs=[
            _("The sale opens %(moment)s. Log in and join the line a little before:")
            % {"moment": opens}
        ],
        facts=facts,
        action=(_("To the concert"), page),
        notes=[
            _(
                "You asked us for this mail. There is one for each reminder, so you need not cancel"
                " anything."
            )
        ],
    )


@lru_cache(maxsize=32)
def _find_opening(schedule_id: UUID, second: int) -> ConcertSchedule | None:
    """Read once a second: thousands of users get the same letter at one moment."""
    return find_opening(schedule_id=schedule_id)


def your_turn(message: OutgoingMessage) -> Letter | None:
    """Dropped when the admission is over. Queued by queueing/services/turn_notices.py."""
    tokens = QueueToken.objects.filter(status="ACTIVE", pk=UUID(message.data["token"]))
    token = tokens.select_related("room").first()
    if token is None or token.expires_at is None or not token.admits(database_now()):
        return None
    schedules = sales_in_room(room_id=token.room_id).select_related("concert")[:2]
    page = site_page(message, "waiting_room", token.room.slug)
    if len(schedules) == 1:
        # There is no choice of performances: the page moves on to the seats by itself.
        page += "?" + urlencode({"next": reverse("seats", args=[schedules[0].pk])})
    titles = {told_as_text(each.concert, "title") for each in schedules}
    title = titles.pop() if len(titles) == 1 else token.room.title
    return Letter(
        subject=_("It is your turn: %(title)s") % {"title": title},
        paragraphs=[
            _("You can choose your seats until %(moment)s.")
            % {"moment": clock_text(token.expires_at)}
        ],
        action=(_("Choose seats"), page),
    )


LETTERS = {
    "sale_opens": LetterKind(sale_opens, gettext_lazy("The sale opens soon"), choice="sale_opens"),
    "sale_opens_push": LetterKind(
        sale_opens, gettext_lazy("The sale opens soon"), choice="sale_opens"
    ),
    "turn": LetterKind(your_turn, gettext_lazy("It is your turn"), choice="turn", urgent=True),
    # Asked for on the waiting page, for one place in line.
    "turn_push": LetterKind(your_turn, gettext_lazy("It is your turn"), urgent=True),
}
CHOICES = {
    "turn": Choice(
        gettext_lazy("It is your turn"),
        gettext_lazy("A mail when you are let in while the waiting page is closed."),
    ),
    "sale_opens": Choice(
        gettext_lazy("Sale opens"),
        gettext_lazy("A mail shortly before a sale opens that you asked to be reminded of."),
    ),
}
