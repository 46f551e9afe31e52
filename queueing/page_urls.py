from django.urls import path

from queueing import views

urlpatterns = [
    path("rooms/<slug:slug>/", views.waiting_room, name="waiting_room"),
    path("rooms/<slug:slug>/draw/", views.draw, name="draw"),
    path("places/<any_case_uuid:token>/", views.position, name="position"),
    path("places/<any_case_uuid:token>/leave/", views.leave, name="leave_line"),
]
