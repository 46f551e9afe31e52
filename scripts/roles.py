"""Write docs/roles.md: which role may use which address of the staff.

    DEBUG=1 python -m scripts.roles

The table is what operations/roles.py, the models and the rules below say, not what the views do:
tests/operations/test_roles.py tries each address with each role and compares, and fails while the
page and the code differ.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[1] / "docs" / "roles.md"

EXPORT = "operations.export_records"

# What a member of the staff needs for an address: any one of these sets of permissions. An empty
# set: every member of the staff. None: no role, superusers only.
Needs = tuple[frozenset[str], ...] | None
EVERY: Needs = (frozenset(),)

SETTLEMENT = frozenset(
    {
        "payments.view_payment",
        "payments.view_refund",
        "accounts.view_charge",
        "accounts.view_balancehistory",
    }
)


def one_of(*permissions: str) -> Needs:
    return tuple(frozenset({each}) for each in permissions)


# Addresses below /admin/ and /door/ that are no usual page of a model, and the API of the staff.
OTHER: Mapping[str, Needs] = {
    "admin/accounts/outgoingmessage/<int:pk>/letter/": one_of("accounts.view_outgoingmessage"),
    "admin/accounts/user/<id>/password/": one_of("accounts.change_user"),
    "admin/concerts/concertschedule/<path:object_id>/cancel/": one_of(
        "concerts.cancel_concertschedule"
    ),
    "admin/concerts/concertschedule/<path:object_id>/generate/": one_of(
        "concerts.change_concertschedule"
    ),
    "admin/concerts/concertschedule/<path:object_id>/refunds/": one_of(
        "concerts.view_concertschedule", "concerts.change_concertschedule"
    ),
    "admin/concerts/concertschedule/<path:object_id>/remove_seats/": one_of(
        "concerts.change_concertschedule"
    ),
    "admin/payments/payment/settlement/": (SETTLEMENT,),
    "admin/queueing/waitingroom/<path:object_id>/close_room/": one_of(
        "queueing.change_waitingroom"
    ),
    "admin/queueing/waitingroom/<path:object_id>/drain_room/": one_of(
        "queueing.change_waitingroom"
    ),
    "admin/queueing/waitingroom/<path:object_id>/open_room/": one_of("queueing.change_waitingroom"),
    "admin/queueing/waitingroom/<path:object_id>/pause_room/": one_of(
        "queueing.change_waitingroom"
    ),
    "admin/queueing/waitingroom/<path:object_id>/set_pace/": one_of("queueing.change_waitingroom"),
    "admin/operations/export/": one_of(EXPORT),
    "admin/search/": EVERY,
    "admin/jsi18n/": EVERY,
    "admin/password_change/": EVERY,
    "api/v1/check-ins/": one_of("payments.check_in_ticket"),
    "api/v1/check-ins/<any_case_uuid:check_in_id>/undo/": one_of("payments.check_in_ticket"),
    **{
        f"api/v1/schedules/<any_case_uuid:schedule_id>/check-ins/{what}/": one_of(
            "payments.check_in_ticket"
        )
        for what in ("list", "state", "scans")
    },
}
# Not tried, and why.
UNTRIED = {
    "door/sw.js": "public",
    "door/site.webmanifest": "public",
    "admin/login/": "the log-in itself",
    "admin/logout/": "the log-out itself",
    "admin/autocomplete/": "answers for the field that it is asked for, by its model's permission",
    "admin/(?P<url>.*)$": "what is not found",
    "admin/operations/export/add/": "answers for the list that it is asked to export",
    "admin/operations/export/<path:object_id>/change/": "one's own exports only",
    "admin/operations/export/<path:object_id>/history/": "one's own exports only",
    "admin/operations/export/<path:object_id>/download/": "one's own exports only",
}
# Leads on to the page that changes the row.
LEADS_ON = "/<path:object_id>/"
# Only superusers: a group's members could grant themselves more.
SUPERUSERS = ("auth.group",)
STAFF_PREFIXES = ("admin/", "door/")

HEAD = """# Roles: who of the staff may use which address

Written by `make roles` from `operations/roles.py`, the models and `scripts/roles.py`; a test tries
each address with each role. `manage.py migrate` makes a group of each role. A member of the staff
may have several roles, and may be limited to certain concerts on their page in the admin: lists,
forms and actions then have the rows of these concerts only. People, their money and the log belong
to no concert.

"""


@dataclass(frozen=True)
class Address:
    """``route`` as in the URLconf; ``get`` and ``post`` say what each method needs."""

    route: str
    get: Needs
    post: Needs


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "concertbook.settings")
    import django

    django.setup()
    PAGE.write_text(page())


def addresses() -> list[Address]:
    """All addresses of the staff, by a walk through the URLconf. Raises KeyError for one that no
    rule covers: add it to OTHER, or give its view ``permissions`` (operations/console/page.py)."""
    from django.urls import get_resolver

    found: dict[str, Address] = {}
    for route, view in _walk(get_resolver()):
        # A page of the console stands before the admin's own at the same address.
        if route in UNTRIED or route in found or route.endswith(LEADS_ON):
            continue
        permissions = getattr(view, "permissions", None)
        if permissions is not None:
            needs: Needs = (frozenset(permissions),)
            found[route] = Address(route, needs, needs)
        elif route.startswith(STAFF_PREFIXES) or route in OTHER:
            found[route] = _address(route)
    return list(found.values())


def _walk(resolver: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    from django.urls import URLPattern

    for each in resolver.url_patterns:
        route = before + str(each.pattern).removeprefix("^")
        if isinstance(each, URLPattern):
            yield route, each.callback
        else:
            yield from _walk(each, route)


def _address(route: str) -> Address:
    if route in OTHER:
        return Address(route, OTHER[route], OTHER[route])
    if route.startswith("admin/(?P<app_label>"):
        # The page of an app: for each member of the staff who may see one of its models.
        return Address(route, EVERY, EVERY)
    _admin, app, model, *rest = route.split("/")
    return _of_model(route, app, model, "/".join(rest))


def _of_model(route: str, app: str, model: str, rest: str) -> Address:
    from django.apps import apps
    from django.contrib import admin

    page = admin.site.get_model_admin(apps.get_model(app, model))
    superuser = _superuser_request()
    verbs = ("view", "add", "change", "delete")
    view, add, change, delete = (f"{app}.{verb}_{model}" for verb in verbs)
    if f"{app}.{model}" in SUPERUSERS:
        add = change = delete = ""
    # What the admin's class lets no one do.
    add = add if page.has_add_permission(superuser) else ""
    change = change if page.has_change_permission(superuser) else ""
    delete = delete if page.has_delete_permission(superuser) else ""
    see, edit = _any(view, change), _any(change)
    export = tuple(each | {EXPORT} for each in see or ())
    return {
        "": Address(route, see, see),
        "add/": Address(route, _any(add), _any(add)),
        "<path:object_id>/change/": Address(route, see, edit),
        "<path:object_id>/delete/": Address(route, _any(delete), _any(delete)),
        "<path:object_id>/history/": Address(route, see, see),
        "export/": Address(route, export, export),
    }[rest]


def _any(*permissions: str) -> Needs:
    return one_of(*filter(None, permissions)) or None


def _superuser_request() -> Any:
    from django.http import HttpRequest

    from accounts.models import User

    request = HttpRequest()
    request.user = User(is_superuser=True, is_staff=True, is_active=True)
    # Of no concert in particular, without asking the database.
    request.user.__dict__["_staff_concerts"] = None
    return request


def may(permissions: Iterable[str], needs: Needs) -> bool:
    """Whether these permissions are enough."""
    return needs is not None and any(each <= set(permissions) for each in needs)


def page() -> str:
    from django.utils import translation

    with translation.override("en"):
        return HEAD + "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    from operations.roles import ROLES

    for role in ROLES:
        yield f"- **{role.name}**: {role.duty}"
    yield ""
    yield "## Addresses"
    yield ""
    yield "G: may open it (GET). P: may send it (POST). An empty row: superusers or none."
    yield ""
    yield f"| address | {' | '.join(str(role.name) for role in ROLES)} |"
    yield f"|---|{'---|' * len(ROLES)}"
    for address in addresses():
        cells = (_cell(role.permissions, address) for role in ROLES)
        yield f"| `/{address.route}` | {' | '.join(cells)} |".replace("|`", "| `")
    yield ""
    yield "Not in the table:"
    yield ""
    yield f"- `...{LEADS_ON}`: leads on to `change/`"
    for route, why in UNTRIED.items():
        yield f"- `/{route}`: {why}"
    yield ""
    yield "## Permissions"
    yield ""
    yield f"| permission | {' | '.join(str(role.name) for role in ROLES)} |"
    yield f"|---|{'---|' * len(ROLES)}"
    for permission in sorted({each for role in ROLES for each in role.permissions}):
        cells = ("yes" if permission in role.permissions else "" for role in ROLES)
        yield f"| `{permission}` | {' | '.join(cells)} |"


def _cell(permissions: Iterable[str], address: Address) -> str:
    return ("G" if may(permissions, address.get) else "") + (
        "P" if may(permissions, address.post) else ""
    )


if __name__ == "__main__":
    main()
