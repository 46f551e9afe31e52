"""The front page: what is on sale today, and what needs a hand."""

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from operations.console.page import Context, console_page


@console_page(title=_("Today"), template="operations/console/today.html")
def today(request: HttpRequest) -> Context:
    return {}
