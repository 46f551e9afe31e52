from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, register_converter
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from concertbook import health, schema  # noqa: F401  (schema registers itself)
from concertbook.caching import for_everybody
from concertbook.ids import AnyCaseUUIDConverter

# Before the apps' addresses are read, which use it.
register_converter(AnyCaseUUIDConverter, "any_case_uuid")

api_v1: list[URLPattern | URLResolver] = [
    path("schema/", for_everybody(SpectacularAPIView.as_view()), name="schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="api_docs"),
    path("", include("accounts.api_urls")),
    path("", include("queueing.api_urls")),
    path("", include("concerts.api_urls")),
    path("", include("payments.api_urls")),
]

urlpatterns = [
    path("api/v1/", include(api_v1)),
    path("livez", health.livez),
    path("readyz", health.readyz),
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
    path("accounts/", include("allauth.account.urls")),
    path("", include("concertbook.page_urls")),
]

handler400 = "concertbook.refusals.bad_request"
handler404 = "concertbook.refusals.not_found"
handler500 = "concertbook.refusals.server_error"
