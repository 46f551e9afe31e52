"""The messages of operations, to members of the staff."""

from django.utils.translation import gettext as _

from accounts.letter import Letter, LetterKind
from accounts.mail_form import site_page
from accounts.models import OutgoingMessage
from concertbook.templatetags.times import when_text
from operations.models import Export
from operations.services.exports import deleted_at, may_export, records_of


def report(message: OutgoingMessage) -> Letter | None:
    """A link only: who follows it logs in, and must still be allowed to have the report. Dropped
    when its reader may not, or when the file was deleted."""
    export = Export.objects.select_related("user").filter(pk=message.data["export"]).first()
    if export is None or not may_export(export.user, export):
        return None
    page = site_page(message, "admin:operations_export_change", export.pk)
    title = records_of(export)
    if export.state != Export.State.DONE:
        return Letter(
            subject=_("The report could not be written: %(title)s") % {"title": title},
            heading=_("The report could not be written"),
            paragraphs=[title, export.get_error_display()],
            action=(_("To the export"), page),
        )
    return Letter(
        subject=_("Report: %(title)s") % {"title": title},
        heading=title,
        paragraphs=[
            _("The report is ready. Log in to download it; it is deleted on %(moment)s.")
            % {"moment": when_text(deleted_at(export))}
        ],
        action=(_("To the report"), page),
        notes=[_("The mail comes by a timetable: Reports by mail, in the admin.")],
    )


LETTERS = {"report": LetterKind(report)}
