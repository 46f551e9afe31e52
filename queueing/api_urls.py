from django.urls import path

from queueing import api

urlpatterns = [
    path("waiting-rooms/<slug:slug>/tokens/", api.Tokens.as_view()),
    path("queue-tokens/<uuid:token>/", api.Token.as_view(), name="queue_token"),
]
