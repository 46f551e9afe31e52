from django.urls import path

from accounts import views

urlpatterns = [
    path("balance/", views.balance, name="balance"),
]
