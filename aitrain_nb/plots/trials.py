"""A step tried with several learning rates, and single weights followed through a run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from aitrain_nb import numerals
from aitrain_nb.lettering import plain
from aitrain_nb.plots.base import BLUE, GREY, LINES, ORANGE, new_figure, style_axes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aitrain_nb.figures import Picture


def rates_tried(rates: Sequence[float], losses: Sequence[float], before: float, used: float) -> Picture:
    """Loss of a batch after one step at each of several rates.

    Args:
        rates: learning rates, above 0, rising.
        losses: of the batch afterwards, nats; one that isn't finite has no point.
        before: loss before the step, nats.
        used: the rate that the step really had.
    """
    figure, (axis,) = new_figure()
    figure.is_drawing = True
    found = [(rate, loss) for rate, loss in zip(rates, losses, strict=True) if math.isfinite(loss) and rate > 0]
    if found:
        axis.set_xscale("log")
        axis.plot(*zip(*found, strict=True), color=BLUE, marker="o", markersize=4)
        axis.set_ylim(
            min(loss for _, loss in found) * 0.9, max(before * 1.6, min(loss for _, loss in found) * 1.2) + 1e-9
        )
    axis.axhline(before, color=GREY, linestyle="--", linewidth=1, label="before the step")
    if used > 0 and found:
        axis.axvline(used, color=ORANGE, linestyle=":", linewidth=1.4, label=f"this step: {numerals.rate(used)}")
    axis.set(title="The same gradient at other rates", xlabel="learning rate", ylabel="loss of this batch (nats)")
    axis.legend(frameon=False, fontsize=8)
    figure.description = f"{numerals.several(len(rates), 'rate')} tried from a loss of {before:.3g} nats."
    if found:
        best = min(found, key=lambda one: one[1])
        figure.description += f" Lowest: {best[1]:.3g} at rate {numerals.rate(best[0])}."
    return figure


def watched(weights: Mapping[str, tuple[Sequence[int], Sequence[float], Sequence[float]]]) -> Picture:
    """Single weights over the steps of a run, and the gradient of each below.

    Args:
        weights: name -> steps, values after each step, gradients in it (nats per unit).
    """
    from aitrain_nb.figures import Picture

    figure = Picture(figsize=(7.6, 4.2), layout="constrained")
    figure.is_drawing = True
    above = figure.add_subplot(2, 1, 1)
    below = figure.add_subplot(2, 1, 2, sharex=above)
    for place, (name, (steps, values, gradients)) in enumerate(weights.items()):
        colour, line, _ = LINES[place % len(LINES)]
        marker = "o" if len(steps) == 1 else None
        above.plot(
            steps,
            values,
            color=colour,
            linestyle=line,
            linewidth=1.5,
            marker=marker,
            label=plain(name, 40, cut="start"),
        )
        below.plot(steps, gradients, color=colour, linestyle=line, linewidth=1.0, marker=marker)
    above.set(title="Watched weights", ylabel="weight")
    below.set(xlabel="step", ylabel="gradient\n(nats per unit)")
    below.axhline(0, color=GREY, linewidth=0.7)
    for axis in (above, below):
        style_axes(axis)
    if weights:
        above.legend(frameon=False, fontsize=8)
    ends = [f"{name} ends at {values[-1]:.3g}" for name, (_, values, _) in weights.items() if len(values)]
    figure.description = f"{numerals.several(len(weights), 'weight')} over the steps" + (
        f": {'; '.join(ends)}." if ends else ": no step yet."
    )
    return figure
