"""A network that first knows its examples by heart, and much later the rule: step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aitrain_nb.lessons.experiments.sums import MODULUS, watched_sums
from aitrain_nb.plots import BLUE, ORANGE
from aitrain_nb.plots.base import add_axes, new_page
from aitrain_nb.widgets.explorable import Explorable, Pick, Range

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor

    from aitrain_nb.figures import Picture

_DECAYS = {"1": 1.0, "0": 0.0}


class GrokPlayer(Explorable):
    """All 2,809 sums modulo 53 as a board: which the network knows at a step, and the two curves up to there.

    Example:
        GrokPlayer().set(step=150)
    """

    def __init__(self) -> None:
        for decay in _DECAYS.values():
            watched_sums(decay)
        super().__init__(
            _draw, "By heart, or by rule?", step=Range(30, "Step", min=10, max=300, step=10),
            weight_decay=Pick("1", "Weight decay", tuple(_DECAYS), help="1 pulls every weight towards 0; 0 leaves them alone."),
        )  # fmt: skip


def _draw(step: int, weight_decay: str) -> Picture:
    run = watched_sums(_DECAYS[weight_decay])
    place = run.steps.index(step)
    title = f"Step {step}: {run.validation[place]:.0%} of the sums that it has never seen"
    figure = new_page(title, "right: all sums a + b. Blue: trained on, orange: found without, light: wrong", 760, 320)
    left, right = add_axes(figure, 56, 42, 360, 54), add_axes(figure, 490, 42, 10, 54)
    steps = run.steps[: place + 1]
    left.plot(steps, run.training[: place + 1], color=BLUE, linewidth=2, label="sums it trains on")
    left.plot(
        steps, run.validation[: place + 1], color=ORANGE, linestyle="--", linewidth=2, label="sums it has never seen"
    )
    left.set(xlim=(0, 300), ylim=(-0.03, 1.06), xlabel="step", ylabel="share of right answers")
    left.legend(loc="lower right", fontsize=8.5, frameon=False)
    _draw_board(right, run.right[place], run.trained)
    seen, unseen = run.training[place], run.validation[place]
    figure.description = (
        f"Step {step}, weight decay {weight_decay}: {seen:.0%} of the {int(run.trained.sum()):,} sums it trains on are right, "
        f"and {unseen:.0%} of the {int((~run.trained).sum()):,} it has never seen (validation loss {run.loss[place]:.2f})."
    )
    return figure


def _draw_board(axis: Axes, right: Tensor, trained: Tensor) -> None:
    """Row a, column b: blue where it trains on a + b, orange where it is right without, light where it is wrong."""
    colours = [(232, 232, 232), (213, 94, 0), (0, 114, 178)]
    board = (right & ~trained).int() + 2 * (right & trained).int()
    axis.imshow([[colours[place] for place in row] for row in board.tolist()], interpolation="nearest")
    axis.grid(visible=False)
    ticks = [0, 20, 40, MODULUS - 1]
    axis.set(xlabel="b", ylabel="a", xticks=ticks, yticks=ticks)
