"""The loss along one dial: its true curve, and the straight line that the gradient foresees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aitrain_nb import plots
from aitrain_nb.lessons.experiments.tiny_digits import first_step
from aitrain_nb.plots.base import add_axes, new_page
from aitrain_nb.widgets.explorable import Explorable, Range

if TYPE_CHECKING:
    from aitrain_nb.figures import Picture

_FAR = 4.0
"""How far a dial is nudged at most."""


class NudgeTester(Explorable):
    """Nudge one of the 51 dials of the tiny network: the curve is the loss of a batch, the line what its gradient promised.

    Attributes:
        names: [51] of the dials.
        loss: of the batch, nats.
        gradients: [51] nats per unit.

    Example:
        NudgeTester().set(dial=49, nudge=0.5)
    """

    def __init__(self) -> None:
        self._step = first_step()
        self.loss = self._step.loss
        places = [(name, at) for name, weight in self._step.weights.items() for at in range(weight.numel())]
        self._places = places
        self.names = [f"{name}{_place(at, self._step.weights[name].shape)}" for name, at in places]
        self.gradients = [float(self._step.slopes[name].flatten()[at]) for name, at in places]
        self._reach = [_FAR * (place / 20 - 1) for place in range(41)]
        self._curves: dict[int, list[float]] = {}
        first = max(range(len(self.names)), key=lambda place: abs(self.gradients[place]))
        super().__init__(
            self._picture, "Nudge one dial", dial=Range(first, "Dial", max=len(self.names) - 1, step=1),
            nudge=Range(0.5, "Nudged by", min=-_FAR, max=_FAR, step=0.01),
        )  # fmt: skip

    def measured(self, dial: int, nudge: float) -> float:
        """The batch's loss with one dial moved, nats."""
        name, at = self._places[dial]
        moved = self._step.weights[name].detach().clone()
        moved.view(-1)[at] += nudge
        return self._step.loss_with({name: moved})

    def _picture(self, dial: int, nudge: float) -> Picture:
        if dial not in self._curves:
            self._curves[dial] = [self.measured(dial, reach) for reach in self._reach]
        slope, came = self.gradients[dial], self.measured(dial, nudge)
        foreseen = self.loss + slope * nudge
        figure = new_page("", "", 640, 250)
        axis = add_axes(figure, 52, 44, 14, 14)
        axis.plot(self._reach, self._curves[dial], color=plots.BLUE, label="the loss")
        line = [self.loss + slope * reach for reach in self._reach]
        axis.plot(self._reach, line, "--", color=plots.GREY, label="what the gradient foresees")
        axis.plot([0], [self.loss], "s", color="black", markersize=6, label="now")
        axis.plot([nudge, nudge], [foreseen, came], color=plots.ORANGE, linewidth=1)
        axis.plot([nudge], [came], "o", color=plots.ORANGE, markersize=8, label="nudged")
        axis.set(xlabel=f"{self.names[dial]} moved by", ylabel="loss (nats)")
        axis.legend(frameon=False, fontsize=8, ncols=2)
        figure.description = (
            f"{self.names[dial]} has gradient {slope:.3f} nats per unit. Nudged by {nudge:+.2f}, the loss goes from {self.loss:.4f} to "
            f"{came:.4f}; the gradient foresaw {foreseen:.4f}, which is off by {abs(came - foreseen):.4f}."
        )
        return figure


def _place(at: int, shape: tuple[int, ...]) -> list[int]:
    import numpy as np

    return [int(one) for one in np.unravel_index(at, shape)]
