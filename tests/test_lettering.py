"""Text for pictures: nothing in it is a formula, invisible, or longer than there is room."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.text import Text

from aitrain_nb.lettering import dotted, letters_wide, plain, visible, wrapped


def as_drawn(text):
    """What matplotlib draws, and whether it takes it for a formula."""
    return Text()._preprocess_math(text)


@given(st.text(), st.one_of(st.none(), st.integers(2, 30)))
def test_plain_text_is_never_a_formula_and_never_too_wide(text, width):
    shown, formula = as_drawn(plain(text, width))
    assert not formula
    assert not [letter for letter in shown if unicodedata.category(letter) in {"Cc", "Cf", "Cs"}]
    if width is not None:
        assert letters_wide(shown) <= width


@given(st.text(alphabet="a$\\ _^{}"))
def test_ordinary_signs_stay_as_they_are(text):
    assert as_drawn(plain(text))[0] == text


@given(st.text(), st.integers(2, 30), st.integers(1, 4))
def test_wrapped_text_fits_into_its_lines(text, width, lines):
    rows = wrapped(text, width, lines).split("\n")
    assert len(rows) <= lines
    for row in rows:
        shown, formula = as_drawn(row)
        assert not formula
        assert letters_wide(shown) <= width


def test_wrapped_text_loses_nothing_where_there_is_room():
    text = "one two  three " + "x" * 50
    assert wrapped(text, 20, 9).replace("\n", " ").split() == ["one", "two", "three", "x" * 20, "x" * 20, "x" * 10]


@given(st.text(alphabet="ab.$"), st.integers(3, 20), st.integers(1, 3))
def test_a_dotted_name_keeps_its_end(name, width, lines):
    rows = dotted(name, width, lines).split("\n")
    assert len(rows) <= lines
    assert all(letters_wide(as_drawn(row)[0]) <= width for row in rows)
    assert name.endswith(as_drawn(rows[-1])[0].removeprefix("…"))


@pytest.mark.parametrize(
    ("text", "shown"), [("\ud800", "\\ud800"), ("\u200b", "\\u200b"), ("\x07", "\\u0007"), ("é日😀", "é日😀")]
)
def test_what_can_not_be_seen_becomes_a_code(text, shown):
    assert visible(text) == shown
