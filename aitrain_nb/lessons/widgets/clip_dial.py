"""Gradient clipping: where the gradients of a run are cut, and what becomes of the run."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from aitrain_nb.lessons.experiments.short_runs import at_the_end, trained
from aitrain_nb.plots import BLUE, GREY, ORANGE
from aitrain_nb.plots.base import add_axes, new_page
from aitrain_nb.widgets.explorable import Explorable, Pick, Range

if TYPE_CHECKING:
    from aitrain_nb.figures import Picture

LIMITS = (0.03, 0.1, 0.3, 1.0, 10.0)
"""Lengths to which gradients are cut; none here is as long as 10."""
RATES = {"SGD": 2.0, "AdamW": 0.03}
"""The learning rate of each optimizer; that of SGD is too high without clipping."""
STEPS = 60


class ClipDial(Explorable):
    """Ten real runs on the digits: five limits, two optimizers.

    Example:
        ClipDial().set(limit=0.1)
    """

    def __init__(self) -> None:
        for optimizer in RATES:
            for limit in LIMITS:
                rows(optimizer, limit)
        super().__init__(
            _draw, "Gradient clipping",
            limit=Range(10, "Cut to", log=True, stops=LIMITS, help="max_grad_norm: a longer gradient is cut to this length."),
            optimizer=Pick("SGD", "Optimizer", tuple(RATES)),
        )  # fmt: skip


@cache
def rows(optimizer: str, limit: float) -> tuple[dict[str, Any], ...]:
    """The history of the run with this limit, a row a step."""
    run = trained(
        optimizer=optimizer.lower(), learning_rate=RATES[optimizer], max_grad_norm=limit, max_steps=STEPS, evaluate_every=0
    )  # fmt: skip
    return tuple(dict(row) for row in run.history)


def ends(optimizer: str) -> dict[float, float]:
    """The mean loss of the last ten steps with each limit, nats."""
    return {limit: at_the_end([row["loss"] for row in rows(optimizer, limit)]) for limit in LIMITS}


def _draw(limit: float, optimizer: str) -> Picture:
    found = rows(optimizer, limit)
    norms, losses = [row["grad_norm"] for row in found], [row["loss"] for row in found]
    steps = range(1, len(found) + 1)
    figure = new_page(
        f"{optimizer} at a rate of {RATES[optimizer]:g}, gradients cut to {limit:g}",
        "left: the length of each step's gradient, and what is cut off; right: the loss, grey with the other limits", 760, 300,
    )  # fmt: skip
    left, right = add_axes(figure, 52, 42, 400, 54), add_axes(figure, 424, 42, 14, 54)
    kept = [min(norm, limit) for norm in norms]
    left.vlines(steps, 0, kept, color=BLUE, linewidth=3.4, label="kept")
    left.vlines(steps, kept, norms, color=ORANGE, linewidth=3.4, alpha=0.45, label="cut off")
    left.set(xlabel="step", ylabel="grad_norm", ylim=(0, _longest(optimizer) * 1.2))
    left.legend(fontsize=8.5, frameon=False, ncols=2, loc="upper right")
    for other in LIMITS:
        right.plot(steps, [row["loss"] for row in rows(optimizer, other)], color=GREY, linewidth=0.7, alpha=0.5)
    right.plot(steps, losses, color=ORANGE, linewidth=1.8)
    right.set(xlabel="step", ylabel="loss, nats", ylim=(0, 3.0))
    count = sum(norm > limit for norm in norms)
    figure.description = (
        f"{optimizer}, gradients cut to {limit:g}: {count} of {len(norms)} were longer. "
        f"The loss of the last ten steps is {at_the_end(losses):.2f}."
    )
    return figure


def _longest(optimizer: str) -> float:
    return max(row["grad_norm"] for limit in LIMITS for row in rows(optimizer, limit))
