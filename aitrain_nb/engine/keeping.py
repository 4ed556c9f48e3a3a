"""Which weights the model holds: the best are kept, the last are set aside, and going on starts from the last."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from aitrain_nb.engine import snapshots

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn


class Kept(NamedTuple):
    """The best weights of the evaluations so far.

    Attributes:
        score: what was compared; higher is better.
        loss: validation loss, nats.
        step: optimizer steps taken when they stood.
        epoch: epochs completed then.
        weights: parameter name -> copy.
        buffers: buffer name -> copy.
    """

    score: float
    loss: float
    step: int
    epoch: float
    weights: dict[str, Tensor]
    buffers: dict[str, Tensor]


class Keeper:
    """Keeps the best weights of a model.

    Attributes:
        best: the best so far, or None before the first finite evaluation.
        aside: the last weights and buffers while the model holds the best ones, else None.
    """

    def __init__(self, model: nn.Module, *, enabled: bool) -> None:
        self._model, self._enabled = model, enabled
        self.best: Kept | None = None
        self.aside: tuple[dict[str, Tensor], dict[str, Tensor]] | None = None

    @property
    def shown(self) -> Kept | None:
        """The best weights, while the model holds them and the last ones are set aside."""
        return self.best if self.aside is not None else None

    def offer(self, score: float, loss: float, step: int, epoch: float) -> bool:
        """Keep the weights as they are now if no evaluation was better: a higher score, or the same at a lower loss."""
        if not self._enabled or not math.isfinite(score) or math.isnan(loss):
            return False
        if self.best is not None and (score, -loss) <= (self.best.score, -self.best.loss):
            return False
        weights, buffers = snapshots.copy_weights(self._model), snapshots.copy_buffers(self._model)
        self.best = Kept(score, loss, step, epoch, weights, buffers)
        return True

    def show_best(self, step: int) -> Kept | None:
        """Put the best weights into the model and set the last ones, of after `step` steps, aside; gives the best ones.

        An interrupt in the middle loses nothing: called again, it does all of it.
        """
        if self.best is not None and self.best.step != step:
            if self.aside is None:
                self.aside = snapshots.copy_weights(self._model), snapshots.copy_buffers(self._model)
            snapshots.load_tensors(self._model, self.best.weights, self.best.buffers)
        return self.best

    @property
    def last(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The weights and buffers that training goes on from: those set aside, or the model's own; not copied."""
        if self.aside is not None:
            return self.aside
        return snapshots.own_weights(self._model), snapshots.own_buffers(self._model)

    def change(self, changed: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> None:
        """Keep the same weights in another form.

        Args:
            changed: takes the copies of all weights, by name.
        """
        if self.best is not None:
            self.best = self.best._replace(weights=changed(self.best.weights))
        if self.aside is not None:
            self.aside = changed(self.aside[0]), self.aside[1]

    def show_last(self) -> None:
        """Put the weights that were set aside back, so that training goes on where it ended."""
        if self.aside is not None:
            snapshots.load_tensors(self._model, *self.aside)
            self.aside = None
