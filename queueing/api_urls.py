from django.urls import path

from queueing import api

urlpatterns = [
    path("waiting-rooms/<slug:slug>/tokens/", api.Tokens.as_view()),
    path("waiting-rooms/<slug:slug>/draw/", api.RoomDraw.as_view(), name="draw_api"),
    path(
        "waiting-rooms/<slug:slug>/draw/participants/",
        api.DrawParticipants.as_view(),
        name="draw_participants",
    ),
    path("queue-tokens/<uuid:token>/", api.Token.as_view(), name="queue_token"),
]
