from django.urls import path

from concertbook.http.caching import public
from queueing import views

public_pages = [
    path(
        "rooms/<slug:slug>/draw/",
        public(views.draw, seconds=1, translated=True),
        name="draw",
    ),
]
urlpatterns = [
    *public_pages,
    path("visitor/", views.visitor, name="visitor"),
    path("rooms/<slug:slug>/", views.waiting_room, name="waiting_room"),
    path("rooms/<slug:slug>/draw/lot/", views.lot, name="lot"),
    path("places/<any_case_uuid:token>/", views.position, name="position"),
    path("places/<any_case_uuid:token>/leave/", views.leave, name="leave_line"),
]
