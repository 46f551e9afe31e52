from django.urls import path

from concerts import api

urlpatterns = [
    path("concerts/", api.ConcertList.as_view()),
    path("concerts/<uuid:concert_id>/", api.ConcertDetail.as_view()),
    path("concerts/<uuid:concert_id>/schedules/", api.ScheduleList.as_view()),
    path("schedules/<uuid:schedule_id>/", api.ScheduleDetail.as_view()),
    path("schedules/<uuid:schedule_id>/seats/", api.Seats.as_view()),
    path("schedules/<uuid:schedule_id>/seats/changes/", api.SeatChanges.as_view()),
]
