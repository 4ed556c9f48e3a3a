"""The contents page, the guide, and that every claim of the source text is shown by a cell that runs."""

import re

import pytest

from aitrain_nb.lessons import book, contents, shelf
from aitrain_nb.lessons.source_text import CLAIMS
from aitrain_nb.lessons.words import words


def test_the_contents_page_is_up_to_date():
    kept = (shelf.folder() / "README.md").read_text(encoding="utf-8")
    assert kept == contents.contents(), "python -m aitrain_nb.lessons.refresh"


def test_every_lesson_stands_in_it_with_its_time_and_a_link():
    page = contents.contents()
    for lesson in book.lessons():
        assert f"[{lesson.number} · {lesson.title}]({lesson.stem}.ipynb) | {lesson.minutes} min" in page
    for link in re.findall(r"\]\(([^)]+)\)", page):
        assert (shelf.folder() / link).exists(), link


def test_what_shows_a_claim_computes_or_draws_it():
    shown = contents.shown()
    assert {one.claim for one in shown} == set(CLAIMS)
    for one in shown:
        assert one.claim in CLAIMS
        assert re.search(r"assert |print\(|plot|trainer|start\(|lab\.|[A-Z]\w+\(", one.source), one


def test_key_words_of_the_text_stand_in_the_glossary():
    needed = (
        "weight", "batch", "forward pass", "layer", "loss", "backpropagation", "gradient", "iteration", "epoch", "learning rate",
        "batch size",
        "underfitting", "overfitting", "validation", "fine-tuning", "few-shot", "mixed precision", "gradient norm", "optimizer",
        "activation",
        "checkpoint", "quantization", "attention",
    )  # fmt: skip
    assert set(needed) <= set(words())


@pytest.mark.parametrize("word", sorted(words()))
def test_a_word_has_one_plain_sentence(word):
    says = words()[word]
    assert says.endswith(".")
    assert len(says.split()) <= 26, says


def test_the_guide_has_tracks_and_every_lesson():
    page = contents.guide()
    for track in contents.TRACKS:
        assert track.name in page
    for lesson in book.lessons():
        assert lesson.facilitator.script[1] in page
