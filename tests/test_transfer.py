"""A trained network taken to another task: what it was worth, and what it forgot."""

import math

import pytest
import torch

import aitrain_nb as ai


def digits(low, high):
    """Digits from `low` to `high`, numbered from 0."""
    data = ai.prepare(data="digits", model="mlp").data
    images, labels = (
        torch.cat([side.columns[name] for side in (data.train, data.validation)]) for name in ("image", "label")
    )
    some = (labels >= low) & (labels <= high)
    names = [str(number) for number in range(low, high + 1)]
    return ai.Dataset({"image": images[some], "label": labels[some] - low}, names).split(
        0.2, name="-".join(names), scale=1 / 16
    )


@pytest.fixture(scope="module")
def old():
    trainer = ai.prepare(data=digits(0, 4), model="mlp", epochs=5)
    trainer.fit("none")
    return trainer


def test_the_head_alone_forgets_nothing_and_fine_tuning_some(old):
    before, accuracy = old.fingerprint(), old.evaluate().accuracy
    found = ai.transfer(old, digits(5, 9), shots=5, seeds=2, steps=60, learning_rate=0.01, progress=lambda _line: None)
    table = found.frame().set_index(["method", "seed"])
    assert len(table) == found.planned == 6
    assert old.fingerprint() == before
    assert found.before == accuracy
    assert table.loc["head", "forgotten"].tolist() == [0, 0]
    assert (table.loc["fine-tune", "forgotten"] > 0).all()
    assert table.loc["scratch", "old_after"].isna().all()
    assert set(table.loc["head", "trained_weights"]) == {64 * 5 + 5}
    assert (table.loc["fine-tune", "score"] > 0.4).all()
    for said in ("Fine-tuning changed the accuracy on 0-1-2-3-4", "5 examples a class"):
        assert said in found.text()
    for one in found.moved:
        assert [step for step, _ in one.curve] == [0, *range(6, 61, 6)]
        assert one.curve[-1][1] == one.score
    page = found._repr_html_()
    assert page.count("<img") == 1
    left, right = found.plot().axes
    assert (left.get_title(loc="left"), right.get_title(loc="left")) == ("New task: 5-6-7-8-9", "Old task: 0-1-2-3-4")
    assert "never knew it" in [text.get_text().strip() for text in right.texts]
    summary = found.summary().set_index("method")
    assert summary.loc["scratch", "lowest"] <= summary.loc["scratch", "score"] <= summary.loc["scratch", "highest"]


def test_other_numbers_of_classes_get_a_head_of_their_own(old):
    found = ai.transfer(old, digits(7, 9), shots=1, seeds=1, steps=2, progress=lambda _line: None)
    assert dict(zip(found.frame()["method"], found.frame()["trained_weights"], strict=True))["head"] == 64 * 3 + 3


def test_a_language_model_goes_on_with_other_texts():
    one, two = ("the rain is cold and grey. " * 60, "a warm sun, a warm sea! " * 60)
    old_texts, new_texts = (
        ai.Dataset({"text": [text]}).split(0.3, name=name) for text, name in ((one, "rain"), (two, "sun"))
    )
    fields = {"task": "text-generation", "model": "small-gpt", "max_length": 16, "batch_size": 8}
    trainer = ai.prepare(data=old_texts, max_steps=20, evaluate_every=0, **fields)
    trainer.fit("none")
    found = ai.transfer(trainer, new_texts, seeds=1, steps=10, progress=lambda _line: None)
    table = found.frame().set_index("method")
    assert list(table.index) == ["scratch", "fine-tune"]
    assert math.isclose(found.before, trainer.evaluate().loss)
    assert table.loc["fine-tune", "forgotten"] > 0
    assert "loss (nats a token)" in found.text()
    with pytest.raises(ai.ConfigError, match="A shot is an example of a class"):
        ai.transfer(trainer, new_texts, shots=5)


def test_an_interrupt_keeps_what_was_done(old):
    def interrupt(_line):
        raise KeyboardInterrupt

    found = ai.transfer(old, digits(5, 9), shots=1, seeds=2, steps=1, progress=interrupt)
    assert len(found.moved) == 1
    assert "1 of 6 runs." in found.text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"shots": 0}, "shots=0 is no number"),
        ({"seeds": 0}, "seeds=0"),
        ({"steps": -1}, "steps=-1"),
        ({"shots": 10**6}, "no 1,000,000"),
    ],
)
def test_what_cant_be_done_is_said(old, options, said):
    with pytest.raises(ai.AitrainError, match=said):
        ai.transfer(old, digits(5, 9), **options)


def test_images_of_another_shape_are_refused_before_anything_is_trained(old):
    told = []
    with pytest.raises(ai.DataError, match="not of the shape of the old"):
        ai.transfer(
            old, ai.Dataset({"image": torch.rand(40, 1, 12, 12), "label": [0, 1] * 20}), shots=1, progress=told.append
        )
    assert not told


def test_a_name_has_learned_nothing():
    with pytest.raises(ai.ConfigError, match="str has learned nothing"):
        ai.transfer("small-cnn", "digits")
