"""The admin's own log-in and password pages are the site's."""

from typing import Any

from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from django.contrib import admin
from django.http import HttpRequest
from django.shortcuts import redirect


def _redirect_to_password_page(request: HttpRequest, extra_context: Any = None) -> Any:
    return redirect("account_change_password")


# The site's log-in limits failed attempts, the admin's own does not.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.password_change = _redirect_to_password_page  # type: ignore[method-assign]
# The address is edited on the user; allauth's table of addresses is not used.
admin.site.unregister([EmailAddress])
