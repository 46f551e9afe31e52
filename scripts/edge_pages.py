"""Write deploy/pages/: what nginx sends by itself when the application cannot answer.

    DEBUG=1 python -m scripts.edge_pages

tests/project/test_edge_pages.py fails while the files and the code differ.
"""

import os
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "deploy" / "pages"


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "concertbook.settings")
    import django

    django.setup()
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages():
        (FOLDER / name).write_text(text)


def pages() -> Iterator[tuple[str, str]]:
    """Name and content of each file: a refusal in a language."""
    from django.conf import settings
    from django.template.loader import render_to_string
    from django.utils import translation

    from concertbook.errors import InternalError, TooLarge, Unavailable

    for refusal in (InternalError, TooLarge, Unavailable):
        context = {"error": refusal(), "retries": refusal is Unavailable}
        for language, _name in settings.LANGUAGES:
            with translation.override(language):
                text = render_to_string("edge.html", context)
            yield f"{refusal.code}.{language}.html", text


if __name__ == "__main__":
    main()
