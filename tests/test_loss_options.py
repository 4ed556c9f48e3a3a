"""What is minimised where it isn't plain cross-entropy: class weights and label smoothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

import aitrain_nb as ai


def rare(seed=0, **fields):
    """Digits 3 and 8 only, and of the 8 just one in twelve: a model that always says 3 is right nine times in ten."""
    whole = ai.prepare(data="digits", model="mlp").data
    columns = {
        name: torch.cat([whole.train.columns[name], whole.validation.columns[name]]) for name in ("image", "label")
    }
    threes, eights = ((columns["label"] == digit).nonzero()[:, 0] for digit in (3, 8))
    places = torch.cat([threes, eights[:: len(eights) // 15]])
    images, labels = columns["image"][places], (columns["label"][places] == 8).long()
    data = ai.Dataset({"image": images, "label": labels}, ["three", "eight"]).split(0.3, seed, scale=1 / 16)
    return ai.prepare(data=data, model="mlp", seed=seed, batch_size=16, evaluate_every=0, **fields)


def test_balanced_weights_are_those_of_scikit_learn():
    trainer = rare(class_weights="balanced")
    labels = trainer.data.train.columns["label"].numpy()
    expected = compute_class_weight("balanced", classes=np.array([0, 1]), y=labels)
    assert trainer.loss_options.class_weights.tolist() == pytest.approx(expected.tolist(), rel=1e-6)
    assert trainer.loss_options.class_weights[labels].mean() == pytest.approx(1, rel=1e-6)


def test_the_objective_is_weighted_and_the_history_is_not():
    plain, weighted = rare(max_steps=1), rare(max_steps=1, class_weights="balanced")
    batch = weighted.tokenize()
    loss = weighted.loss(weighted.forward(batch))
    weights = weighted.loss_options.class_weights[batch.labels]
    assert float(loss.objective.detach()) == pytest.approx(float((weights * loss.per_target).mean()), rel=1e-6)
    weighted.update(weighted.backward(loss))
    plain.fit(display="none")
    assert weighted.history.last["loss"] == plain.history.last["loss"]
    assert weighted.fingerprint() != plain.fingerprint()
    assert "weight=class_weights" in loss.code()


def test_accumulated_micro_batches_equal_the_one_big_batch():
    one = rare(class_weights="balanced", max_steps=4)
    other = rare(class_weights="balanced", max_steps=4)
    other.model.load_state_dict(one.model.state_dict())
    four = ai.Trainer(
        other.model, other.task, other.data, other.config.replace(batch_size=4, gradient_accumulation_steps=4)
    )
    for trainer in (one, four):
        trainer.model.double()
    assert one.order.of_epoch(0).tolist() == four.order.of_epoch(0).tolist()

    def gradient(trainer):
        batch = trainer.tokenize()
        for part in batch.parts:
            part.inputs["pixel_values"] = part.inputs["pixel_values"].double()
            trainer.backward(trainer.loss(trainer.forward(part)))
        return torch.cat([weight.grad.flatten() for weight in trainer.model.parameters()])

    assert torch.allclose(gradient(one), gradient(four), rtol=1e-9, atol=1e-12)


def test_the_slope_of_the_weighted_loss_is_its_gradient():
    trainer = rare(class_weights="balanced", label_smoothing=0.1)
    batch = trainer.tokenize()
    gradients = trainer.backward(trainer.loss(trainer.forward(batch)))
    slope = trainer.inspector.slope(trainer.records, "output.weight", (1, 3), 1e-4)
    assert float(trainer.model.output.weight.grad[1, 3]) / gradients.coefficient == pytest.approx(slope, rel=1e-4)


def test_balanced_weights_find_more_of_the_rare_class():
    """Of 15 rare examples; summed over 5 seeds."""
    found = {"none": 0, "balanced": 0}
    for seed in range(5):
        for choice in found:
            trainer = rare(seed, class_weights=choice, max_steps=25)
            trainer.fit(display="none")
            evaluation = trainer.evaluate()
            found[choice] += int(((evaluation.predicted == 1) & (evaluation.labels == 1)).sum())
    assert found["balanced"] > found["none"]


def test_class_weights_are_refused_where_an_example_has_many_targets():
    text = ai.Dataset({"text": ["a rose is a rose is a rose " * 20]}).split(0.3)
    with pytest.raises(ai.ConfigError, match="many targets"):
        ai.prepare(task="text-generation", data=text, max_length=16, batch_size=4, class_weights="balanced")
