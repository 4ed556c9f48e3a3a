"""`RateBench`: one slider over the learning rate, and the run that came of each."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from aitrain_nb import numerals, plots
from aitrain_nb.lessons.experiments import short_runs
from aitrain_nb.plots.base import add_axes, new_page
from aitrain_nb.widgets.explorable import Explorable, Range

if TYPE_CHECKING:
    from aitrain_nb.figures import Picture

RATES = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
"""Each was trained with."""
_SETTLED = 0.5
"""A loss at the end that counts as learned, nats."""


class RateBench(Explorable):
    """Runs of 60 steps that differ in nothing but the rate; the slider chooses the one that stands out.

    Example:
        RateBench().set(rate=0.3)
    """

    def __init__(self) -> None:
        for rate in RATES:
            short_runs.losses(learning_rate=rate)
        slider = Range(0.0001, "Learning rate", stops=RATES, help="Ten runs.")
        super().__init__(_picture, "Ten rates, the same 60 batches", rate=slider)


def verdict(curve: tuple[float, ...]) -> str:
    """Too low, too high or just right, by the loss alone."""
    if short_runs.at_the_end(curve) < _SETTLED:
        return "just right"
    return "too high" if max(curve) > 1.5 * curve[0] else "too low"


def _picture(rate: float) -> Picture:
    curve = short_runs.losses(learning_rate=rate)
    figure = new_page(f"Rate {numerals.rate(rate)}: {verdict(curve)}", "grey: the other rates", 720, 350)
    axis = add_axes(figure, 64, 44, 16, 46)
    for one in RATES:
        line = short_runs.losses(learning_rate=one)
        axis.plot(range(1, len(line) + 1), line, color=plots.GREY, linewidth=0.8, alpha=0.45)
    axis.plot(range(1, len(curve) + 1), curve, color=plots.BLUE, linewidth=2.4)
    axis.axhline(math.log(10), color=plots.ORANGE, linestyle=":", linewidth=1.2)
    axis.text(-2.5, math.log(10) * 1.15, "die", color=plots.DARK_ORANGE, fontsize=8)
    ends = (
        f"{curve[0]:.2f} at the start, {max(curve):.3g} at its highest, {short_runs.at_the_end(curve):.2f} at the end"
    )
    axis.set(xlabel="step", ylabel="loss (nats)", yscale="log")
    axis.set_yticks([0.1, 1, 10, 100, 1000], ["0.1", "1", "10", "100", "1000"])
    axis.minorticks_off()
    axis.set_ylim(0.05, 2000)
    figure.description = f"Rate {numerals.rate(rate)} is {verdict(curve)}. Its loss is {ends}."
    return figure
