"""What all pages of the console have in common."""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

Context = Mapping[str, Any]
View = Callable[..., HttpResponse | Context]


def console_page(
    *, permission: str | Sequence[str] = (), title: Any = "", template: str = ""
) -> Callable[[View], Callable[..., HttpResponse]]:
    """Decorate a view of the console: for logged-in staff, and those with every ``permission``.

    The view returns a response, or the context with which ``template`` is rendered inside of the
    admin's layout; a ``title`` in the context replaces the decorator's. A visitor who is not staff
    is sent to the log-in. Raises PermissionDenied (403) without a permission.
    """
    needed = (permission,) if isinstance(permission, str) else tuple(permission)

    def decorate(view: View) -> Callable[..., HttpResponse]:
        @wraps(view)
        def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.has_perms(needed):
                raise PermissionDenied
            answer = view(request, *args, **kwargs)
            if isinstance(answer, HttpResponse):
                return answer
            # The admin's layout reverses its addresses by this name.
            request.current_app = admin.site.name
            context = {**admin.site.each_context(request), "title": title, **answer}
            return TemplateResponse(request, template, context)

        staff_page = admin.site.admin_view(page)
        # For the table of roles and addresses.
        staff_page.permissions = needed  # type: ignore[attr-defined]
        return staff_page

    return decorate
