"""A small network after its first epoch of digits, and the digit of the next batch that surprises it most."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

    from aitrain_nb.trainer import Trainer

EPOCH = 45
"""Steps of an epoch."""


def trained_cnn(steps: int) -> Trainer:
    """A small-cnn that has taken so many steps on the digits.

    Args:
        steps: to take.
    """
    import aitrain_nb as ai

    trainer = ai.prepare(
        data="digits", model="small-cnn", learning_rate=0.003, max_steps=400, evaluate_every=0, threads=1
    )
    while trainer.step < steps:
        list(trainer.phases())
    return trainer


class Misread(NamedTuple):
    """The batch after the first epoch; W weights in the order of the network's tensors.

    Attributes:
        model: the network, whose weights nobody changes.
        tensors: name -> shape.
        weights: [W].
        gradients: [W] of the worst digit's loss, nats per unit.
        pictures: [32, 1, 8, 8] as the network gets them, 0 to 1.
        labels: [32] what they are.
        losses: [32] of each digit, nats.
        worst: place of the digit with the largest loss.
    """

    model: Any
    tensors: dict[str, tuple[int, ...]]
    weights: Tensor
    gradients: Tensor
    pictures: Tensor
    labels: Tensor
    losses: Tensor
    worst: int

    def losses_with(self, weights: Tensor) -> Tensor:
        """The loss of each digit [32] with other weights [W], nats."""
        import torch

        parts = weights.split([torch.Size(shape).numel() for shape in self.tensors.values()])
        named = {name: part.view(shape) for (name, shape), part in zip(self.tensors.items(), parts, strict=True)}
        with torch.no_grad():
            scores = torch.func.functional_call(self.model, named, (self.pictures,))
            return torch.nn.functional.cross_entropy(scores, self.labels, reduction="none")


@cache
def misread() -> Misread:
    """The network, the batch, and the gradients of its worst digit's loss."""
    import torch

    trainer = trained_cnn(EPOCH)
    part = trainer.tokenize().parts[0]
    pictures, labels = part.inputs["pixel_values"], part.inputs["labels"]
    tensors = dict(trainer.model.eval().named_parameters())
    losses = torch.nn.functional.cross_entropy(trainer.model(pictures), labels, reduction="none")
    worst = int(losses.argmax())
    found = torch.autograd.grad(losses[worst], list(tensors.values()))
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    weights = torch.cat([tensor.detach().flatten() for tensor in tensors.values()])
    gradients = torch.cat([one.flatten() for one in found])
    return Misread(trainer.model, shapes, weights, gradients, pictures, labels, losses.detach(), worst)
