"""`BatchRacer`: runs that differ in the size of their batches, against epochs, steps, examples or seconds."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from aitrain_nb import plots
from aitrain_nb.lessons.experiments import short_runs
from aitrain_nb.plots.base import LINES, add_axes, new_page
from aitrain_nb.plots.run_data import smooth
from aitrain_nb.widgets.explorable import Explorable, Pick

if TYPE_CHECKING:
    from aitrain_nb.figures import Picture

SIZES = (8, 32, 128, 512)
EPOCHS = 3


class Racer(NamedTuple):
    """A run, a value a step.

    Attributes:
        losses: of the batches, nats [steps].
        at: "epochs", "steps", "examples", "seconds" -> where the run stood after each step [steps].
    """

    losses: np.ndarray
    at: dict[str, np.ndarray]


class BatchRacer(Explorable):
    """Three epochs each, with batches of 8, 32, 128 and 512: who wins depends on what is counted.

    Example:
        BatchRacer().set(against="steps")
    """

    def __init__(self) -> None:
        racers()
        dial = Pick("epochs", "Counted in", ("epochs", "steps", "examples", "seconds"))
        super().__init__(_picture, "A race of batch sizes", against=dial)


@cache
def racers() -> dict[int, Racer]:
    """Size -> its run."""
    found = {}
    for size in SIZES:
        trainer = short_runs.trained(batch_size=size, learning_rate=0.01, max_steps=None, epochs=EPOCHS)
        rows = list(trainer.history)
        steps = np.arange(1, len(rows) + 1)
        examples = np.cumsum([row["targets"] for row in rows])
        at = {"epochs": examples / len(trainer.data.train), "steps": steps, "examples": examples,
              "seconds": np.cumsum([row["seconds"] for row in rows])}  # fmt: skip
        found[size] = Racer(np.array([row["loss"] for row in rows]), at)
    return found


def _picture(against: str) -> Picture:
    end = min(float(racer.at[against][-1]) for racer in racers().values())
    figure = new_page(f"Loss against {against}", "smoothed; the upright line is where the first of them ends", 760, 340)
    axis = add_axes(figure, 56, 44, 16, 46)
    there = {}
    for (size, racer), (colour, line, _) in zip(racers().items(), LINES, strict=False):
        curve = smooth(racer.losses, 6)
        axis.plot(
            racer.at[against],
            curve,
            color=colour,
            linestyle=line,
            linewidth=1.8,
            label=f"batches of {size}: {len(curve)} steps",
        )
        there[size] = float(np.interp(end, racer.at[against], curve))
    axis.axvline(end, color=plots.GREY, linestyle=":", linewidth=1)
    axis.set(
        xlabel=against,
        ylabel="loss (nats)",
        ylim=(0, 2.5),
        xlim=(0, min(4 * end, max(float(one.at[against][-1]) for one in racers().values()))),
    )
    axis.legend(frameon=False, fontsize=8, loc="center right")
    order = ", ".join(f"{size}: {loss:.2f}" for size, loss in sorted(there.items(), key=lambda one: one[1]))
    figure.description = f"After {end:.3g} {against} the losses are, from the lowest, by batch size: {order}."
    return figure
