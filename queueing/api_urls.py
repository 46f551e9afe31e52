from django.urls import path

from concertbook.http.caching import public
from queueing import api

urlpatterns = [
    path("waiting-rooms/<slug:slug>/", public(api.Room.as_view(), seconds=1), name="room_api"),
    path("waiting-rooms/<slug:slug>/tokens/", api.Tokens.as_view()),
    path(
        "waiting-rooms/<slug:slug>/draw/",
        public(api.RoomDraw.as_view(), seconds=1),
        name="draw_api",
    ),
    path(
        "waiting-rooms/<slug:slug>/front/",
        # With a second in another cache and one in the browser, people learn within two.
        public(api.RoomFront.as_view(), seconds=1, rebuilt_after=0.25),
        name="front",
    ),
    path(
        "waiting-rooms/<slug:slug>/draw/participants/",
        public(api.DrawParticipants.as_view()),
        name="draw_participants",
    ),
    path("queue-tokens/<any_case_uuid:token>/", api.Token.as_view(), name="queue_token"),
    path(
        "queue-tokens/<any_case_uuid:token>/turn-notice/",
        api.TurnNotice.as_view(),
        name="turn_notice",
    ),
]
