"""Admin forms that act once however often they are sent: a double click, Back, a reload.

Each form carries a signed key with its time of creation. When it is sent first, the address of the
result is saved under the key, in the transaction of the effect (accounts.services.idempotency);
sent again, the form redirects there. A form sent without a key, by a script, acts each time.
"""

import json
import uuid
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.options import IS_POPUP_VAR
from django.core import signing
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext

from accounts.errors import IdempotencyKeyReused
from accounts.services.idempotency import KEPT, AnsweredBefore, IdempotentRequest

ONCE = "_once"
SALT = "concertbook.admin.once"
# Answers are deleted after KEPT; an older form might act twice.
LONGEST_OPEN = KEPT * 0.95


class FormTooOld(Exception):
    """The key's answer may have been deleted, or the key is not signed by us."""


def new_key() -> str:
    return signing.TimestampSigner(salt=SALT).sign(uuid.uuid4().hex)


def form_once(request: Any, what: str) -> IdempotentRequest | None:
    """The key sent with the form, or None. ``what`` identifies the object that the form acts on.

    Raises FormTooOld.
    """
    signed = request.POST.get(ONCE)
    if signed is None:
        return None
    try:
        key = signing.TimestampSigner(salt=SALT).unsign(signed, max_age=LONGEST_OPEN)
    except signing.BadSignature as exc:
        raise FormTooOld from exc
    return IdempotentRequest(
        user=request.user,
        key=f"admin-{key}",
        request_hash=_fingerprint(request, what),
        render=lambda answer: json.dumps(answer).encode(),
    )


def _fingerprint(request: HttpRequest, what: str) -> str:
    """A keyed hash, as a form may contain a password."""
    sent = sorted(pair for pair in request.POST.lists() if not pair[0].startswith("_"))
    sent = [pair for pair in sent if pair[0] != "csrfmiddlewaretoken"]
    return salted_hmac(SALT, json.dumps([what, sent]), algorithm="sha256").hexdigest()


def old_form() -> str:
    return gettext("This form was opened long ago. Please check it and send it again.")


def sent_before() -> str:
    return gettext(
        "This form was sent before with other entries, which were saved. "
        "If you mean to do something more, send it again."
    )


# With the stubs' generic base every subclass would have to repeat Django's types.
ModelAdmin: Any = admin.ModelAdmin


class IdempotentForms(ModelAdmin):  # type: ignore[misc]
    """For an admin whose forms to add and to change act once."""

    # As in concertbook/admin/versions.py: inside the transaction that saves the form.
    def _changeform_view(
        self, request: HttpRequest, object_id: str | None, form_url: str, extra_context: Any
    ) -> Any:
        if request.method == "POST":
            try:
                self._claim(request, object_id)
            except AnsweredBefore as before:
                return self._answered(request, object_id, json.loads(before.answer))
        return super()._changeform_view(request, object_id, form_url, extra_context)

    def _claim(self, request: Any, object_id: str | None) -> None:
        try:
            once = form_once(request, f"{self.opts.label} {object_id}")
            if once is not None:
                once.claim_waiting()
                request.form_once = once
        except FormTooOld:
            request.form_refusal = old_form()
        except IdempotencyKeyReused:
            request.form_refusal = sent_before()

    def _answered(self, request: HttpRequest, object_id: str | None, answer: dict[str, str]) -> Any:
        made = self.get_object(request, answer["pk"])
        if made is not None and IS_POPUP_VAR in request.POST:
            return super().response_add(request, made)
        if object_id is None:
            said = gettext("This form was sent before: “%s” was made once, and not again.") % made
        else:
            said = gettext("This form was sent before: it was saved once, and not again.")
        messages.info(request, said)
        return HttpResponseRedirect(answer["to"])

    def response_add(self, request: Any, obj: Any, post_url_continue: Any = None) -> Any:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}"
        if self.has_view_or_change_permission(request, obj):
            to = reverse(f"{name}_change", args=[obj.pk])
        else:
            to = reverse("admin:index")
        self._remember(request, obj, to)
        return super().response_add(request, obj, post_url_continue)

    def response_change(self, request: Any, obj: Any) -> Any:
        response = super().response_change(request, obj)
        self._remember(request, obj, response.get("Location", request.path))
        return response

    def _remember(self, request: Any, obj: Any, to: str) -> None:
        once = getattr(request, "form_once", None)
        if once is not None:
            once.save({"pk": str(obj.pk), "to": to})

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        unused = hasattr(request, "form_once")
        key = request.POST[ONCE] if unused else new_key()
        context.setdefault("hidden_inputs", {})[ONCE] = key
        return super().render_change_form(request, context, *args, **kwargs)
