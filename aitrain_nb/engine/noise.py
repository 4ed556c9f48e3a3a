"""Gradients of the single examples of a step, one backward each; and the noise scale that follows from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from aitrain_nb.errors import PhaseError
from aitrain_nb.records.answers import Agreement
from aitrain_nb.records.noise import NoiseScale

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from torch import Tensor

MOST_BYTES = 2**28
"""Memory that the gradients of all examples may take together, so that each two can be compared."""


def gradients_of_examples(
    losses: Iterable[Tensor], weights: Sequence[Tensor], examples: int, counted: int
) -> Iterator[tuple[Tensor | None, ...]]:
    """The gradient of each example in turn, one backward each, for every weight; None where the example doesn't use it.

    They are weighted so that their mean is the gradient of the step, also where examples have different numbers of targets. Each has the
    random numbers that it had in the batch, and what examples share, such as batch statistics, stays shared.

    Args:
        losses: of each micro-batch in turn, per target [B] or [B, T], nats, not reduced; asked for one after the other.
        weights: those that are trained.
        examples: in the whole step.
        counted: targets in the whole step.
    """
    for per_target in losses:
        per_example = per_target.flatten(1).sum(1) if per_target.ndim > 1 else per_target
        for loss in per_example * (examples / max(1, counted)):
            yield torch.autograd.grad(loss, weights, retain_graph=True, allow_unused=True)


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
    for found in gradients_of_examples(losses, weights, examples, counted):
        for place, gradient in enumerate(found):
            if gradient is not None:
                squares += float((gradient.double() ** 2).sum())
                total[place] += gradient
    square_of_mean = sum(float(((one / examples) ** 2).sum()) for one in total)
    return NoiseScale.of(examples, squares / examples, square_of_mean)


def agreement(
    gradients: Iterable[Sequence[Tensor | None]],
    losses: Tensor,
    weights: Sequence[Tensor],
    batch: Sequence[Tensor | None],
) -> Agreement:
    """How long the gradient of each example is, and whether they pull the same way.

    Args:
        gradients: of each example in turn, one a weight; their mean is the gradient of the step.
        losses: of the examples [B], nats.
        weights: those that are trained.
        batch: the gradient of the whole step, one a weight.

    Raises:
        PhaseError: the step has one example.
    """
    examples = len(losses)
    if examples < 2:
        raise PhaseError(
            "One example has nobody to agree with.", "The gradients of a batch's examples are compared.", "Set batch_size=8 or more."
        )  # fmt: skip
    of_batch = _flat(batch, weights).double()
    fits = examples * len(of_batch) * 4 <= MOST_BYTES
    kept, rows = [], []
    mean = torch.zeros_like(of_batch)
    for found in gradients:
        row = _flat(found, weights)
        mean += row / examples
        kept.append((float(row.double().norm()), float(row.double() @ of_batch)))
        if fits:
            rows.append(row)
    norms, along = torch.tensor(kept, dtype=torch.float64).T
    length = float(of_batch.norm()) or 1.0
    between = None
    if fits:
        units = torch.stack(rows).double() / norms.clamp(min=1e-30)[:, None].to(of_batch.device)
        between = (units @ units.T).float().cpu()
    cosines = along / (norms * length).clamp(min=1e-30)
    error = float((mean - of_batch).norm()) / length
    return Agreement(norms.float(), cosines.float(), losses, between, error)


def _flat(gradients: Sequence[Tensor | None], weights: Sequence[Tensor]) -> Tensor:
    """All gradients in one row, float32; zeros where there is none."""
    pairs = zip(gradients, weights, strict=True)
    return torch.cat(
        [(torch.zeros_like(weight) if one is None else one).detach().float().flatten() for one, weight in pairs]
    )
