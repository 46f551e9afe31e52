"""The gate cannot be bypassed: every gated request is tried with every kind of invalid token."""

import uuid

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from payments.models import Payment, Reservation
from queueing.models import QueueToken
from queueing.services.join_and_leave import join
from tests.factories import ScheduleFactory, UserFactory, WaitingRoomFactory, admitted, held

pytestmark = pytest.mark.django_db

# Requests that need an admission: the address, and the arguments of each method.
GATED = {
    "api/v1/schedules/<any_case_uuid:schedule_id>/seats/",
    "api/v1/schedules/<any_case_uuid:schedule_id>/seats/changes/",
    "api/v1/schedules/<any_case_uuid:schedule_id>/seat-state/",
    "api/v1/schedules/<any_case_uuid:schedule_id>/reservations/",
    "api/v1/payments/",
    "api/v1/payments/beginnings/",
    "schedules/<any_case_uuid:schedule_id>/seats/",
    "schedules/<any_case_uuid:schedule_id>/seats/best/",
    "checkout/",
}
# Requests that need no admission: the programme, the user's own objects, the line, check-ins.
OPEN = {
    "",
    "about/<slug:kind>/",
    "about/<slug:kind>/<int:number>/",
    "about/business/",
    "api/v1/check-ins/",
    "api/v1/check-ins/<any_case_uuid:check_in_id>/undo/",
    "api/v1/concerts/",
    "api/v1/concerts/<any_case_uuid:concert_id>/",
    "api/v1/concerts/<any_case_uuid:concert_id>/schedules/",
    "api/v1/docs/",
    "api/v1/problems/",
    "api/v1/queue-tokens/<any_case_uuid:token>/",
    "api/v1/queue-tokens/<any_case_uuid:token>/turn-notice/",
    "api/v1/reservations/",
    "api/v1/reservations/<any_case_uuid:reservation_id>/",
    "api/v1/schedules/<any_case_uuid:schedule_id>/",
    "api/v1/schedules/<any_case_uuid:schedule_id>/availability/",
    "api/v1/schedules/<any_case_uuid:schedule_id>/check-ins/list/",
    "api/v1/schedules/<any_case_uuid:schedule_id>/check-ins/scans/",
    "api/v1/schedules/<any_case_uuid:schedule_id>/check-ins/state/",
    "api/v1/schedules/<any_case_uuid:schedule_id>/seat-plan/",
    "api/v1/schedules/<any_case_uuid:schedule_id>/seat-plans/<slug:version>/",
    "api/v1/schema/",
    "api/v1/tickets/",
    "api/v1/tickets/<any_case_uuid:ticket_id>/",
    "api/v1/tickets/<any_case_uuid:ticket_id>/cancel/",
    "api/v1/tickets/<any_case_uuid:ticket_id>/offer/",
    "api/v1/tickets/<any_case_uuid:ticket_id>/google-wallet/",
    "api/v1/tickets/<any_case_uuid:ticket_id>/qr.svg",
    "api/v1/tickets/<any_case_uuid:ticket_id>/ticket.ics",
    "api/v1/tickets/<any_case_uuid:ticket_id>/ticket.pdf",
    "api/v1/tickets/<any_case_uuid:ticket_id>/ticket.pkpass",
    "api/v1/tickets/<any_case_uuid:ticket_id>/refund-quote/",
    "api/v1/tickets/offers/",
    "api/v1/tickets/offers/<any_case_uuid:offer_id>/",
    "api/v1/tickets/offers/<any_case_uuid:offer_id>/accept/",
    "api/v1/tickets/offers/<any_case_uuid:offer_id>/decline/",
    "api/v1/waiting-rooms/<slug:slug>/",
    "api/v1/waiting-rooms/<slug:slug>/draw/",
    "api/v1/waiting-rooms/<slug:slug>/draw/participants/",
    "api/v1/waiting-rooms/<slug:slug>/front/",
    "api/v1/waiting-rooms/<slug:slug>/tokens/",
    "concerts/<any_case_uuid:concert_id>/",
    "concerts/<any_case_uuid:concert_id>/calendar.ics",
    "concerts/<any_case_uuid:concert_id>/picture.png",
    "en/",
    "en/about/<slug:kind>/",
    "en/about/<slug:kind>/<int:number>/",
    "en/about/business/",
    "en/concerts/<any_case_uuid:concert_id>/",
    "en/concerts/<any_case_uuid:concert_id>/calendar.ics",
    "en/rooms/<slug:slug>/draw/",
    "door/",
    "door/check-ins/<any_case_uuid:check_in_id>/undo/",
    "door/conflicts/",
    "door/guests/",
    "door/recent/",
    "door/scan/",
    "door/show/",
    "door/site.webmanifest",
    "door/sw.js",
    "ko/",
    "ko/about/<slug:kind>/",
    "ko/about/<slug:kind>/<int:number>/",
    "ko/about/business/",
    "ko/concerts/<any_case_uuid:concert_id>/",
    "ko/concerts/<any_case_uuid:concert_id>/calendar.ics",
    "ko/rooms/<slug:slug>/draw/",
    "livez",
    "orders/<any_case_uuid:reservation_id>/",
    "orders/<any_case_uuid:reservation_id>/tickets.ics",
    "orders/<any_case_uuid:reservation_id>/tickets.pdf",
    "places/<any_case_uuid:token>/",
    "places/<any_case_uuid:token>/leave/",
    "posters/<any_case_uuid:poster_id>.webp",
    "readyz",
    "reservations/",
    "reservations/<any_case_uuid:reservation_id>/release/",
    "robots.txt",
    "rooms/<slug:slug>/",
    "rooms/<slug:slug>/draw/",
    "rooms/<slug:slug>/draw/lot/",
    "schedules/<any_case_uuid:schedule_id>/reminder/",
    "schedules/<any_case_uuid:schedule_id>/reminder/withdraw/",
    "site.webmanifest",
    "sitemap.xml",
    "sw.js",
    "tickets/",
    "tickets/<any_case_uuid:ticket_id>/",
    "tickets/<any_case_uuid:ticket_id>/cancel/",
    "tickets/<any_case_uuid:ticket_id>/google-wallet/",
    "tickets/<any_case_uuid:ticket_id>/offer/",
    "tickets/<any_case_uuid:ticket_id>/offer/withdraw/",
    "tickets/<any_case_uuid:ticket_id>/qr.svg",
    "tickets/<any_case_uuid:ticket_id>/ticket.ics",
    "tickets/<any_case_uuid:ticket_id>/ticket.pdf",
    "tickets/<any_case_uuid:ticket_id>/ticket.pkpass",
    "tickets/offers/<any_case_uuid:offer_id>/",
    "tickets/offers/<any_case_uuid:offer_id>/accept/",
    "tickets/offers/<any_case_uuid:offer_id>/decline/",
    "visitor/",
}
# Accounts, and the admin.
ELSEWHERE = ("accounts/", "admin/", "api/v1/auth/", "api/v1/me/", "balance/", "i18n/")


def addresses(patterns, prefix=""):
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, prefix + str(pattern.pattern))
        elif isinstance(pattern, URLPattern):
            yield prefix + str(pattern.pattern)


def test_every_address_is_known_to_be_gated_or_open():
    ours = {
        address
        for address in addresses(get_resolver().url_patterns)
        if not address.startswith(ELSEWHERE)
    }
    assert ours == GATED | OPEN


def none(user, schedule):
    QueueToken.objects.filter(user=user).delete()


def another_persons(user, schedule):
    none(user, schedule)
    return admitted(UserFactory(), schedule).pk


def of_another_room(user, schedule):
    none(user, schedule)
    return join(user=user, slug=WaitingRoomFactory().slug)[0].token


def waiting(user, schedule):
    none(user, schedule)
    room = schedule.concert.waiting_room
    room.state = "PAUSED"
    room.save()
    return join(user=user, slug=room.slug)[0].token


def expired(user, schedule):
    token = QueueToken.objects.get(user=user)
    QueueToken.objects.filter(pk=token.pk).update(expires_at=timezone.now())
    return token.pk


def forged(user, schedule):
    none(user, schedule)
    return uuid.uuid4()


NO_GOOD = [none, another_persons, of_another_room, waiting, expired, forged]


@pytest.fixture
def sale(app, client):
    """An admitted user with a hold and the money for it, as app and as browser."""
    user, schedule = UserFactory(won=100_000), ScheduleFactory()
    (reservation,) = held(user, schedule, 1)
    client.force_login(user)
    return user, schedule, reservation, app(user), client


def ways_in(schedule, reservation, phone, browser, headers):
    """Each gated request, valid except for the token."""
    api = f"/api/v1/schedules/{schedule.pk}"
    ids = {"reservations": [str(reservation.pk)]}
    key = headers | {"Idempotency-Key": "k"}
    yield phone.get(f"{api}/seats/", headers=headers)
    yield phone.get(f"{api}/seats/changes/", headers=headers)
    yield phone.get(f"{api}/seat-state/", headers=headers)
    yield phone.post(f"{api}/reservations/", {"seats": [2]}, format="json", headers=headers)
    yield phone.post("/api/v1/payments/beginnings/", ids, format="json", headers=headers)
    yield phone.post("/api/v1/payments/", ids, format="json", headers=key)
    yield browser.get(f"/schedules/{schedule.pk}/seats/")
    yield browser.post(f"/schedules/{schedule.pk}/seats/", {"seats": [2]})
    yield browser.get(f"/schedules/{schedule.pk}/seats/best/")
    yield browser.post(f"/schedules/{schedule.pk}/seats/best/")
    yield browser.post("/checkout/", {"reservations": [str(reservation.pk)], "agreed": "on"})


@pytest.mark.parametrize("token", NO_GOOD, ids=lambda kind: kind.__name__)
def test_every_gate_refuses_an_invalid_token(sale, token):
    user, schedule, reservation, phone, browser = sale
    shown = token(user, schedule)
    headers = {"Queue-Token": str(shown)} if shown else {}

    for answer in ways_in(schedule, reservation, phone, browser, headers):
        if answer.request["PATH_INFO"].startswith("/api/"):
            assert (answer.status_code, answer.json()["code"]) == (403, "queue_not_admitted")
        else:
            # A page redirects to the line, or shows the refusal.
            assert answer.status_code in (302, 403)

    assert not Payment.objects.filter(status=Payment.Status.SUCCESS).exists()
    assert Reservation.objects.filter(user=user, seat__number=2).count() == 0


def test_every_gate_accepts_a_valid_token(sale):
    user, schedule, reservation, phone, browser = sale
    headers = {"Queue-Token": str(QueueToken.objects.get(user=user).pk)}

    statuses = [
        answer.status_code
        for answer in ways_in(schedule, reservation, phone, browser, headers)
        if answer.request["PATH_INFO"].startswith("/api/")
    ]

    assert statuses == [200, 200, 200, 201, 200, 201]
