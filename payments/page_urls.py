from django.urls import path

from payments import views

urlpatterns = [
    path("schedules/<any_case_uuid:schedule_id>/seats/", views.seats, name="seats"),
    path("checkout/", views.check_out, name="checkout"),
    path("reservations/", views.reservation_list, name="reservation_list"),
    path(
        "reservations/<any_case_uuid:reservation_id>/release/",
        views.release_reservation,
        name="release",
    ),
    path("tickets/", views.ticket_list, name="ticket_list"),
    path("tickets/<any_case_uuid:ticket_id>/", views.ticket, name="ticket"),
    path("tickets/<any_case_uuid:ticket_id>/qr.svg", views.ticket_qr, name="ticket_qr"),
    path("tickets/<any_case_uuid:ticket_id>/cancel/", views.cancel_ticket, name="ticket_cancel"),
]
