"""The same answers, said with more or less confidence: accuracy stays, the loss doesn't."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aitrain_nb import plots
from aitrain_nb.lessons.widgets.loss_ledger import MOMENTS, asked
from aitrain_nb.plots.base import add_axes, new_page
from aitrain_nb.widgets.explorable import Explorable, Range

if TYPE_CHECKING:
    from aitrain_nb.figures import Picture

_LEAST, _MOST = 0.05, 20.0


class ConfidenceDial(Explorable):
    """All scores of a trained network, multiplied by one number: its order of the digits stays, its confidence changes.

    Example:
        ConfidenceDial().set(times=10)
    """

    def __init__(self) -> None:
        scores, self.labels = asked()
        self.scores = scores[MOMENTS[2]]
        self._places = [float(f"{_LEAST * (_MOST / _LEAST) ** (place / 80):.3g}") for place in range(81)]
        self._curve = [self.measured(place)[0] for place in self._places]
        super().__init__(
            self._picture, "Confidence", times=Range(1.0, "Scores times", stops=tuple(self._places), log=True)
        )  # fmt: skip

    def measured(self, times: float) -> tuple[float, float, float]:
        """Loss (nats), accuracy, and mean probability of the answer given, with the scores multiplied."""
        import torch

        scores = self.scores * times
        loss = float(torch.nn.functional.cross_entropy(scores, self.labels))
        right = float((scores.argmax(-1) == self.labels).float().mean())
        return loss, right, float(scores.softmax(-1).amax(-1).mean())

    def _picture(self, times: float) -> Picture:
        loss, right, sure = self.measured(times)
        said = f"scores times {times:.2f}: on average {sure:.0%} sure, {right:.1%} right, loss {loss:.2f} nats"
        figure = new_page("", "", 640, 250)
        axis = add_axes(figure, 52, 44, 14, 14)
        axis.plot(self._places, self._curve, color=plots.BLUE)
        axis.plot([times], [loss], "o", color=plots.ORANGE, markersize=9)
        axis.axvline(1, color=plots.GREY, linestyle=":", linewidth=1)
        axis.set_xscale("log")
        axis.set_xticks([0.05, 0.1, 0.3, 1, 3, 10, 20], ["0.05", "0.1", "0.3", "1", "3", "10", "20"])
        axis.set(
            xlabel="all scores multiplied by", ylabel="loss on new digits (nats)", ylim=(0, max(self._curve) * 1.05)
        )
        figure.description = f"With {said}; the lowest loss of the curve is {min(self._curve):.2f}."
        return figure
