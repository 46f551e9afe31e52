from django.urls import path

from concertbook.http.caching import public
from payments import (
    checkout_views,
    offer_views,
    seat_views,
    ticket_file_views,
    ticket_views,
)

urlpatterns = [
    path("schedules/<any_case_uuid:schedule_id>/seats/", seat_views.seats, name="seats"),
    path(
        "schedules/<any_case_uuid:schedule_id>/seats/best/",
        seat_views.best_seats,
        name="best_seats",
    ),
    path("checkout/", checkout_views.check_out, name="checkout"),
    path("orders/<any_case_uuid:reservation_id>/", checkout_views.order, name="order"),
    path(
        "orders/<any_case_uuid:reservation_id>/tickets.pdf",
        ticket_file_views.pdf_of_order,
        name="order_pdf",
    ),
    path(
        "orders/<any_case_uuid:reservation_id>/tickets.ics",
        ticket_file_views.calendar_of_order,
        name="order_calendar",
    ),
    path("reservations/", checkout_views.reservation_list, name="reservation_list"),
    path(
        "reservations/<any_case_uuid:reservation_id>/release/",
        checkout_views.release_reservation,
        name="release",
    ),
    path("sw.js", public(ticket_views.service_worker), name="service_worker"),
    path("tickets/", ticket_views.ticket_list, name="ticket_list"),
    path("tickets/<any_case_uuid:ticket_id>/", ticket_views.ticket, name="ticket"),
    path("tickets/<any_case_uuid:ticket_id>/qr.svg", ticket_views.ticket_qr, name="ticket_qr"),
    path(
        "tickets/<any_case_uuid:ticket_id>/ticket.pdf",
        ticket_file_views.pdf_of_ticket,
        name="ticket_pdf",
    ),
    path(
        "tickets/<any_case_uuid:ticket_id>/ticket.ics",
        ticket_file_views.calendar_of_ticket,
        name="ticket_calendar",
    ),
    path(
        "tickets/<any_case_uuid:ticket_id>/ticket.pkpass",
        ticket_file_views.apple_wallet,
        name="apple_wallet",
    ),
    path(
        "tickets/<any_case_uuid:ticket_id>/google-wallet/",
        ticket_file_views.google_wallet,
        name="google_wallet",
    ),
    path(
        "tickets/<any_case_uuid:ticket_id>/offer/", offer_views.offer_ticket, name="ticket_hand_on"
    ),
    path(
        "tickets/<any_case_uuid:ticket_id>/offer/withdraw/",
        offer_views.withdraw_offer,
        name="ticket_offer_withdraw",
    ),
    path("tickets/offers/<any_case_uuid:offer_id>/", offer_views.offer, name="ticket_offer"),
    path(
        "tickets/offers/<any_case_uuid:offer_id>/accept/",
        offer_views.accept_offer,
        name="ticket_offer_accept",
    ),
    path(
        "tickets/offers/<any_case_uuid:offer_id>/decline/",
        offer_views.decline_offer,
        name="ticket_offer_decline",
    ),
    path(
        "tickets/<any_case_uuid:ticket_id>/cancel/",
        ticket_views.cancel_ticket,
        name="ticket_cancel",
    ),
]
