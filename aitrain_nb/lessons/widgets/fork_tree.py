"""`ForkTree`: one run, and at step 100 its branches, each with another learning rate."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from aitrain_nb import numerals, plots
from aitrain_nb.lessons.experiments import short_runs
from aitrain_nb.plots.base import add_axes, new_page
from aitrain_nb.plots.run_data import smooth
from aitrain_nb.widgets.explorable import Explorable, Range

if TYPE_CHECKING:
    from aitrain_nb.figures import Picture

TRUNK, BEFORE, AFTER = 0.1, 100, 40
"""Learning rate of the trunk; steps before the fork, and after it."""
TIMES = (0.001, 0.01, 0.1, 0.3, 1.0, 3.0)
"""What each branch multiplies the rate by."""


class ForkTree(Explorable):
    """The same weights, the same batches to come; only the rate differs from the fork on.

    Example:
        ForkTree().set(times=0.1)
    """

    def __init__(self) -> None:
        branches()
        super().__init__(
            _picture, "From step 100 on: the same batches, another rate",
            times=Range(1.0, "Rate times", stops=TIMES, help="From step 100 on."),
        )  # fmt: skip


@cache
def branches() -> dict[float, tuple[float, ...]]:
    """The loss of every step from the first on, of each branch."""
    trunk = short_runs.trained(learning_rate=TRUNK, max_steps=BEFORE)
    found = {}
    for times in TIMES:
        branch = trunk.fork(f"times {times:g}", max_steps=BEFORE + AFTER, learning_rate=TRUNK * times)
        branch.fit(display="none")
        found[times] = tuple(row["loss"] for row in branch.history)
    return found


def _picture(times: float) -> Picture:
    end = short_runs.at_the_end(branches()[times])
    title = f"Rate {numerals.rate(TRUNK)}, then {numerals.rate(TRUNK * times)}: loss {end:.2f} at the end"
    figure = new_page(title, "grey: the other branches; smoothed", 720, 340)
    axis = add_axes(figure, 56, 44, 16, 46)
    for one, curve in branches().items():
        line = smooth(np.array(curve), 8)
        here = one == times
        axis.plot(range(BEFORE, BEFORE + AFTER + 1), line[BEFORE - 1 :], color=plots.BLUE if here else plots.GREY,
                  linewidth=2.4 if here else 0.9, alpha=1 if here else 0.5, zorder=3 if here else 2)  # fmt: skip
        if here:
            axis.plot(range(1, BEFORE + 1), line[:BEFORE], color="black", linewidth=1.4)
    axis.axvline(BEFORE, color=plots.GREY, linestyle=":", linewidth=1)
    axis.set(xlabel="step", ylabel="loss (nats)", ylim=(0, 1.6), xlim=(15, BEFORE + AFTER))  # fmt: skip
    figure.description = (
        f"{BEFORE} steps at rate {numerals.rate(TRUNK)}, then {AFTER} at {numerals.rate(TRUNK * times)}: the last ten have a mean "
        f"loss of {end:.2f}. The branch that goes on as before has {short_runs.at_the_end(branches()[1.0]):.2f}."
    )
    return figure
