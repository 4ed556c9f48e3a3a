"""What the gradient promised and what came: the loss of one batch after a step of any length against the gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aitrain_nb import plots
from aitrain_nb.lessons.experiments.tiny_digits import first_step
from aitrain_nb.plots.base import add_axes, new_page
from aitrain_nb.widgets.explorable import Explorable, Range

if TYPE_CHECKING:
    from aitrain_nb.figures import Picture

_LEAST, _MOST = 0.001, 30.0


class DropForecast(Explorable):
    """All 51 dials step against their gradients at once. Promised is rate x norm², measured is what the batch's loss does.

    Attributes:
        loss: of the batch before the step, nats.
        norm: of the gradient.

    Example:
        DropForecast().set(rate=10)
    """

    def __init__(self) -> None:
        self._step = first_step()
        self.loss = self._step.loss
        self.norm = sum(float((slope**2).sum()) for slope in self._step.slopes.values()) ** 0.5
        self._rates = [float(f"{_LEAST * (_MOST / _LEAST) ** (place / 100):.3g}") for place in range(101)]
        self._curve = [self.drop(rate) for rate in self._rates]
        super().__init__(
            self._picture, "Promised and measured", rate=Range(0.1, "Learning rate", stops=tuple(self._rates), log=True)
        )

    def promised(self, rate: float) -> float:
        """How far the loss would fall if it were a straight slope, nats."""
        return rate * self.norm**2

    def drop(self, rate: float) -> float:
        """How far the loss of the same batch falls in truth, nats; below 0 where it rises."""
        step = self._step
        moved = {name: weight.detach() - rate * step.slopes[name] for name, weight in step.weights.items()}
        return self.loss - step.loss_with(moved)

    def _picture(self, rate: float) -> Picture:
        promised, came = self.promised(rate), self.drop(rate)
        figure = new_page("", "", 640, 250)
        axis = add_axes(figure, 52, 44, 14, 14)
        axis.plot(
            self._rates,
            [self.promised(one) for one in self._rates],
            "--",
            color=plots.GREY,
            label="promised: rate x norm²",
        )
        axis.plot(self._rates, self._curve, color=plots.BLUE, label="measured")
        axis.axhline(0, color=plots.GREY, linewidth=0.8)
        axis.plot([rate, rate], [min(promised, 1.2), max(came, -1.0)], color=plots.ORANGE, linewidth=1)
        axis.plot([rate], [max(came, -1.0)], "o", color=plots.ORANGE, markersize=8)
        axis.set_xscale("log")
        axis.set_xticks([0.001, 0.01, 0.1, 1, 10], ["0.001", "0.01", "0.1", "1", "10"])
        axis.set(xlabel="learning rate", ylabel="the loss falls by (nats)", ylim=(-1.1, 1.2))
        axis.legend(frameon=False, fontsize=8, loc="upper left")
        what = f"falls by {came:.4f}" if came >= 0 else f"rises by {-came:.4f}"
        figure.description = (
            f"At rate {rate:.3g} the gradient promises that the loss falls by {promised:.4f} nats. "
            f"Measured: it {what}, from {self.loss:.3f} to {self.loss - came:.3f}. At best it falls by {max(self._curve):.3f}."
        )
        return figure
