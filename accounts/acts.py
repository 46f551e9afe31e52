"""What the log says was done: the codes of all acts, each with its words.

Each module of settings.ACT_MODULES has ACTS, the acts of its app. A code is ``<thing>.<verb>``; it
is written into the log (accounts/services/activity.py) and never reused for another meaning.
"""

from functools import cache
from importlib import import_module

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Words = str | Promise

ACTS: dict[str, Words] = {
    "row.add": _("added"),
    "row.change": _("edited"),
    "row.delete": _("removed"),
    "message.resend": _("sent a message again"),
    "user.end_sessions": _("logged a user out everywhere"),
    "user.deactivate": _("deactivated an account"),
    "user.activate": _("activated an account again"),
    "user.send_reset_link": _("sent a link for a new password"),
    "second_factor.set_up": _("set up the second factor"),
    "second_factor.reset": _("reset the second factor"),
    "passkey.add": _("added a passkey"),
    "passkey.remove": _("removed a passkey"),
    "balance.payout": _("recorded a payout"),
    "credit.give": _("gave a goodwill credit"),
    "credit.ask": _("asked for a goodwill credit above the limit"),
    "credit.approve": _("approved a goodwill credit"),
    "credit.refuse": _("refused a goodwill credit"),
}


@cache
def acts() -> dict[str, Words]:
    """All acts by code, in the order of the apps."""
    modules = map(import_module, settings.ACT_MODULES)
    return {code: words for module in modules for code, words in module.ACTS.items()}


def words_of(act: str) -> str:
    """What an act is called, in the active language; the code of one that no app has any more."""
    return str(acts().get(act, act))
