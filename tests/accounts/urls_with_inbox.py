"""The addresses of the demo, which has an inbox."""

from django.urls import include, path

from concertbook.urls import urlpatterns as others

urlpatterns = [path("inbox/", include("accounts.inbox_urls")), *others]
