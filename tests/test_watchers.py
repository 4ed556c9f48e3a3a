"""Samples of a run: what they keep, and that the run is the same to the last bit with and without them."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
import torch

import aitrain_nb as ai
from aitrain_nb import watchers
from aitrain_nb.bundled import BUNDLED

CONFIGS = {
    "mlp": {"model": "mlp", "max_steps": 12},
    "vit-dropout": {"model": "small-vit", "max_steps": 6},
    "cnn-augmented": {"model": "small-cnn", "augmentation": "affine", "max_steps": 6},
    "texts": {"data": "tickets", "vocabulary_size": 400, "batch_size": 8, "max_steps": 6},
    "gpt": {"task": "text-generation", "max_length": 16, "batch_size": 4, "max_steps": 6},
}


def prepare(name, **more):
    fields = CONFIGS[name] | {"keep": "last"} | more
    if fields.get("task") == "text-generation":
        tickets = BUNDLED["tickets"]("text-classification").dataset.columns["text"]
        fields["data"] = ai.Dataset({"text": ["\n".join(tickets[:40]), "\n".join(tickets[40:60])]}).split(0.5)
    return ai.prepare(**fields)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_run_is_the_same_to_the_last_bit_with_and_without_samples(name):
    plain, watched = prepare(name), prepare(name)
    plain.fit(display="none")
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()  # noqa: NPY002  the user's own
    samples = watchers.sample(watched, every=2, **({"tokens": 5} if name == "gpt" else {}))
    watched.watchers.append(samples)
    modes = []
    watched.watchers.append(
        lambda record: modes.append(watched.model.training) if isinstance(record, ai.Forward) else None
    )
    watched.fit(display="none")
    assert all(modes)
    assert watched.fingerprint() == plain.fingerprint()
    assert all(torch.equal(one, other) for one, other in zip(watched.random.state, plain.random.state, strict=True))
    for column in ("step", "loss", "grad_norm", "lr"):
        assert watched.history.frame()[column].tolist() == plain.history.frame()[column].tolist()
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()  # noqa: NPY002
    assert before[:2] == after[:2]
    assert torch.equal(before[2], after[2])
    assert samples.frame()["step"].unique().tolist() == list(range(0, watched.total_steps + 1, 2))


def test_a_language_model_writes_on_from_the_prompt():
    trainer = prepare("gpt")
    samples = watchers.sample(trainer, "Where is", every=3, tokens=7, temperature=0.0)
    trainer.watchers.append(samples)
    trainer.fit(display="none")
    frame = samples.frame()
    assert list(frame.columns) == ["step", "loss", "text"]
    assert frame["step"].tolist() == [0, 3, 6]
    assert math.isnan(frame["loss"][0])
    assert frame["loss"].tolist()[1:] == [trainer.history.frame()["loss"][step - 1] for step in (3, 6)]
    assert frame["text"].str.startswith("Where is").all()
    assert frame["text"].iloc[-1] == trainer.generate("Where is", tokens=7, temperature=0.0)
    assert "At step 6" in samples.plot().description


def test_without_a_prompt_a_validation_text_begins():
    trainer = prepare("gpt")
    text = watchers.sample(trainer, tokens=1).frame()["text"][0]
    assert trainer.data.validation.columns["text"][0].startswith(text[:10])


def test_a_classifier_is_asked_for_the_right_answers():
    trainer = ai.prepare(model="mlp", max_steps=40, keep="last", learning_rate=0.01)
    samples = watchers.sample(trainer, every=20, examples=[3, 5, 8])
    trainer.watchers.append(samples)
    trainer.fit(display="none")
    frame = samples.frame()
    assert frame["example"].tolist() == [3, 5, 8] * 3
    evaluation = trainer.evaluate()
    last = frame[frame["step"] == 40]
    expected = evaluation.logits[[3, 5, 8]].softmax(-1).gather(1, evaluation.labels[[3, 5, 8], None])[:, 0]
    assert last["probability"].tolist() == pytest.approx(expected.tolist(), rel=1e-5)
    assert last["true"].tolist() == [str(int(label)) for label in evaluation.labels[[3, 5, 8]]]
    assert last["predicted"].tolist() == [str(int(label)) for label in evaluation.predicted[[3, 5, 8]]]
    assert last["probability"].mean() > frame["probability"][:3].mean()
    assert samples.plot().axes[0].get_lines()[0].get_xdata().tolist() == [0, 20, 40]


@pytest.mark.parametrize("name", ["mlp", "texts"])
def test_the_fixed_examples_are_of_as_many_classes_as_possible(name):
    trainer = prepare(name)
    classes = len(trainer.class_names)
    frame = watchers.sample(trainer, examples=classes).frame()
    assert frame["true"].nunique() == classes
    assert frame["example"].tolist() == watchers.sample(trainer, examples=classes).frame()["example"].tolist()


def test_a_task_with_many_targets_is_asked_for_all_of_them():
    from tests import letter_kinds

    model = letter_kinds.Tagger()
    task = letter_kinds.TASK
    data = ai.Dataset({"text": ["Where is my parcel? " * 20, "It hums at 5 am. " * 20]}).split(0.5)
    trainer = ai.Trainer(model, task, data, ai.TrainConfig(max_steps=4, batch_size=4))
    trainer.watchers.append(samples := watchers.sample(trainer, every=2, examples=2))
    trainer.fit(display="none")
    assert samples.frame()["probability"].between(0, 1).all()
    assert samples.plot().description
    assert "position" in trainer.evaluate().plot_worst(2).description


def test_a_step_that_is_taken_again_replaces_its_sample():
    trainer = ai.prepare(model="mlp", max_steps=4)
    samples = watchers.sample(trainer, every=1, examples=1)
    for record in (record for _ in range(2) for record in trainer.phases()):
        samples(record)
    trainer.undo()
    assert samples.frame()["step"].tolist() == [0, 1, 2]
    for record in trainer.phases():
        samples(record)
    assert samples.frame()["step"].tolist() == [0, 1, 2]


def test_a_watcher_keeps_no_trainer_alive():
    import gc
    import weakref

    trainer = ai.prepare(model="mlp", max_steps=2)
    samples = watchers.sample(trainer, every=1, examples=1)
    reference = weakref.ref(trainer)
    del trainer
    gc.collect()
    assert reference() is None
    assert len(samples.frame()) == 1


def test_what_can_not_be_sampled_is_said():
    trainer = ai.prepare(model="mlp", max_steps=2)
    with pytest.raises(ai.ConfigError, match="Leave the prompt out"):
        watchers.sample(trainer, "Where is")
    with pytest.raises(ai.ConfigError, match="every=1"):
        watchers.sample(trainer, every=0)
    with pytest.raises(ai.DataError, match="There are 360"):
        watchers.sample(trainer, examples=[10_000])
    alone = ai.Trainer(trainer.model, trainer.task, ai.Splits(trainer.data.train, None, "alone", 1 / 16))
    with pytest.raises(ai.DataError, match="validation"):
        watchers.sample(alone)
