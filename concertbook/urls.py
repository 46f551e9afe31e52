from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, register_converter
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from accounts.account_views import set_language
from concertbook.http import health, openapi  # noqa: F401  (openapi registers itself)
from concertbook.http.caching import public
from concertbook.http.ids import AnyCaseUUIDConverter
from concertbook.http.problem_list import ProblemList

# Registered before the apps' URLs, which use it, are imported.
register_converter(AnyCaseUUIDConverter, "any_case_uuid")

api_v1: list[URLPattern | URLResolver] = [
    path("schema/", public(SpectacularAPIView.as_view()), name="schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="api_docs"),
    path("problems/", ProblemList.as_view(), name="problem_list"),
    path("", include("accounts.api_urls")),
    path("", include("queueing.api_urls")),
    path("", include("concerts.api_urls")),
    path("", include("payments.api_urls")),
]

# No model has a public page ("view on site"), and passwords are changed on the site's page only.
NOT_DESIGNED = {"view_on_site", "password_change_done"}
admin_urls = [url for url in admin.site.get_urls() if getattr(url, "name", "") not in NOT_DESIGNED]

urlpatterns = [
    path("api/v1/", include(api_v1)),
    path("livez", health.livez),
    path("readyz", health.readyz),
    # Before the admin's own, of which it replaces the front page.
    path("admin/", include("operations.console.urls")),
    path("admin/", (admin_urls, "admin", admin.site.name)),
    path("i18n/setlang/", set_language, name="set_language"),
    path("accounts/", include("accounts.account_urls")),
    path("door/", include("operations.check_in_urls")),
    path("", include("concertbook.page_urls")),
]

if settings.DEBUG:
    from concerts.styleguide import styleguide

    urlpatterns.append(path("styleguide/", styleguide))

if settings.DEMO_INBOX:
    urlpatterns.append(path("inbox/", include("accounts.inbox_urls")))

handler400 = "concertbook.http.error_pages.bad_request"
handler403 = "concertbook.http.error_pages.permission_denied"
handler404 = "concertbook.http.error_pages.not_found"
handler500 = "concertbook.http.error_pages.server_error"
