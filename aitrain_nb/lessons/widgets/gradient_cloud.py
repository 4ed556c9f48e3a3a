"""`GradientCloud`: the gradients of many batches of one size, as points around the gradient of all examples."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from aitrain_nb import plots
from aitrain_nb.lessons.experiments import short_runs
from aitrain_nb.plots.base import add_axes, new_page
from aitrain_nb.widgets.explorable import Explorable, Range

if TYPE_CHECKING:
    from aitrain_nb.figures import Picture

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
EXAMPLES, BATCHES = 512, 60
"""Examples of which the gradient is known one by one; batches that are drawn of each size."""


class Cloud(NamedTuple):
    """The gradients of batches of one size.

    Attributes:
        points: of each batch, seen along the two directions in which they differ most [BATCHES, 2]; the gradient of all is at 0.
        error: the mean distance from the gradient of all, in all directions, as a share of its length.
    """

    points: np.ndarray
    error: float


class GradientCloud(Explorable):
    """Each point is the gradient of one batch; the cross is the gradient of all 512 examples.

    Example:
        GradientCloud().set(batch_size=64)
    """

    def __init__(self) -> None:
        clouds()
        slider = Range(8, "Batch size", stops=SIZES)
        super().__init__(_picture, "A cloud of gradients", batch_size=slider)


@cache
def clouds() -> dict[int, Cloud]:
    """Size -> the gradients of batches of this size, of a network after 20 steps."""
    each = _gradients()
    middle = each.mean(0)
    chance = np.random.default_rng(0)
    drawn = {
        size: np.stack([each[chance.integers(0, EXAMPLES, size)].mean(0) for _ in range(BATCHES)]) - middle
        for size in SIZES
    }
    _, _, directions = np.linalg.svd(drawn[8], full_matrices=False)
    length = np.linalg.norm(middle)
    return {
        size: Cloud(off @ directions[:2].T / length, float(np.linalg.norm(off, axis=1).mean() / length))
        for size, off in drawn.items()
    }


def _gradients() -> np.ndarray:
    """The gradient of each example alone [EXAMPLES, weights]."""
    import torch

    trainer = short_runs.trained(learning_rate=0.01, max_steps=20)
    few = trainer.data.train.take(list(range(EXAMPLES)))
    batch = trainer.tokenize(few["image"], few["label"])
    weights = list(trainer.model.parameters())
    found = []
    for image, label in zip(batch.inputs["pixel_values"], few["label"], strict=True):
        scores = trainer.model(image[None])
        loss = torch.nn.functional.cross_entropy(getattr(scores, "logits", scores), label[None])
        found.append(torch.cat([part.flatten() for part in torch.autograd.grad(loss, weights)]))
    return torch.stack(found).numpy()


def _picture(batch_size: int) -> Picture:
    cloud = clouds()[batch_size]
    note = "left: each point is a batch, the cross is all examples; right: how far off"
    figure = new_page(
        f"60 batches of {batch_size}: off by {cloud.error:.2f} times the gradient's length", note, 800, 340
    )
    left, right = add_axes(figure, 48, 44, 460, 46), add_axes(figure, 420, 44, 16, 46)
    left.plot(*cloud.points.T, "o", color=plots.BLUE, markersize=5, alpha=0.55)
    left.plot([0], [0], "+", color=plots.ORANGE, markersize=16, markeredgewidth=2.5)
    left.set(xlim=(-3, 3), ylim=(-3, 3), xlabel="one direction", ylabel="another")
    right.plot(
        SIZES, [one.error for one in clouds().values()], color=plots.BLUE, marker="o", markersize=4, label="measured"
    )
    first = clouds()[1].error
    right.plot(
        SIZES,
        [first / math.sqrt(size) for size in SIZES],
        color=plots.GREY,
        linestyle="--",
        label="1 / root of the size",
    )
    right.plot([batch_size], [cloud.error], "o", color=plots.BLUE, markersize=11)
    right.set(xscale="log", yscale="log", xlabel="batch size", ylabel="distance / length")
    right.set_xticks([1, 4, 16, 64, 256], ["1", "4", "16", "64", "256"])
    right.set_yticks([0.1, 1, 10], ["0.1", "1", "10"])
    right.minorticks_off()
    right.legend(frameon=False, fontsize=8)
    figure.description = (
        f"The gradients of batches of {batch_size} lie {cloud.error:.2f} times the length of the true gradient away from it, on average; "
        f"those of single examples {first:.2f} times."
    )
    return figure
