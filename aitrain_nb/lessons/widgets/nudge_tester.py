"""The loss along one dial: its true curve, and the straight line that the gradient foresees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aitrain_nb import plots
from aitrain_nb.lessons.tiny import tiny_trainer
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
        gradients: [51] nats per unit.

    Example:
        NudgeTester().set(dial=49, nudge=0.5)
    """

    def __init__(self) -> None:
        import torch

        trainer = tiny_trainer()
        part = trainer.tokenize().parts[0]
        self._model, self._inputs, self._labels = trainer.model, part.inputs["pixel_values"], part.inputs["labels"]
        loss = torch.nn.functional.cross_entropy(self._model(self._inputs), self._labels)
        tensors = dict(self._model.named_parameters())
        slopes = torch.autograd.grad(loss, list(tensors.values()))
        self._of_weights = [
            (name, at) for name, tensor in tensors.items() for at in range(tensor.numel())
        ]  # tensor and place in it
        self.names = [
            f"{name}[{', '.join(map(str, _place(at, tensors[name].shape)))}]" for name, at in self._of_weights
        ]
        self.gradients = torch.cat([slope.flatten() for slope in slopes]).tolist()
        self.loss = loss.item()
        self._reach = [_FAR * (place / 20 - 1) for place in range(41)]
        self._curves: dict[int, list[float]] = {}
        first = max(range(len(self.names)), key=lambda place: abs(self.gradients[place]))
        super().__init__(
            self._picture, "Nudge one dial", dial=Range(first, "Dial", max=len(self.names) - 1, step=1),
            nudge=Range(0.5, "Nudged by", min=-_FAR, max=_FAR, step=0.01),
        )  # fmt: skip

    def measured(self, dial: int, nudge: float) -> float:
        """The batch's loss with one dial moved, nats."""
        import torch

        name, at = self._of_weights[dial]
        moved = dict(self._model.named_parameters())[name].detach().clone()
        moved.view(-1)[at] += nudge
        with torch.no_grad():
            scores = torch.func.functional_call(self._model, {name: moved}, (self._inputs,))
            return float(torch.nn.functional.cross_entropy(scores, self._labels))

    def _picture(self, dial: int, nudge: float) -> Picture:
        if dial not in self._curves:
            self._curves[dial] = [self.measured(dial, reach) for reach in self._reach]
        slope, came = self.gradients[dial], self.measured(dial, nudge)
        foreseen = self.loss + slope * nudge
        figure = new_page("", "", 640, 250)
        axis = add_axes(figure, 52, 44, 14, 14)
        axis.plot(self._reach, self._curves[dial], color=plots.BLUE, label="the loss")
        axis.plot(
            self._reach,
            [self.loss + slope * reach for reach in self._reach],
            "--",
            color=plots.GREY,
            label="what the gradient foresees",
        )
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


def _place(at: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    import numpy as np

    return tuple(int(one) for one in np.unravel_index(at, shape))
