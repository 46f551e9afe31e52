from django.urls import path

from concertbook.http.caching import immutable, public
from concerts import feed_views, reminder_views, views

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
        public(views.concert_detail, seconds=1, parameters=("date",), translated=True),
        name="concert_detail",
    ),
    path(
        "concerts/<any_case_uuid:concert_id>/calendar.ics",
        public(feed_views.calendar, seconds=10, translated=True),
        name="calendar",
    ),
]
urlpatterns = [
    *public_pages,
    path("posters/<any_case_uuid:poster_id>.webp", immutable(views.poster), name="poster"),
    path("sitemap.xml", public(feed_views.sitemap, seconds=60), name="sitemap"),
    path(
        "concerts/<any_case_uuid:concert_id>/picture.png",
        public(feed_views.share_picture, seconds=600),
        name="share_picture",
    ),
    path(
        "schedules/<any_case_uuid:schedule_id>/reminder/",
        reminder_views.reminder,
        name="reminder",
    ),
    path(
        "schedules/<any_case_uuid:schedule_id>/reminder/withdraw/",
        reminder_views.withdraw_reminder,
        name="withdraw_reminder",
    ),
]
