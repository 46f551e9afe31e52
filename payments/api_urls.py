from django.urls import path

from payments import api, check_in_api, ticket_file_api

urlpatterns = [
    path("schedules/<any_case_uuid:schedule_id>/reservations/", api.Holds.as_view()),
    path("reservations/", api.ReservationList.as_view()),
    path("reservations/<any_case_uuid:reservation_id>/", api.ReservationDetail.as_view()),
    path("payments/beginnings/", api.PaymentBeginnings.as_view()),
    path("payments/", api.Payments.as_view()),
    path("tickets/", api.TicketList.as_view()),
    path("tickets/<any_case_uuid:ticket_id>/", api.TicketDetail.as_view()),
    path("tickets/<any_case_uuid:ticket_id>/qr.svg", api.TicketQr.as_view()),
    path("tickets/<any_case_uuid:ticket_id>/ticket.pdf", ticket_file_api.TicketPdf.as_view()),
    path("tickets/<any_case_uuid:ticket_id>/ticket.ics", ticket_file_api.TicketCalendar.as_view()),
    path("tickets/<any_case_uuid:ticket_id>/ticket.pkpass", ticket_file_api.AppleWallet.as_view()),
    path(
        "tickets/<any_case_uuid:ticket_id>/google-wallet/", ticket_file_api.GoogleWallet.as_view()
    ),
    path("tickets/<any_case_uuid:ticket_id>/refund-quote/", api.RefundQuote.as_view()),
    path("tickets/<any_case_uuid:ticket_id>/cancel/", api.Cancel.as_view()),
    path("tickets/<any_case_uuid:ticket_id>/offer/", api.OfferOfTicket.as_view()),
    path("tickets/offers/", api.OffersToMe.as_view()),
    path("tickets/offers/<any_case_uuid:offer_id>/", api.OfferToMe.as_view()),
    path("tickets/offers/<any_case_uuid:offer_id>/accept/", api.OfferAcceptance.as_view()),
    path("tickets/offers/<any_case_uuid:offer_id>/decline/", api.OfferDeclining.as_view()),
    path("check-ins/", check_in_api.CheckIns.as_view(), name="check_ins"),
    path("check-ins/<any_case_uuid:check_in_id>/undo/", check_in_api.CheckInUndo.as_view()),
    path(
        "schedules/<any_case_uuid:schedule_id>/check-ins/list/",
        check_in_api.CheckInList.as_view(),
        name="check_in_list",
    ),
    path(
        "schedules/<any_case_uuid:schedule_id>/check-ins/state/",
        check_in_api.CheckInState.as_view(),
        name="check_in_state",
    ),
    path(
        "schedules/<any_case_uuid:schedule_id>/check-ins/scans/",
        check_in_api.SyncedScans.as_view(),
        name="synced_scans",
    ),
]
