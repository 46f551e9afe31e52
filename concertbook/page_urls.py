from django.urls import include, path

urlpatterns = [
    path("", include("accounts.page_urls")),
    path("", include("queueing.page_urls")),
    path("", include("concerts.page_urls")),
    path("", include("payments.page_urls")),
]
