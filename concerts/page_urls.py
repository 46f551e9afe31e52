from django.urls import path

from concertbook.http.caching import public
from concerts import views

public_pages = [
    path(
        "",
        public(
            views.concert_list,
            seconds=1,
            parameters=("search", "show", "on_sale", "page"),
            translated=True,
        ),
        name="concert_list",
    ),
    path(
        "concerts/<any_case_uuid:concert_id>/",
        public(views.concert_detail, seconds=1, translated=True),
        name="concert_detail",
    ),
]
urlpatterns = public_pages
