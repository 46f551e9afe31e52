from django.urls import path

from accounts import balance_views as views

urlpatterns = [
    path("balance/", views.balance, name="balance"),
]
