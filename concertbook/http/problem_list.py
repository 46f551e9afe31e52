"""Where the ``type`` of a problem leads: what each code means, in the reader's language."""

from collections import defaultdict
from typing import Any

from django.views.generic import TemplateView

from concertbook.errors import every_refusal


class ProblemList(TemplateView):
    """Every code, as an element whose id is the code."""

    template_name = "problems.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(problems=_problems(), **kwargs)


def _problems() -> list[tuple[int, str, list[str]]]:
    """Status, code and what the code may mean, by status and code."""
    meanings: dict[tuple[int, str], list[str]] = defaultdict(list)
    for refusal in every_refusal():
        text = str(refusal.message)
        if text not in meanings[refusal.status, refusal.code]:
            meanings[refusal.status, refusal.code].append(text)
    return [(status, code, texts) for (status, code), texts in sorted(meanings.items())]
