"""The notices that a user may switch off: their page, and the link in each mail."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from accounts.errors import LinkUsed
from accounts.letter import choices
from accounts.notice_links import read_notice_link
from accounts.requests import MemberRequest
from accounts.services import notices


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def notice_settings(request: MemberRequest) -> HttpResponse:
    if request.method == "POST":
        notices.set_notices(user=request.user, wanted=request.POST.getlist("notice"))
        messages.success(request, _("Saved."))
        return redirect("account_notices")
    wanted = notices.wanted_notices(user=request.user)
    rows = [(name, choice, name in wanted) for name, choice in choices().items()]
    return render(request, "account/notices.html", {"rows": rows})


# The POST may come from the mailbox's provider, without a cookie (RFC 8058); the key is the proof.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def switch_off(request: HttpRequest, key: str) -> HttpResponse:
    """Switch off the notice of the link. A GET only asks: mail scanners follow links too."""
    link = read_notice_link(key)
    if link is None:
        return render(request, "account/link_used.html", status=LinkUsed.status)
    user_id, choice = link
    is_off = request.method == "POST"
    if is_off:
        notices.switch_off_notice(user_id=user_id, choice=choice)
    context = {"choice": choices()[choice], "is_off": is_off}
    return render(request, "account/switch_off_notice.html", context)
