"""The passkeys of a member of the staff: theirs only, to add and to remove."""

import json
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.errors import WrongCode
from accounts.models import User
from accounts.second_factor import PASSKEY_STATE, host_of, must_confirm
from accounts.services import passkeys
from operations.console.page import Context, console_page


class PasskeyForm(forms.Form):
    name = forms.CharField(
        label=_("Name"), max_length=60, help_text=_("By which you know it: “Phone”, “Laptop”.")
    )
    passkey = forms.CharField(max_length=20_000, widget=forms.HiddenInput)


@console_page(title=_("Passkeys"), template="operations/console/passkeys.html")
def list_passkeys(request: HttpRequest) -> HttpResponse | Context:
    """They open the admin as a code does, so both are asked for before one is added or removed."""
    if (question := must_confirm(request)) is not None:
        return question
    user = cast(User, request.user)
    form = PasskeyForm(request.POST or None)
    if "remove" in request.POST:
        return _remove(request, user)
    if form.is_valid() and _add(request, user, form.cleaned_data):
        return redirect("console:passkeys")
    options, request.session[PASSKEY_STATE] = passkeys.begin_adding(
        user=user, host=host_of(request)
    )
    mine = list(passkeys.passkeys_of(user))
    return {
        "form": form,
        "passkeys": mine,
        "may_add": len(mine) < passkeys.MOST,
        "options": json.dumps(options),
    }


def _remove(request: HttpRequest, user: User) -> HttpResponse:
    key = request.POST["remove"]
    if key.isdecimal() and len(key) < 19:
        passkeys.remove(user=user, passkey_id=int(key))
        messages.success(request, gettext("The passkey is removed."))
    return redirect("console:passkeys")


def _add(request: HttpRequest, user: User, named: dict[str, Any]) -> bool:
    state = request.session.pop(PASSKEY_STATE, {})
    try:
        passkeys.add(
            user=user,
            host=host_of(request),
            state=state,
            answer=named["passkey"],
            name=named["name"],
        )
    except WrongCode:
        messages.error(request, gettext("The passkey was not added. Please try again."))
        return False
    messages.success(request, gettext("The passkey is added."))
    return True
