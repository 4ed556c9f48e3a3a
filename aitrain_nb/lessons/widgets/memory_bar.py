"""`MemoryBar`: what one training step of BERT or GPT-2 needs of memory, by batch size, with and without gradient checkpointing."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from aitrain_nb import plots
from aitrain_nb.plots.base import add_axes, new_page
from aitrain_nb.widgets.explorable import Explorable, Pick, Range, Switch

if TYPE_CHECKING:
    from aitrain_nb.figures import Picture

SIZES = (1, 2, 4, 8, 16, 32, 64)
GIB = 2**30
MACHINES = (8, 16, 24)
"""GiB of usual graphics cards, and the thresholds of the rule of thumb."""
_SHAPES = {"BERT": "BertConfig", "GPT-2": "GPT2Config"}


class Needs(NamedTuple):
    """Memory of a step of a model, GiB.

    Attributes:
        fixed: weights and optimizer, whatever the batch.
        peak: of each batch size, all together.
        checkpointed: the same with gradient checkpointing.
    """

    fixed: float
    peak: dict[int, float]
    checkpointed: dict[int, float]


class MemoryBar(Explorable):
    """Worked out from shapes alone: nothing of this size is allocated.

    Example:
        MemoryBar().set(batch_size=32, checkpointing=True)
    """

    def __init__(self) -> None:
        for model in _SHAPES:
            needs(model)
        super().__init__(
            _picture, "Memory of one step",
            batch_size=Range(8, "Batch size", stops=SIZES),
            model=Pick("BERT", "Model", tuple(_SHAPES), "With 512 tokens a text."),
            checkpointing=Switch(False, "Gradient checkpointing", "Compute inner values twice instead of keeping them."),
        )  # fmt: skip


@cache
def needs(model: str) -> Needs:
    """What a step of this model needs, with 512 tokens a text and 32-bit numbers."""
    import transformers

    import aitrain_nb as ai

    estimate = ai.estimate(getattr(transformers, _SHAPES[model])())
    fixed = estimate.parts["weights"] + estimate.parts["optimizer"]
    peaks = [
        {size: (estimate.peak_of(size, gradient_checkpointing=saving) or math.nan) / GIB for size in SIZES}
        for saving in (False, True)
    ]
    return Needs(fixed / GIB, *peaks)


def largest(model: str, memory: float, *, checkpointing: bool) -> int:
    """The largest of these batch sizes that fits into so many GiB; 0 where none does."""
    found = needs(model)
    peaks = found.checkpointed if checkpointing else found.peak
    return max((size for size, peak in peaks.items() if peak <= memory), default=0)


def _picture(batch_size: int, model: str, checkpointing: bool) -> Picture:
    found = needs(model)
    peak = (found.checkpointed if checkpointing else found.peak)[batch_size]
    how = "with" if checkpointing else "without"
    figure = new_page(f"{model}, batches of {batch_size}, {how} gradient checkpointing: {peak:.1f} GiB",
                      "dark: weights and optimizer; light: what grows with the batch", 760, 210)  # fmt: skip
    axis = add_axes(figure, 16, 44, 16, 56)
    axis.barh([0], [found.fixed], height=0.5, color=plots.BLUE)
    axis.barh([0], [max(0.0, peak - found.fixed)], left=[found.fixed], height=0.5, color=plots.BLUE, alpha=0.35)
    for machine in MACHINES:
        axis.axvline(machine, color=plots.ORANGE if peak > machine else plots.GREEN, linestyle="--", linewidth=1.4)
        axis.text(machine, 0.42, f" {machine} GiB", fontsize=8, color=plots.DARK_ORANGE if peak > machine else "black")
    axis.set(xlim=(0, 32), ylim=(-0.4, 0.6), xlabel="GiB", yticks=[])
    if peak > 32:
        axis.text(31.8, 0, "more than fits in here", ha="right", va="center", fontsize=8.5)
    fits = [str(machine) for machine in MACHINES if peak <= machine]
    figure.description = (
        f"{model} with batches of {batch_size}, {how} gradient checkpointing, needs {peak:.1f} GiB in a step, "
        f"{found.fixed:.1f} of them for weights and optimizer. "
        + (f"It fits into {fits[0]} GiB." if fits else "It fits into none of 8, 16 and 24 GiB.")
    )
    return figure
