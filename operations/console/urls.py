from django.urls import path

from operations.console.today import today

app_name = "console"

urlpatterns = [
    path("", today, name="today"),
]
