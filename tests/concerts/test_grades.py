"""The colour and the letter of a grade."""

import pytest

from concerts.templatetags.sales import grade_letter, grade_tone


@pytest.mark.parametrize(
    ("grade", "tone", "letter"),
    [
        ("VIP", "vip", "VIP"),
        ("VIP석", "vip", "VIP"),
        ("r", "r", "R"),
        ("S석", "s", "S"),
        ("A", "a", "A"),
        ("스탠딩", "other", "스탠딩"),
        ("", "other", "–"),
    ],
)
def test_a_grade_has_a_colour_and_a_letter(grade, tone, letter):
    assert (grade_tone(grade), grade_letter(grade)) == (tone, letter)
