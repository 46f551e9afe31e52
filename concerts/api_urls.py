from django.urls import path

from concertbook.http.caching import immutable, public
from concerts import api, seat_plan_api

PAGES = ("cursor", "page_size")

urlpatterns = [
    path(
        "concerts/",
        public(api.ConcertList.as_view(), seconds=1, parameters=("search", "on_sale", *PAGES)),
    ),
    path("concerts/<any_case_uuid:concert_id>/", public(api.ConcertDetail.as_view(), seconds=1)),
    path(
        "concerts/<any_case_uuid:concert_id>/schedules/",
        public(api.ScheduleList.as_view(), seconds=1, parameters=PAGES),
    ),
    path("schedules/<any_case_uuid:schedule_id>/", public(api.ScheduleDetail.as_view(), seconds=1)),
    path(
        "schedules/<any_case_uuid:schedule_id>/availability/",
        public(api.SeatsLeft.as_view(), seconds=1),
    ),
    path("schedules/<any_case_uuid:schedule_id>/seats/", api.Seats.as_view()),
    path("schedules/<any_case_uuid:schedule_id>/seats/changes/", api.SeatChanges.as_view()),
    path(
        "schedules/<any_case_uuid:schedule_id>/seat-plan/",
        public(seat_plan_api.SeatPlan.as_view(), seconds=1),
    ),
    path(
        "schedules/<any_case_uuid:schedule_id>/seat-plans/<slug:version>/",
        immutable(seat_plan_api.SeatPlanVersion.as_view()),
        name="seat_plan_version",
    ),
    path("schedules/<any_case_uuid:schedule_id>/seat-state/", api.SeatState.as_view()),
]
