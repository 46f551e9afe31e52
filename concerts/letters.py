"""The messages about what is on sale."""

from uuid import UUID

from django.utils.translation import get_language, gettext_lazy, pgettext
from django.utils.translation import gettext as _

from accounts.letter import Choice, Letter, LetterKind
from accounts.mail_form import site_public_page
from accounts.models import OutgoingMessage
from concertbook.templatetags.times import when_text
from concerts.services.reminders import find_opening
from concerts.templatetags.sales import told_as_text


def sale_opens(message: OutgoingMessage) -> Letter | None:
    """Dropped when the sale has been open for long, or is not to be opened soon any more."""
    schedule = find_opening(schedule_id=UUID(message.data["schedule"]))
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


LETTERS = {"sale_opens": LetterKind(sale_opens, choice="sale_opens")}
CHOICES = {
    "sale_opens": Choice(
        gettext_lazy("Sale opens"),
        gettext_lazy("A mail shortly before a sale opens that you asked to be reminded of."),
    ),
}
