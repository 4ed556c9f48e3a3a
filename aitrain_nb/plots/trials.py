"""One step with several learning rates: where each would have led."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from aitrain_nb import numerals
from aitrain_nb.plots.base import BLUE, GREY, ORANGE, new_figure

if TYPE_CHECKING:
    from collections.abc import Sequence

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
