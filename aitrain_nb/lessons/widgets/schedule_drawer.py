"""`ScheduleDrawer`: warm-up, peak and decay as dials, over the loss of the run that they give."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from aitrain_nb import numerals, plots, schedules
from aitrain_nb.lessons.experiments import short_runs
from aitrain_nb.plots.base import add_axes, new_page
from aitrain_nb.plots.run_data import smooth
from aitrain_nb.widgets.explorable import Explorable, Pick, Range

if TYPE_CHECKING:
    from aitrain_nb.figures import Picture

PEAKS = (0.01, 0.03, 0.1, 0.3)
WARM_UPS = (0.0, 15.0, 30.0)
DECAYS = {"none": "constant", "straight down": "linear", "half a cosine": "cosine"}
"""As a person reads them -> as a config names them."""


class ScheduleDrawer(Explorable):
    """Each setting of the three dials is a run of 60 steps that was really taken.

    Example:
        ScheduleDrawer().set(warm_up=30, peak=0.3, decay="straight down")
    """

    def __init__(self) -> None:
        for peak, warm_up, decay in itertools.product(PEAKS, WARM_UPS, DECAYS):
            short_runs.losses(**_fields(peak, warm_up, decay))
        super().__init__(
            _picture, "A schedule, and the loss under it",
            warm_up=Range(0.0, "Warm-up", min=0, max=30, step=15, unit="%", help="Of the steps."),
            peak=Range(0.3, "Peak", stops=PEAKS),
            decay=Pick("none", "Decay", tuple(DECAYS)),
        )  # fmt: skip


def _fields(peak: float, warm_up: float, decay: str) -> dict[str, Any]:
    return {"learning_rate": peak, "warmup_steps": warm_up / 100, "schedule": DECAYS[decay]}


def _picture(warm_up: float, peak: float, decay: str) -> Picture:
    curve = short_runs.losses(**_fields(peak, warm_up, decay))
    steps, warming = range(1, short_runs.STEPS + 1), schedules.warmup_length(warm_up / 100, short_runs.STEPS)
    factors = [schedules.factor(DECAYS[decay], step - 1, short_runs.STEPS, warming) for step in steps]
    end = short_runs.at_the_end(curve)
    note = "left: the schedule, right: the loss under it, smoothed"
    figure = new_page(f"Peak {numerals.rate(peak)}: the loss ends at {end:.2f}", note, 860, 340)
    left, right = add_axes(figure, 56, 44, 490, 46), add_axes(figure, 450, 44, 16, 46)
    left.plot(steps, [peak * factor for factor in factors], color=plots.GREEN, linewidth=2.2)
    left.set(xlabel="step", ylabel="learning rate", ylim=(0, 0.33))
    bare = short_runs.losses(**_fields(peak, 0.0, "none"))
    right.plot(
        steps,
        smooth(np.array(bare), 5),
        color=plots.GREY,
        linewidth=1,
        linestyle="--",
        label="this peak from first to last",
    )
    right.plot(steps, smooth(np.array(curve), 5), color=plots.BLUE, linewidth=2.2, label="with this schedule")
    right.set(xlabel="step", ylabel="loss (nats)", yscale="log", ylim=(0.1, 60))
    right.set_yticks([0.1, 1, 10], ["0.1", "1", "10"])
    right.minorticks_off()
    right.legend(frameon=False, fontsize=8, loc="upper right")
    figure.description = (
        f"Warm-up {warm_up:g} % of the steps, peak {numerals.rate(peak)}, decay: {decay}. The loss ends at {end:.2f}; "
        f"with this peak from first to last at {short_runs.at_the_end(bare):.2f}."
    )
    return figure
