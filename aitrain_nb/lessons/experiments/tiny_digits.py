"""The smallest classifier that learns something real: three digits, two numbers of each, 51 weights that all fit in one picture."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from aitrain_nb.data import Splits
    from aitrain_nb.trainer import Trainer

STEPS = 1000
"""Steps of its run: about three quarters of a second."""


class Ink(NamedTuple):
    """Handwritten zeros, sixes and nines, each as two numbers.

    Attributes:
        pictures: [N, 1, 8, 8] the digits as they were written, 0 to 16.
        titles: [N] each digit's name and its two numbers.
        data: what the network is given: ink in the upper four rows and in the left four columns, as means.
    """

    pictures: Tensor
    titles: list[str]
    data: Splits


@cache
def ink() -> Ink:
    """The digits 0, 6 and 9 of the bundled ones."""
    import torch

    import aitrain_nb as ai

    splits = ai.prepare(data="digits", model="mlp").data
    assert splits.validation is not None
    parts = [splits.train.columns, splits.validation.columns]
    pictures = torch.cat([part["image"] for part in parts]).float()
    labels = torch.cat([part["label"] for part in parts])
    wanted = torch.tensor([0, 6, 9])
    chosen = torch.isin(labels, wanted)
    pictures, labels = pictures[chosen], torch.searchsorted(wanted, labels[chosen])
    upper, left = pictures[:, 0, :4, :].mean((1, 2)), pictures[:, 0, :, :4].mean((1, 2))
    two = torch.stack([upper, left], dim=1).reshape(-1, 1, 1, 2)  # a "picture" of 1 x 2
    data = ai.Dataset({"image": two, "label": labels}, ["0", "6", "9"])
    titles = [f"{'069'[label]}: {a:.1f}, {b:.1f}" for label, a, b in zip(labels, upper, left, strict=True)]
    return Ink(pictures, titles, data.split(0.2, name="two numbers a digit", scale=0.25))


def tiny_trainer(seed: int = 0, **fields: Any) -> Trainer:
    """A network of 2 numbers, 8 hidden units and 3 scores, with random weights, before its first step.

    Args:
        seed: of the first weights and of the run.
        fields: of the config, in place of batches of 32, AdamW at 0.01, no decay and `STEPS` steps.
    """
    from collections import OrderedDict

    import torch

    import aitrain_nb as ai

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = OrderedDict(
            numbers=torch.nn.Flatten(), hidden=torch.nn.Linear(2, 8), bend=torch.nn.Tanh(), scores=torch.nn.Linear(8, 3)
        )
        model = torch.nn.Sequential(layers)
    usual = {"batch_size": 32, "learning_rate": 0.01, "max_steps": STEPS, "weight_decay": 0.0, "keep": "last"}
    config = ai.TrainConfig(**usual | {"seed": seed, "threads": 1} | fields)
    return ai.Trainer(model, "image-classification", ink().data, config)


class FirstStep(NamedTuple):
    """The tiny network with the first batch of its run, before any update.

    Attributes:
        model: the network.
        weights: name -> tensor.
        slopes: name -> its gradient, nats per unit.
        inputs: [32, 1, 1, 2] of the batch.
        labels: [32] the right answers.
        loss: of the batch, nats.
    """

    model: Any
    weights: Mapping[str, Tensor]
    slopes: Mapping[str, Tensor]
    inputs: Tensor
    labels: Tensor
    loss: float

    def loss_with(self, moved: dict[str, Tensor]) -> float:
        """The batch's loss with other weights in place of those named, nats."""
        import torch

        with torch.no_grad():
            scores = torch.func.functional_call(self.model, moved, (self.inputs,))
            return float(torch.nn.functional.cross_entropy(scores, self.labels))


def first_step(seed: int = 0) -> FirstStep:
    """The batch and the gradients that the run with this seed begins with.

    Args:
        seed: as in `tiny_trainer`.
    """
    import torch

    trainer = tiny_trainer(seed)
    part = trainer.tokenize().parts[0]
    inputs, labels = part.inputs["pixel_values"], part.inputs["labels"]
    weights = dict(trainer.model.named_parameters())
    loss = torch.nn.functional.cross_entropy(trainer.model(inputs), labels)
    slopes = torch.autograd.grad(loss, list(weights.values()))
    return FirstStep(
        trainer.model, weights, dict(zip(weights, slopes, strict=True)), inputs, labels, float(loss.detach())
    )
