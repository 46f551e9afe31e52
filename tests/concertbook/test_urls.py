"""The list of all addresses. Libraries add pages: one that is not listed here has no design.

A new address must be added here, which also shows further addresses that came with it.
"""

import pytest
from django.urls import URLPattern, get_resolver

from concertbook.http.languages import CODES

# For each model in the admin: its list, and the pages to add, show, change and delete a row.
OF_A_MODEL = (
    "",
    "add/",
    "<path:object_id>/",
    "<path:object_id>/change/",
    "<path:object_id>/delete/",
    "<path:object_id>/history/",
)
MODELS = """
accounts/activity accounts/balance accounts/balancehistory accounts/business accounts/charge
accounts/consent accounts/credit
accounts/document operations/export accounts/idempotencykey accounts/keptidentity
accounts/outgoingmessage accounts/user operations/reportmail
auth/group concerts/concert concerts/concertschedule concerts/seat
concerts/seatstatushistory payments/checkin payments/checkinconflict payments/payment
payments/refund payments/reservation
payments/ticket payments/ticketoffer queueing/draw queueing/queueentryhistory queueing/queuetoken
queueing/waitingroom
"""
ADMIN = """

(?P<url>.*)$
^(?P<app_label>accounts|queueing|concerts|payments|operations|auth)/$
accounts/activity/export/
accounts/balancehistory/export/
accounts/charge/export/
accounts/credit/export/
accounts/outgoingmessage/<int:pk>/letter/
operations/export/<path:object_id>/download/
accounts/user/<id>/password/
autocomplete/
board/
board/data/
board/<int:room_id>/
board/<int:room_id>/data/
board/<int:room_id>/<slug:act>/
board/dates/<any_case_uuid:schedule_id>/stop/
concerts/concertschedule/<path:object_id>/cancel/
concerts/concertschedule/<path:object_id>/generate/
concerts/concertschedule/<path:object_id>/refunds/
concerts/concertschedule/<path:object_id>/remove_seats/
find/
passkeys/
people/<any_case_uuid:user_id>/
people/<any_case_uuid:user_id>/<slug:act>/
jsi18n/
login/
logout/
password_change/
payments/payment/export/
payments/payment/settlement/
payments/refund/export/
rehearsal/
reports/
reports/<slug:name>/
seats/<any_case_uuid:schedule_id>/
seats/<any_case_uuid:schedule_id>/<int:number>/
seats/<any_case_uuid:schedule_id>/<slug:act>/
seats/<any_case_uuid:schedule_id>/plan.csv
seats/<any_case_uuid:schedule_id>/plan/
shows/
shows/<any_case_uuid:concert_id>/
shows/<any_case_uuid:concert_id>/<any_case_uuid:schedule_id>/copy/
shows/<any_case_uuid:concert_id>/<any_case_uuid:schedule_id>/move/
shows/<any_case_uuid:concert_id>/draft/
shows/<any_case_uuid:concert_id>/preview/
shows/<any_case_uuid:concert_id>/publish/
shows/new/
queueing/waitingroom/<path:object_id>/close_room/
queueing/waitingroom/<path:object_id>/drain_room/
queueing/waitingroom/<path:object_id>/open_room/
queueing/waitingroom/<path:object_id>/pause_room/
queueing/waitingroom/<path:object_id>/set_pace/
search/
"""
PAGES = """

about/<slug:kind>/
about/<slug:kind>/<int:number>/
about/business/
accounts/
accounts/address/
accounts/address/confirm/<str:key>/
accounts/address/link/
accounts/address/own/<str:key>/
accounts/confirm/
accounts/data/
accounts/data/<any_case_uuid:copy_id>/
accounts/delete/
accounts/devices/
accounts/devices/<any_case_uuid:public_id>/end/
accounts/devices/end/
accounts/login/
accounts/logout/
accounts/name/
accounts/notices/
accounts/notices/off/<str:key>/
accounts/password/change/
accounts/password/reset/
accounts/password/reset/done/
accounts/password/reset/key/<str:key>/
accounts/signup/
balance/
checkout/
concerts/<any_case_uuid:concert_id>/
concerts/<any_case_uuid:concert_id>/calendar.ics
concerts/<any_case_uuid:concert_id>/picture.png
door/
door/check-ins/<any_case_uuid:check_in_id>/undo/
door/conflicts/
door/guests/
door/recent/
door/scan/
door/show/
door/site.webmanifest
door/sw.js
i18n/setlang/
livez
orders/<any_case_uuid:reservation_id>/
orders/<any_case_uuid:reservation_id>/tickets.ics
orders/<any_case_uuid:reservation_id>/tickets.pdf
places/<any_case_uuid:token>/
places/<any_case_uuid:token>/leave/
posters/<any_case_uuid:poster_id>.webp
readyz
reservations/
reservations/<any_case_uuid:reservation_id>/release/
robots.txt
rooms/<slug:slug>/
rooms/<slug:slug>/draw/
rooms/<slug:slug>/draw/lot/
schedules/<any_case_uuid:schedule_id>/reminder/
schedules/<any_case_uuid:schedule_id>/reminder/withdraw/
schedules/<any_case_uuid:schedule_id>/seats/
schedules/<any_case_uuid:schedule_id>/seats/best/
site.webmanifest
sitemap.xml
sw.js
tickets/
tickets/<any_case_uuid:ticket_id>/
tickets/<any_case_uuid:ticket_id>/cancel/
tickets/<any_case_uuid:ticket_id>/offer/
tickets/<any_case_uuid:ticket_id>/offer/withdraw/
tickets/offers/<any_case_uuid:offer_id>/
tickets/offers/<any_case_uuid:offer_id>/accept/
tickets/offers/<any_case_uuid:offer_id>/decline/
tickets/<any_case_uuid:ticket_id>/google-wallet/
tickets/<any_case_uuid:ticket_id>/qr.svg
tickets/<any_case_uuid:ticket_id>/ticket.ics
tickets/<any_case_uuid:ticket_id>/ticket.pdf
tickets/<any_case_uuid:ticket_id>/ticket.pkpass
visitor/
"""
# Once more for each language, which the address names.
PUBLIC_PAGES = """

about/<slug:kind>/
about/<slug:kind>/<int:number>/
about/business/
concerts/<any_case_uuid:concert_id>/
concerts/<any_case_uuid:concert_id>/calendar.ics
rooms/<slug:slug>/draw/
"""
API = """
auth/login/
auth/logout/
auth/refresh/
auth/signup/
check-ins/
check-ins/<any_case_uuid:check_in_id>/undo/
schedules/<any_case_uuid:schedule_id>/check-ins/list/
schedules/<any_case_uuid:schedule_id>/check-ins/scans/
schedules/<any_case_uuid:schedule_id>/check-ins/state/
concerts/
concerts/<any_case_uuid:concert_id>/
concerts/<any_case_uuid:concert_id>/schedules/
docs/
me/
me/balance/
me/balance/charges/
me/balance/history/
me/data-copies/
me/data-copies/<any_case_uuid:copy_id>/data.zip
me/deletion/
me/devices/
me/devices/<any_case_uuid:device_id>/
me/devices/end-others/
me/email-changes/
payments/
payments/beginnings/
problems/
queue-tokens/<any_case_uuid:token>/
queue-tokens/<any_case_uuid:token>/turn-notice/
reservations/
reservations/<any_case_uuid:reservation_id>/
schedules/<any_case_uuid:schedule_id>/
schedules/<any_case_uuid:schedule_id>/availability/
schedules/<any_case_uuid:schedule_id>/reservations/
schedules/<any_case_uuid:schedule_id>/seat-plan/
schedules/<any_case_uuid:schedule_id>/seat-plans/<slug:version>/
schedules/<any_case_uuid:schedule_id>/seat-state/
schedules/<any_case_uuid:schedule_id>/seats/
schedules/<any_case_uuid:schedule_id>/seats/changes/
schema/
tickets/
tickets/<any_case_uuid:ticket_id>/
tickets/<any_case_uuid:ticket_id>/cancel/
tickets/<any_case_uuid:ticket_id>/qr.svg
tickets/<any_case_uuid:ticket_id>/offer/
tickets/<any_case_uuid:ticket_id>/refund-quote/
tickets/<any_case_uuid:ticket_id>/google-wallet/
tickets/<any_case_uuid:ticket_id>/ticket.ics
tickets/<any_case_uuid:ticket_id>/ticket.pdf
tickets/<any_case_uuid:ticket_id>/ticket.pkpass
tickets/offers/
tickets/offers/<any_case_uuid:offer_id>/
tickets/offers/<any_case_uuid:offer_id>/accept/
tickets/offers/<any_case_uuid:offer_id>/decline/
waiting-rooms/<slug:slug>/
waiting-rooms/<slug:slug>/draw/
waiting-rooms/<slug:slug>/draw/participants/
waiting-rooms/<slug:slug>/front/
waiting-rooms/<slug:slug>/tokens/
"""


def patterns(resolver, before=""):
    for each in resolver.url_patterns:
        route = before + str(each.pattern)
        if isinstance(each, URLPattern):
            yield route
        else:
            yield from patterns(each, route)


def lines(text):
    return text[1:].splitlines()


def designed():
    models = [f"{model}/{rest}" for model in MODELS.split() for rest in OF_A_MODEL]
    admin = [f"admin/{route}" for route in (*models, *lines(ADMIN))]
    public = [f"{code}/{route}" for code in CODES for route in lines(PUBLIC_PAGES)]
    return {*lines(PAGES), *public, *admin, *(f"api/v1/{route}" for route in lines(API))}


def test_every_url_has_a_designed_page():
    assert set(patterns(get_resolver())) - designed() == set()


def test_every_designed_address_is_there():
    assert designed() - set(patterns(get_resolver())) == set()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path",
    [
        "email/",
        "confirm-email/",
        "confirm-email/x/",
        "inactive/",
        "reauthenticate/",
        "password/set/",
        "login/code/",
        "login/code/confirm/",
        "3rdparty/",
        "social/connections/",
        "signup/passkey/",
        "2fa/",
        "sessions/",
        "phone/change/",
    ],
)
def test_pages_of_allauth_without_a_design_are_not_found(admin_client, client, path):
    for each in (admin_client, client):
        assert each.get(f"/accounts/{path}").status_code == 404
        assert each.post(f"/accounts/{path}").status_code == 404


@pytest.mark.django_db
def test_staff_change_their_password_where_all_do(admin_client):
    assert admin_client.get("/admin/password_change/")["Location"] == "/accounts/password/change/"
