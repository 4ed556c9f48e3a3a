"""A model tried without a page: what it says about a text, a pair, an image, a drawing and a prompt; and that trying changes nothing."""

import random

import numpy as np
import pandas as pd
import pytest
import torch

import aitrain_nb as ai
from aitrain_nb import trying
from aitrain_nb.errors import ConfigError, DataError

BAD = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def digits():
    trainer = ai.prepare(data="digits", model="small-cnn", epochs=5)
    trainer.fit("none")
    return trainer


@pytest.fixture(scope="module")
def tickets():
    trainer = ai.prepare(data="tickets", model="small-encoder", max_steps=3, evaluate_every=0)
    trainer.fit("none")
    return trainer


@pytest.fixture(scope="module")
def pairs():
    rows = pd.DataFrame(
        {"one": [f"a {n} {BAD}" for n in range(40)], "two": [f"b {n}" for n in range(40)], "label": [BAD, "other"] * 20}
    )
    return ai.prepare(
        data=ai.read(rows, text_column="one", pair_column="two", label_column="label"), vocabulary_size=200, max_steps=1
    )


def test_a_text_gets_every_class_as_predict_says(tickets):
    answer = trying.try_text(tickets, "Where is my parcel?")
    row = tickets.predict(["Where is my parcel?"]).iloc[0]
    assert dict(answer.choices) == {name: row[f"p({name})"] for name in tickets.class_names}
    assert answer.predicted == answer.choices[0][0]
    assert answer.probability == max(value for _, value in answer.choices)
    assert sum(value for _, value in answer.choices) == pytest.approx(1, abs=1e-5)
    assert "tokens with their numbers" in answer.to_html()
    assert eval(answer.code, {"trainer": tickets}).iloc[0]["predicted"] == answer.predicted
    assert answer.headline() in repr(answer)


def test_long_unknown_and_empty_texts_are_said(tickets):
    long = trying.try_text(tickets, "parcel " * 4000)
    assert any("only the first 20,000" in note for note in long.notes)
    assert any("max_length" in note for note in long.notes)
    assert any("vocabulary" in note for note in trying.try_text(tickets, "\U0001f9ff").notes)
    with pytest.raises(DataError, match="empty"):
        trying.try_text(tickets, " \n")


def test_a_pair_needs_two_texts_and_hostile_ones_stay_inert(pairs):
    answer = trying.try_text(pairs, f"a {BAD}", f"b {BAD}", BAD)
    assert answer.example == (f"a {BAD}", f"b {BAD}")
    assert {name for name, _ in answer.choices} == {BAD, "other"}
    assert "<img" not in answer._repr_html_()
    with pytest.raises(DataError):
        trying.try_text(pairs, "one alone")


def test_an_untrained_model_says_so(pairs):
    assert "Not trained yet" in trying.try_text(pairs, "a", "b").notes[-1]
    assert "Not trained yet" in repr(trying.try_text(pairs, "a", "b"))


def test_a_drawing_of_a_digit_is_what_the_digit_is(digits):
    images, labels = (digits.data.validation.columns[name] for name in ("image", "label"))
    paper = trying.Paper.of(digits.data.train.columns["image"])
    assert (paper.paper, paper.ink, paper.shape) == (0, 16, (1, 8, 8))
    known = digits.predict(images[:40])["predicted"].tolist()
    again = []
    for image in images[:40, 0].numpy() / 16:
        drawing = np.pad(np.kron(image, np.ones((14, 14))), 14)  # 14 times as large, anywhere on a pad
        again.append(trying.try_image(digits, paper.fit(drawing), "code").predicted)
    assert np.mean([one == other for one, other in zip(again, known, strict=True)]) > 0.8
    right = [name == str(label) for name, label in zip(again, labels[:40].tolist(), strict=True)]
    assert np.mean(right) > 0.8


def test_where_and_how_large_it_is_drawn_makes_no_difference(digits):
    paper = trying.Paper.of(digits.data.train.columns["image"])
    small, large = np.zeros((140, 140)), np.zeros((140, 140))
    small[5:45, 10:14] = 1
    large[20:120, 90:100] = 1
    assert torch.equal(paper.fit(small), paper.fit(large))
    with pytest.raises(DataError, match="Nothing is drawn"):
        paper.fit(np.zeros((140, 140)))


def test_photographs_have_no_paper_and_dark_ink_is_ink():
    noise = torch.rand(20, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    assert trying.Paper.of(noise) is None
    assert trying.Paper.of(torch.ones(4, 1, 8, 8)) is None
    pages = torch.full((4, 1, 8, 8), 255.0)
    pages[:, :, 2:6, 3] = 0
    paper = trying.Paper.of(pages)
    assert (paper.paper, paper.ink, paper.box) == (255, 0, (4, 1))


def test_an_image_file_is_read_and_an_odd_one_refused(digits, tmp_path):
    from PIL import Image

    Image.new("L", (30, 20), 255).save(tmp_path / "white.png")
    answer = trying.try_image(digits, tmp_path / "white.png")
    assert tuple(answer.example.shape) == (1, 8, 8)
    assert "8 x 8 pixels" in repr(answer)
    assert eval(answer.code, {"trainer": digits}).iloc[0]["predicted"] == answer.predicted
    (tmp_path / "odd.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"odd\.png"):
        trying.try_image(digits, tmp_path / "odd.png")


def test_what_is_written_is_what_generate_writes(language):
    writing = trying.Writing("The parcel", tokens=30, temperature=0.7, top_k=5, seed=3)
    written = writing.written(language, list(writing.pieces(language)))
    assert written.text == eval(writing.code, {"trainer": language})
    assert written.text == language.generate("The parcel", tokens=30, temperature=0.7, top_k=5, seed=3)
    assert all(len(piece.choices) <= 5 and 0 < piece.probability <= 1 for piece in written.pieces)
    assert "30 tokens written" in written.to_html()
    assert "of them" not in written.to_html()


def test_the_next_token_is_the_first_that_is_written(language):
    writing = trying.Writing("The <b>parcel", temperature=0.9)
    answer = writing.next(language)
    assert answer.choices == next(writing.pieces(language)).choices
    assert answer.what == "next token"
    assert "<b>parcel" not in answer._repr_html_()
    long = trying.Writing("parcel " * 100).next(language)
    assert any("the model sees the last" in note for note in long.notes)


def test_a_prompt_that_is_empty_and_numbers_out_of_range_are_refused(language):
    with pytest.raises(DataError, match="empty"):
        trying.Writing("  ").next(language)
    with pytest.raises(ConfigError, match="temperature"):
        list(trying.Writing("a", temperature=-1).pieces(language))


@pytest.mark.parametrize("kind", ["digits", "tickets", "language"])
def test_trying_changes_nothing(kind, request):
    trainer = request.getfixturevalue(kind)

    def state():
        modes = [module.training for module in trainer.model.modules()]
        generators = [part.tolist() for part in trainer.random.state]
        return (
            trainer.fingerprint(),
            modes,
            generators,
            torch.get_rng_state().tolist(),
            random.getstate(),
            str(np.random.get_state()),  # noqa: NPY002  the one that must not move
        )

    trainer.model.train()
    before = state()
    if kind == "digits":
        trying.try_image(trainer, trainer.data.train.columns["image"][0])
    elif kind == "tickets":
        trying.try_text(trainer, "Where is it?")
    else:
        list(trying.Writing("The", tokens=5).pieces(trainer))
    assert state() == before
