from django.urls import path

from concertbook.http.caching import for_everybody
from concerts import api

urlpatterns = [
    path("concerts/", for_everybody(api.ConcertList.as_view())),
    path("concerts/<any_case_uuid:concert_id>/", for_everybody(api.ConcertDetail.as_view())),
    path(
        "concerts/<any_case_uuid:concert_id>/schedules/", for_everybody(api.ScheduleList.as_view())
    ),
    path("schedules/<any_case_uuid:schedule_id>/", for_everybody(api.ScheduleDetail.as_view())),
    path("schedules/<any_case_uuid:schedule_id>/seats/", api.Seats.as_view()),
    path("schedules/<any_case_uuid:schedule_id>/seats/changes/", api.SeatChanges.as_view()),
]
