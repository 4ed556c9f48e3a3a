"""`ForgettingMeter`: one step on eight wrong answers, at the rate of a slider, and what it costs elsewhere."""

from __future__ import annotations

import copy
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from aitrain_nb import numerals, plots
from aitrain_nb.lessons.experiments import short_runs
from aitrain_nb.plots.base import add_axes, new_page
from aitrain_nb.widgets.explorable import Explorable, Range

if TYPE_CHECKING:
    from aitrain_nb.figures import Picture
    from aitrain_nb.trainer import Trainer

RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 3.0)
"""Each was tried."""
EIGHT = 8
"""Examples with a wrong answer."""


class Forgot(NamedTuple):
    """What a step did.

    Attributes:
        kept: share of the validation digits that are right after it.
        taken: how many of the eight wrong answers it took over.
    """

    kept: float
    taken: int


class ForgettingMeter(Explorable):
    """A network that knows its digits takes one step of plain gradient descent on eight digits with wrong labels.

    Example:
        ForgettingMeter().set(rate=1)
    """

    def __init__(self) -> None:
        _all()
        slider = Range(0.01, "Learning rate", stops=RATES)
        super().__init__(_picture, "One step on eight wrong answers", rate=slider)


def mistaught(knowing: Trainer, rate: float) -> Trainer:
    """A copy of a trained network about to take one step on eight digits, each with the label of the next digit."""
    import aitrain_nb as ai

    few = knowing.data.train.take(list(range(EIGHT)))
    wrong = ai.Dataset({"image": few["image"], "label": (few["label"] + 1) % 10}, knowing.class_names)
    data = ai.Splits(wrong, knowing.data.validation, scale=knowing.data.scale)
    config = ai.TrainConfig(
        optimizer="sgd", learning_rate=rate, batch_size=EIGHT, max_steps=1, max_grad_norm=0, keep="last"
    )
    return ai.Trainer(copy.deepcopy(knowing.model), knowing.task, data, config, knowing.processor)


@cache
def _all() -> tuple[float, dict[float, Forgot]]:
    """The share that is right before, and what each rate did."""
    knowing = short_runs.trained(learning_rate=0.01)
    found = {}
    for rate in RATES:
        pupil = mistaught(knowing, rate)
        pupil.fit(display="none")
        taken = round(pupil.evaluate("train").accuracy * EIGHT)
        found[rate] = Forgot(pupil.evaluate().accuracy, taken)
    return knowing.evaluate().accuracy, found


def _picture(rate: float) -> Picture:
    before, found = _all()
    after = found[rate]
    title = f"Rate {numerals.rate(rate)}: {after.kept:.0%} of the other digits still right"
    figure = new_page(title, f"before the step: {before:.0%}", 720, 340)
    axis = add_axes(figure, 52, 44, 16, 46)
    axis.axhline(100 * before, color=plots.GREY, linestyle="--", linewidth=1)
    axis.plot(
        RATES,
        [100 * one.kept for one in found.values()],
        color=plots.BLUE,
        marker="o",
        markersize=4,
        label="other digits still right",
    )
    axis.plot(RATES, [100 * one.taken / EIGHT for one in found.values()], color=plots.ORANGE, linestyle="--", marker="s", markersize=4,
              label="of the eight wrong labels, taken over")  # fmt: skip
    axis.plot([rate], [100 * after.kept], "o", color=plots.BLUE, markersize=12, zorder=4)
    axis.set(xscale="log", ylim=(0, 109), xlabel="learning rate of the one step", ylabel="%")
    axis.set_xticks([0.001, 0.01, 0.1, 1], ["0.001", "0.01", "0.1", "1"])
    axis.minorticks_off()
    axis.legend(frameon=False, fontsize=8, loc="center left")
    figure.description = (
        f"One step at rate {numerals.rate(rate)}: {after.kept:.0%} of the other digits are right, from {before:.0%} before. "
        f"It took over {after.taken} of the {EIGHT} wrong labels."
    )
    return figure
