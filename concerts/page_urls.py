from django.urls import path

from concerts import views

urlpatterns = [
    path("", views.concert_list, name="concert_list"),
    path("concerts/<any_case_uuid:concert_id>/", views.concert_detail, name="concert_detail"),
]
