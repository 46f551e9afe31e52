from django.urls import path

from accounts import balance_views as views
from accounts import document_views
from concertbook.http.caching import public

public_pages = [
    path(
        "about/business/",
        public(document_views.business, seconds=1, translated=True),
        name="business",
    ),
    path(
        "about/<slug:kind>/",
        public(document_views.document, seconds=1, translated=True),
        name="document",
    ),
    path(
        "about/<slug:kind>/<int:number>/",
        public(document_views.document_version, seconds=1, translated=True),
        name="document_version",
    ),
]
urlpatterns = [
    *public_pages,
    path("balance/", views.balance, name="balance"),
]
