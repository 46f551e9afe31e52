"""Write docs/refusals.md: what a person reads for each refusal.

    DEBUG=1 python -m scripts.refusals

tests/project/test_refusals.py fails while the page and the code differ.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concertbook.errors import DomainError

PAGE = Path(__file__).resolve().parents[1] / "docs" / "refusals.md"
HEAD = """# Refusals: what a person reads

Written by `make refusals` from the classes in `*/errors.py`. Each refusal says what happened, what
it means for money and seats, and leads on by a link. A refused page shows this as a page; a refused
form shows it as a message on the form's page (`concertbook/http/error_pages.py`). Some messages
name times or titles instead of the general words here. For the API a refusal is a problem with the
code (`/api/v1/problems/`). Korean is in `locale/`.

| code | status | what happened | what it means | next step |
|---|---|---|---|---|
"""


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "concertbook.settings")
    import django

    django.setup()
    PAGE.write_text(page())


def page() -> str:
    from django.utils import translation

    with translation.override("en"):
        return HEAD + "".join(f"{line}\n" for line in _lines())


def _lines() -> Iterator[str]:
    from concertbook.errors import every_refusal

    refusals = sorted(every_refusal(), key=lambda each: (each.code, each.__name__))
    yield from dict.fromkeys(_line(each) for each in refusals)


def _line(refusal: "type[DomainError]") -> str:
    cells = (
        f"`{refusal.code}`",
        str(refusal.status),
        str(refusal.message),
        str(refusal.meaning),
        str(refusal.next_step.label),
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
