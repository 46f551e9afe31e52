"""The pages that nginx sends without the application: written from the application's words."""

from scripts.edge_pages import FOLDER, pages


def test_the_files_are_those_that_the_code_writes():
    written = {path.name: path.read_text() for path in FOLDER.iterdir()}

    assert written == dict(pages()), "run: make edge-pages"


def test_they_need_nothing_else():
    for name, text in pages():
        assert f'<html lang="{name.split(".")[1]}">' in text
        assert "src=" not in text
        assert "<link" not in text
        assert len(text.encode()) < 4_000
