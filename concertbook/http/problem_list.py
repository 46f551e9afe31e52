"""The page that the ``type`` of a problem links to: the meaning of each code."""

from collections import defaultdict
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import TemplateView

from concertbook.errors import MethodNotAllowed, every_refusal
from concertbook.http.problems import problem_response


# Without CSRF checks, so that a POST gets 405 and not 403.
@method_decorator(csrf_exempt, name="dispatch")
class ProblemList(TemplateView):
    """Every code, in an element whose id is the code."""

    template_name = "problems.html"

    def http_method_not_allowed(
        self, request: HttpRequest, *args: object, **kwargs: object
    ) -> HttpResponse:
        response = problem_response(MethodNotAllowed())
        response["Allow"] = super().http_method_not_allowed(request, *args, **kwargs)["Allow"]
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(problems=_problems(), **kwargs)


def _problems() -> list[tuple[int, str, list[str]]]:
    """Status, code and messages of each code, sorted by status and code."""
    meanings: dict[tuple[int, str], list[str]] = defaultdict(list)
    for refusal in every_refusal():
        text = str(refusal.message)
        if text not in meanings[refusal.status, refusal.code]:
            meanings[refusal.status, refusal.code].append(text)
    return [(status, code, texts) for (status, code), texts in sorted(meanings.items())]
