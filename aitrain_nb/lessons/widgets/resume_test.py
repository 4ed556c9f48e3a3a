"""What belongs into a checkpoint: a run goes on without some of its state, and leaves the way of the run that was never stopped."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

from aitrain_nb.lessons.experiments.resumed_runs import STEPS, STOPPED, every, resumed, whole
from aitrain_nb.plots import BLUE, GREY, ORANGE
from aitrain_nb.plots.base import INK, add_axes, new_page
from aitrain_nb.widgets.explorable import Explorable, Switch

if TYPE_CHECKING:
    from aitrain_nb.figures import Picture

_SOON = 5
"""Steps of which the mean loss is shown."""
_FIRST = 45
"""The first step in the picture."""


class ResumeTest(Explorable):
    """A run of 120 steps is stopped after 60 and goes on; the weights always come back, the rest where its switch is on.

    Example:
        ResumeTest().set(optimizer=False)
    """

    def __init__(self) -> None:
        every()
        super().__init__(
            _draw, "What belongs into a checkpoint?",
            optimizer=Switch(True, "Optimizer", "Off: its averages begin at nothing."),
            place=Switch(True, "Place in the data", "Off: it begins at the first batch again."),
            chance=Switch(True, "Chance", "Off: dropout throws other dice."),
        )  # fmt: skip


def _draw(optimizer: bool, place: bool, chance: bool) -> Picture:
    found, (_, straight, _) = resumed(optimizer, place, chance), whole()
    figure = new_page(
        "The run that was stopped, and the one that never was",
        f"left: how far their weights are apart; right: the loss of both, a mean of {_SOON} steps", 760, 300,
    )  # fmt: skip
    left, right = add_axes(figure, 52, 42, 400, 54), add_axes(figure, 424, 42, 14, 54)
    after = range(STOPPED, STEPS + 1)
    for other in every():
        left.plot(after, other.distances, color=GREY, linewidth=0.8, alpha=0.45)
    left.plot(after, found.distances, color=ORANGE, linewidth=2.4)
    highest = max(max(other.distances) for other in every())
    left.set(ylabel="distance of the weights", ylim=(-0.04 * highest, 1.05 * highest))
    shown = range(_FIRST, STEPS + 1)
    right.plot(shown, _means(straight), color=BLUE, linewidth=3.2, alpha=0.55, label="never stopped")
    right.plot(shown, _means(found.losses), color=ORANGE, linewidth=1.6, linestyle="--", label="stopped, went on")
    right.set(ylabel="loss, nats")
    right.legend(fontsize=8.5, frameon=False)
    for axis in (left, right):
        axis.set(xlabel="step", xlim=(_FIRST, STEPS))
        axis.axvline(STOPPED, color=INK, linewidth=0.8, linestyle=":")
    soon = slice(STOPPED, STOPPED + _SOON)
    figure.description = _said(found.distances[-1], fmean(found.losses[soon]), fmean(straight[soon]))
    return figure


def _means(losses: tuple[float, ...]) -> list[float]:
    """Of each step that is shown and those just before it."""
    return [fmean(losses[step - _SOON : step]) for step in range(_FIRST, STEPS + 1)]


def _said(distance: float, loss: float, straight: float) -> str:
    apart = "to the last bit the same" if distance == 0 else f"{distance:.2f} apart"
    return (
        f"After {STEPS - STOPPED} more steps the weights of both are {apart}. "
        f"The mean loss of the {_SOON} steps after the stop is {loss:.3f}, and {straight:.3f} without a stop."
    )
