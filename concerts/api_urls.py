from django.urls import path

from concertbook.http.caching import public
from concerts import api

urlpatterns = [
    path("concerts/", public(api.ConcertList.as_view())),
    path("concerts/<any_case_uuid:concert_id>/", public(api.ConcertDetail.as_view())),
    path("concerts/<any_case_uuid:concert_id>/schedules/", public(api.ScheduleList.as_view())),
    path("schedules/<any_case_uuid:schedule_id>/", public(api.ScheduleDetail.as_view())),
    path("schedules/<any_case_uuid:schedule_id>/seats/", api.Seats.as_view()),
    path("schedules/<any_case_uuid:schedule_id>/seats/changes/", api.SeatChanges.as_view()),
]
