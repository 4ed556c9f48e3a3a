"""Gradients of the single examples of a step, as far as the noise scale needs them: their squared norms and their mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from aitrain_nb.errors import PhaseError
from aitrain_nb.records.noise import NoiseScale

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import Tensor


def noise_scale(losses: Iterable[Tensor], weights: Sequence[Tensor], examples: int, counted: int) -> NoiseScale:
    """The simple noise scale of a batch, from one backward an example.

    The gradient of an example is weighted so that the mean over the examples is the gradient of the step, also where they have
    different numbers of targets.

    Args:
        losses: of each micro-batch in turn, per target [B] or [B, T], nats, not reduced; asked for one after the other.
        weights: those that are trained.
        examples: in the whole step.
        counted: targets in the whole step.

    Raises:
        PhaseError: the step has one example.
    """
    if examples < 2:
        raise PhaseError(
            "One example has nothing to disagree with.", "The noise scale compares the gradients of a batch's examples.",
            "Set batch_size=8 or more.",
        )  # fmt: skip
    total = [torch.zeros_like(weight, dtype=torch.float64) for weight in weights]
    squares = 0.0
    for per_target in losses:
        per_example = per_target.flatten(1).sum(1) if per_target.ndim > 1 else per_target
        for loss in per_example * (examples / max(1, counted)):
            found = torch.autograd.grad(loss, weights, retain_graph=True, allow_unused=True)
            for place, gradient in enumerate(found):
                if gradient is not None:
                    squares += float((gradient.double() ** 2).sum())
                    total[place] += gradient
    square_of_mean = sum(float(((one / examples) ** 2).sum()) for one in total)
    return NoiseScale.of(examples, squares / examples, square_of_mean)
