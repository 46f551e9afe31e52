"""The public pages about the seller: terms, privacy, refunds, help, and the seller's details."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.services import documents
from accounts.services.business import find_business, is_sample


@require_safe
def document(request: HttpRequest, kind: str) -> HttpResponse:
    return _show(request, documents.find_present(kind))


@require_safe
def document_version(request: HttpRequest, kind: str, number: int) -> HttpResponse:
    return _show(request, documents.find_version(kind, number))


def _show(request: HttpRequest, shown: documents.Version) -> HttpResponse:
    context = {
        "document": shown,
        "versions": documents.list_versions(shown.kind),
        "present": documents.find_present(shown.kind),
        "today": documents.today(),
    }
    return render(request, "accounts/document.html", context)


@require_safe
def business(request: HttpRequest) -> HttpResponse:
    seller = find_business(oldest=0)
    context = {"business": seller, "is_sample": is_sample(seller)}
    return render(request, "accounts/business.html", context)
