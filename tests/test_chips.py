"""Tokens as HTML, and a page as text: each number that is drawn is also said."""

import pytest

from aitrain_nb import chips, html
from aitrain_nb.chips import Token
from aitrain_nb.reading import as_text


def test_a_chip_says_token_number_and_letters():
    row = chips.row([Token("[CLS]", 2, "special"), Token("with", 7, "word", (0, 4)), Token("draw", 9, "word", (4, 8))])
    assert as_text(row) == "[CLS]/2  with/7/0-4  draw/9/4-8"
    assert row.count("underline") == 1


def test_padding_at_the_end_is_one_hatched_chip_that_counts_it():
    row = chips.row([Token("a", 5), *[Token("[PAD]", 0, "padding")] * 7])
    assert row.count("[PAD]") == 1
    assert "///////" in row
    assert "7" in as_text(row)


def test_each_target_stands_below_its_input_and_is_the_next_input():
    tokens = [Token(letter, place) for place, letter in enumerate("abcd")]
    shown = as_text(chips.shifted(tokens[:3], [*tokens[1:3], None]))
    assert shown == "0 a/0 -> b/1  1 b/1 -> c/2  2 c/2 -> not counted"


def test_a_surprising_token_has_its_loss_and_a_thicker_line():
    shown = chips.heat([("a", 0.0), ("b", 4.0)], 4.0)
    assert as_text(shown) == "a/0.000  b/4.000"
    assert "border-bottom:1px" in shown
    assert "border-bottom:4px" in shown
    assert "nan" in chips.heat([("a", float("nan"))], 4.0)


def test_a_page_as_text_has_its_tables_and_descriptions_and_names_what_is_folded():
    page = html.section(
        "Title", "note", html.table(["a", "bb"], [[1, html.bar(0.5, "50 %")], [222, "x"]], "what"),
        html.details("3 more", html.element("p", "inside")), html.image(b"png", "a falling curve"), html.facts({"n": 3, "m": 4}),
    )  # fmt: skip
    assert as_text(page).splitlines() == [
        "Title note", "what", "a    bb", "1    50 %", "222  x", "3 more (folded)", "[picture] a falling curve", "n 3  m 4",
    ]  # fmt: skip


@pytest.mark.parametrize("letters", ["<b>&amp;", "\u202e\x00", "日本語", "x" * 500])
def test_text_of_data_is_said_as_it_is_seen(letters):
    said = as_text(html.table(["a"], [[letters]]))
    assert said.splitlines()[-1].startswith(letters if letters.isprintable() else "\\u202e")


@pytest.mark.parametrize(
    ("data", "fields"),
    [("tickets", {}), ("digits", {"model": "small-cnn"}), ("speeches", {})],
)  # fmt: skip
def test_a_record_says_in_a_terminal_what_its_page_says(make, step, data, fields):
    trainer = make(data=data, **({"model": None} | fields))
    batch, forward, loss, gradients, update = step(trainer)
    for record in (batch, forward, loss, gradients, update):
        page, text = record._repr_html_(), repr(record)
        assert as_text(page) == text
        assert len(page) < 100_000
        assert max(map(len, text.splitlines())) <= 160
    assert "sorted by loss" in repr(loss)
    assert "The curve -ln p" in repr(loss)
    assert forward.layers["kind"].iloc[0] in repr(forward)
    assert "gradient norm" in repr(gradients)
    assert "norm of the change" in repr(update)
    words = {"tickets": "[PAD] x ", "digits": "as the numbers it is made of", "speeches": " -> "}
    assert words[data] in repr(batch)
