"""Every refusal has words for people, and docs/refusals.md lists them."""

import gc

import pytest
from django.urls import reverse
from django.utils import translation

from concertbook.errors import DomainError, every_refusal
from scripts.refusals import PAGE, page

REFUSALS = sorted(every_refusal(), key=lambda each: each.__name__)


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda each: each.__name__)
@pytest.mark.parametrize("language", ["ko", "en"])
def test_it_says_what_happened_what_it_means_and_where_to_go_on(refusal, language):
    with translation.override(language):
        for text in (refusal.message, refusal.meaning, refusal.next_step.label):
            assert str(text).strip()
        assert str(refusal.message).endswith((".", "요.", "다."))
        assert str(refusal.meaning).endswith((".", "요.", "다."))


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda each: each.__name__)
def test_the_next_step_is_a_page(refusal):
    step = refusal.next_step

    assert not step.name or reverse(step.name)


def test_a_refusal_without_words_is_found():
    class Wordless(DomainError):
        code = "wordless"
        status = 400
        message = "No."

    with pytest.raises(AttributeError):
        page()
    # The list of all refusals forgets it.
    del Wordless
    gc.collect()


def test_the_document_lists_them_all():
    assert PAGE.read_text() == page(), "run: make refusals"
