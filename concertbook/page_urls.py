from django.urls import include, path

from accounts.page_urls import public_pages as seller
from concertbook.http import site_files
from concertbook.http.caching import public
from concertbook.http.languages import CODES
from concerts.page_urls import public_pages as programme
from queueing.page_urls import public_pages as line

urlpatterns = [
    path("robots.txt", public(site_files.robots, seconds=600), name="robots"),
    path(
        "site.webmanifest",
        public(site_files.manifest, seconds=600, translated=True),
        name="manifest",
    ),
    path("", include("accounts.page_urls")),
    path("", include("queueing.page_urls")),
    path("", include("concerts.page_urls")),
    path("", include("payments.page_urls")),
    # The public pages once more for each language, which their addresses name.
    *(path(f"{code}/", include(([*programme, *line, *seller], code))) for code in CODES),
]
