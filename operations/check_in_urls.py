from django.urls import path

from concertbook.http.caching import public
from operations import check_in_views

urlpatterns = [
    path("", check_in_views.scanner, name="check_in"),
    path("show/", check_in_views.choose_show, name="check_in_show"),
    path("scan/", check_in_views.scan, name="check_in_scan"),
    path("guests/", check_in_views.guests, name="check_in_guests"),
    path("recent/", check_in_views.recent, name="check_in_recent"),
    path("conflicts/", check_in_views.conflicts, name="check_in_conflicts"),
    path("check-ins/<any_case_uuid:check_in_id>/undo/", check_in_views.undo, name="check_in_undo"),
    path("sw.js", public(check_in_views.service_worker), name="check_in_worker"),
    path(
        "site.webmanifest",
        public(check_in_views.manifest, translated=True),
        name="check_in_manifest",
    ),
]
