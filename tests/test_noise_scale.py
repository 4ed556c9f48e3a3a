"""The gradient noise scale, against problems where it is known."""

import math

import pytest
import torch

import aitrain_nb as ai
from aitrain_nb.records.noise import NoiseScale


def test_it_finds_the_noise_of_a_gaussian_problem():
    """Gradients g + n with |g|² = 9 and n of variance 0.04 in 2,500 directions: the noise scale is 100 / 9."""
    chance = torch.Generator().manual_seed(0)
    true = torch.zeros(2500, dtype=torch.float64)
    true[0] = 3.0
    found = []
    for _ in range(20):
        examples = true + 0.2 * torch.randn(64, 2500, generator=chance, dtype=torch.float64)
        found.append(NoiseScale.of(64, float((examples**2).sum(1).mean()), float((examples.mean(0) ** 2).sum())))
    assert sum(one.variance for one in found) / 20 == pytest.approx(100, rel=0.02)
    assert sum(one.gradient_squared for one in found) / 20 == pytest.approx(9, rel=0.05)
    assert found[0].value == pytest.approx(100 / 9, rel=0.15)


def gradients_of(trainer):
    batch = trainer.tokenize()
    for part in batch.parts:
        gradients = trainer.backward(trainer.loss(trainer.forward(part)))
    return batch, gradients


@pytest.mark.parametrize(
    "fields", [{"model": "mlp"}, {"model": "mlp", "gradient_accumulation_steps": 2, "batch_size": 8}]
)
def test_it_is_that_of_the_examples_one_by_one(make, fields):
    """A plain loop: one backward an example."""
    trainer = make(**fields)
    batch, gradients = gradients_of(trainer)
    found = gradients.noise_scale()
    weights = list(trainer.model.parameters())
    singles = []
    for part in batch.parts:
        images, labels = part.inputs["pixel_values"], part.inputs["labels"]
        for i in range(len(labels)):
            logits = trainer.task.outputs(trainer.model, {"pixel_values": images[i : i + 1]})
            loss = torch.nn.functional.cross_entropy(logits, labels[i : i + 1])
            singles.append(torch.cat([g.flatten() for g in torch.autograd.grad(loss, weights)]).double())
    stacked = torch.stack(singles)
    expected = NoiseScale.of(len(singles), float((stacked**2).sum(1).mean()), float((stacked.mean(0) ** 2).sum()))
    assert found.batch_size == len(singles)
    assert found.variance == pytest.approx(expected.variance, rel=1e-3)
    assert found.gradient_squared == pytest.approx(expected.gradient_squared, rel=1e-3)


def test_the_mean_of_the_examples_is_the_step_s_gradient_also_where_they_count_differently(make):
    trainer = make(data="tickets", task="text-generation", model=None, batch_size=4, max_length=16, max_grad_norm=0.0)
    _, gradients = gradients_of(trainer)
    found = gradients.noise_scale()
    square_of_mean = found.gradient_squared + found.variance / found.batch_size
    assert square_of_mean == pytest.approx(gradients.norm**2, rel=1e-3)


def test_asking_changes_nothing(make):
    trainer, twin = make(model="small-vit"), make(model="small-vit")
    _, gradients = gradients_of(trainer)
    before = [weight.grad.clone() for weight in trainer.model.parameters()]
    gradients.noise_scale()
    assert all(torch.equal(one, weight.grad) for one, weight in zip(before, trainer.model.parameters(), strict=True))
    trainer.update(gradients)
    list(twin.phases())
    assert trainer.fingerprint() == twin.fingerprint()


@pytest.mark.parametrize(
    ("scale", "words"),
    [(NoiseScale(32, 1.0, 1000.0), "twice as large"), (NoiseScale(32, 1.0, 2.0), "smaller batch"), (NoiseScale(32, 1.0, 32.0), "balance"),
     (NoiseScale(32, -0.1, 32.0), "no common direction")],
)  # fmt: skip
def test_it_says_what_that_means_for_the_batch_size(scale, words):
    assert words in scale.text()
    assert "32" in scale.text()
    assert scale._repr_html_()
    assert math.isinf(scale.value) == (scale.gradient_squared < 0)


def test_one_example_has_nothing_to_disagree_with(make):
    trainer = make(batch_size=1)
    _, gradients = gradients_of(trainer)
    with pytest.raises(ai.PhaseError, match="batch_size"):
        gradients.noise_scale()
